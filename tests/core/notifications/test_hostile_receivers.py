"""Receivers that mean harm: each attempt ends within its time, and reads a bounded part of the answer."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.notifications.channels import posting, signature, webhook
from app.core.notifications.deliveries import Attempt, Delivery, DeliveryState, Why
from config import load

DELIVERY = Delivery(ObjectId(), ObjectId(), "alice", "test", "Test", "{}", utcnow(), DeliveryState.PENDING, 1)
HEAD = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(20_000_000), 1)


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer each connection by a function, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    taken, _ = server.accept()
                    with taken, suppress(OSError):
                        taken.recv(65_536)
                        answer(taken)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def attempt(port: int, path: str = "/hook") -> tuple[Attempt, float]:
    settings = load({"ENVIRONMENT": "local", "HTTP_ALLOW": f"127.0.0.1:{port}"})
    began = time.monotonic()
    address = f"http://127.0.0.1:{port}{path}"
    return webhook.send(settings, address, [signature.new_secret()], DELIVERY), time.monotonic() - began


def drip(taken: socket.socket) -> None:
    for byte in HEAD * 100:
        taken.sendall(bytes([byte]))
        time.sleep(0.05)


def endless(taken: socket.socket) -> None:
    taken.sendall(HEAD + b"\r\n")
    while True:
        taken.sendall(b"x" * 65_536)


def head(taken: socket.socket) -> None:
    taken.sendall(HEAD)
    while True:
        taken.sendall(b"X-A: " + b"a" * 1_000 + b"\r\n")


def informing(taken: socket.socket) -> None:
    while True:
        taken.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.01)


def bomb(taken: socket.socket) -> None:
    said = f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    taken.sendall(HEAD + said.encode() + BOMB)


def redirect(taken: socket.socket) -> None:
    taken.sendall(b"HTTP/1.1 307 X\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "why", "status"),
    [
        (drip, Why.NO_ANSWER, None),
        (informing, Why.NO_ANSWER, None),
        (head, Why.NO_ANSWER, None),
        (endless, Why.ACCEPTED, 200),
        (bomb, Why.ACCEPTED, 200),
        (redirect, Why.REFUSED, 307),
        (lambda taken: taken.sendall(b"SSH-2.0-x\r\n"), Why.NO_ANSWER, None),
        (lambda taken: None, Why.NO_ANSWER, None),
    ],
    ids=["drip", "informing", "head", "endless", "bomb", "redirect", "no http", "nothing"],
)
def test_an_attempt_is_bounded(
    answer: Callable[[socket.socket], None], why: Why, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "WITHIN_S", 1.0)
    with answering(answer) as port:
        ended, took_s = attempt(port)
    assert (ended.why, ended.status) == (why, status)
    assert took_s < 3 and len(ended.excerpt) <= posting.EXCERPT


def test_a_name_is_resolved_once_and_by_what_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time is not asked a second time."""
    answers = iter([[("8.8.8.8", 80), ("::ffff:127.0.0.1", 80)], [("127.0.0.1", 80)]])

    def lookup(*args: object, **given: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", found) for found in next(answers)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    settings = load({"ENVIRONMENT": "local"})
    for _ in range(2):
        sent = webhook.send(settings, "http://rebind.example.org/", [signature.new_secret()], DELIVERY)
        assert sent.why is Why.NOT_ALLOWED
    assert next(answers, None) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
        "http://[fe80::1]/", "http://[fd00::1]/", "http://127.1/", "http://0177.0.0.1/", "http://2130706433/",
        "http://a:b@example.org/", "http://example.org:22/", "http://10.0.0.1/", "https://100.64.0.1/",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *args, **given: pytest.fail("It was asked."))
    sent = webhook.send(load({"ENVIRONMENT": "local"}), address, [signature.new_secret()], DELIVERY)
    assert sent.why is Why.NOT_ALLOWED
