"""A wait is paid for by what moves: slow ones run out of credit, steady ones never do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from app.web.platform import slow_clients
from app.web.platform.slow_clients import GRACE_S, LEAST_RATE, LONGEST_S, Credit, PacedSocket, TooSlow


def spent(rate: float, pressure: float, seconds: int = 600) -> int | None:
    """After how many seconds a client of a rate has no credit left; None if never."""
    credit = Credit()
    for second in range(seconds):
        credit.spend(1.0, pressure)
        if credit.left_s <= 0:
            return second
        credit.gain(int(rate))
    return None


@pytest.mark.parametrize("pressure", [1.0, 8.0, 64.0])
def test_the_least_rate_and_above_lasts_and_less_does_not(pressure):
    least = LEAST_RATE * pressure
    assert spent(least * 1.1, pressure) is None or pressure > GRACE_S  # such a credit is below a second
    assert spent(least * 0.5, pressure) is not None
    assert spent(1 / 15, pressure) is not None  # a byte every 15 s
    assert spent(1, pressure) <= GRACE_S


def test_a_fast_client_may_pause_and_not_for_ever():
    credit = Credit()
    credit.gain(10**9)
    credit.spend(LONGEST_S - 1, 1.0)
    assert credit.left_s > 0
    credit.spend(1, 1.0)
    assert credit.left_s <= 0


@pytest.fixture
def pair(monkeypatch) -> Iterator[tuple[PacedSocket, socket.socket]]:
    """A paced end with half a second of grace and no more credit than that, and the client's."""
    monkeypatch.setattr(slow_clients, "GRACE_S", 0.5)
    monkeypatch.setattr(slow_clients, "LONGEST_S", 0.5)
    monkeypatch.setattr(slow_clients, "LOOK_S", 0.05)
    ours, theirs = socket.socketpair()
    paced = PacedSocket.of(ours, lambda: 1.0)
    yield paced, theirs
    paced.close()
    theirs.close()


def test_a_client_that_sends_nothing(pair):
    began = time.monotonic()
    with pytest.raises(TooSlow):
        pair[0].recv(10)
    assert 0.4 < time.monotonic() - began < 60


def test_a_client_that_sends_a_byte_now_and_then(pair):
    paced, theirs = pair
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.1):
            theirs.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    with pytest.raises(TooSlow):
        for _ in range(100):
            assert paced.recv(1) == b"x"
    stop.set()
    thread.join()


def test_a_client_that_takes_nothing(pair):
    with pytest.raises(TooSlow):
        pair[0].sendall(b"x" * 20_000_000)


def test_what_moves_arrives_whole(pair, tmp_path):
    paced, theirs = pair
    (tmp_path / "file").write_bytes(bytes(range(256)) * 4000)
    got = bytearray()
    thread = threading.Thread(target=lambda: got.extend(read_all(theirs)))
    thread.start()
    with (tmp_path / "file").open("rb") as file:
        assert paced.sendfile(file, offset=1, count=1_000_000) == 1_000_000
    paced.sendall(memoryview(b"end"))
    paced.shutdown(socket.SHUT_WR)
    thread.join()
    assert bytes(got) == (tmp_path / "file").read_bytes()[1:1_000_001] + b"end"


def read_all(client: socket.socket) -> bytes:
    got = b""
    while piece := client.recv(65536):
        got += piece
    return got


def test_the_time_between_requests_is_not_counted(pair):
    paced, theirs = pair
    for _ in range(3):
        paced.begin()
        time.sleep(0.3)
        theirs.send(b"x")
        assert paced.recv(1) == b"x"


def test_its_own_timeout_holds_and_without_blocking_nothing_waits(pair):
    paced, _ = pair
    paced.settimeout(0.1)
    with pytest.raises(TimeoutError) as raised:
        paced.recv(1)
    assert not isinstance(raised.value, TooSlow)
    paced.setblocking(False)
    with pytest.raises(BlockingIOError):
        paced.recv(1)
