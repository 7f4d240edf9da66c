"""Many watchers on one thread: told soon and not too often, and none is held up by another."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import TooManyStreams
from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.queue.changes import Change, Code
from app.streams import hub as hubs
from app.streams import stream as streams
from app.streams.hub import Hub
from app.streams.page_stream import PageStream
from app.streams.stream import Watcher

ME = Person("me", "Me", Role.OPERATOR)


class Browser:
    """The other end of a stream."""

    made: ClassVar[list[Browser]] = []

    def __init__(self, hub: Hub, watcher: Watcher | None = None, *, since: int | None = None) -> None:
        self.made.append(self)
        self.hub, self.closed = hub, []
        server, self.sock = socket.socketpair()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.sock.setblocking(False)
        self.watcher = watcher or Watcher(ME, session=str(ObjectId()))
        self.stream = PageStream(self.watcher, lambda change: True, chunked=True)
        hub.join(self.stream, since, server, lambda: self.closed.append(1))
        turn(hub)

    def read(self) -> bytes:
        got = b""
        try:
            while data := self.sock.recv(65536):
                got += data
        except BlockingIOError:
            return got
        return got + b"EOF"

    def told(self) -> list[str]:
        """The lines of data that came."""
        return [line for line in self.read().decode().splitlines() if line.startswith("data: ")]


def turn(hub: Hub, seconds: float = 0.0) -> None:
    """What the thread does for a while, and for its calls at least."""
    end = time.monotonic() + seconds
    hub.turn(0)
    while time.monotonic() < end:
        hub.turn(0.01)


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    monkeypatch.setattr(hubs, "GATHER_S", 0.0)
    monkeypatch.setattr(hubs, "EVERY_S", 0.2)
    made = Hub()
    made.listening(True)
    yield made
    made.stop()
    turn(made)
    made.close()
    while Browser.made:
        Browser.made.pop().sock.close()


def changed() -> Change:
    return Change(Code.STATUS, str(ObjectId()), "me")


def test_the_first_change_is_told_at_once_and_others_together(hub):
    browser = Browser(hub)
    browser.read()
    turn(hub, 0.25)
    hub.tell([changed()])
    turn(hub, 0.02)
    assert len(browser.told()) == 1
    for _ in range(10):
        hub.tell([changed()])
        turn(hub, 0.005)
    assert browser.told() == []
    turn(hub, 0.25)
    (line,) = browser.told()
    assert line.count(",") > 10


def test_a_slow_reader_costs_the_others_nothing_and_is_cut_off(hub, monkeypatch):
    monkeypatch.setattr(streams, "LONGEST_UNSENT_S", 0.2)
    monkeypatch.setattr(hubs, "EVERY_S", 0.0)
    slow, quick = Browser(hub), Browser(hub)
    count = 0
    while not slow.stream.stuck:
        hub.tell([changed() for _ in range(40)])
        turn(hub)
        count += len(quick.told()) if count < 10_000 else pytest.fail("it takes everything")
    held = len(slow.stream._unsent)
    for _ in range(20):
        hub.tell([changed() for _ in range(40)])
        turn(hub)
        assert quick.told()
    assert len(slow.stream._unsent) == held  # nothing is piled up
    time.sleep(0.25)
    hub._beat_at = 0.0
    turn(hub)
    assert slow.closed and not quick.closed
    assert slow.read().endswith(b"EOF")


def test_what_was_on_its_way_arrives_whole(hub, monkeypatch):
    monkeypatch.setattr(hubs, "EVERY_S", 0.0)
    browser = Browser(hub)
    while not browser.stream.stuck:
        hub.tell([changed() for _ in range(40)])
        turn(hub)
    got = b""
    while browser.stream.stuck:
        got += browser.read()
        turn(hub)
    got += browser.read()
    assert got.startswith(b"4") and got.endswith(b"\r\n")  # chunks, none of them torn
    while got:
        size, _, rest = got.partition(b"\r\n")
        assert rest[int(size, 16) :][:2] == b"\r\n"
        got = rest[int(size, 16) + 2 :]


def test_a_browser_that_goes_is_forgotten(hub):
    browser = Browser(hub)
    assert hub.watchers == [browser.watcher]
    browser.sock.close()
    turn(hub)
    assert hub.watchers == [] and browser.closed == [1]


def test_so_is_one_that_goes_on_sending(hub):
    browser = Browser(hub)
    browser.sock.send(b"GET / HTTP/1.1\r\n\r\n")
    turn(hub)
    assert hub.watchers == [] and browser.closed == [1]


def test_it_beats(hub, monkeypatch):
    browser = Browser(hub)
    browser.read()
    hub._beat_at = 0.0
    turn(hub)
    assert browser.read() == b"4\r\n: \n\n\r\n"


def test_it_stops_whole(hub):
    browser = Browser(hub)
    hub.stop()
    turn(hub)
    assert browser.read().endswith(b"0\r\n\r\nEOF") and browser.closed == [1]
    late = Browser(hub)
    assert late.closed == [1]


def test_those_who_may_no_longer_watch_are_ended_alone(hub):
    gone, stays = Browser(hub), Browser(hub)
    hub.leave_all([gone.watcher])
    turn(hub)
    assert gone.closed and not stays.closed


def test_there_is_room_for_so_many(hub, monkeypatch):
    monkeypatch.setattr(hubs, "MOST_OF_SESSION", 2)
    monkeypatch.setattr(hubs, "MOST_OF_PERSON", 3)
    monkeypatch.setattr(hubs, "MOST", 4)
    mine, other = Watcher(ME, session="a"), Watcher(ME, session="b")
    hub.reserve(mine)
    assert [Browser(hub, mine).closed, Browser(hub, Watcher(ME, session="a")).closed] == [[], []]
    refused(hub, mine)
    hub.reserve(other)
    refused(hub, Watcher(ME, session="b"))  # a place that is kept is taken
    Browser(hub, other)
    you = Watcher(Person("you", "You", Role.VIEWER), session="c")
    hub.reserve(you)
    Browser(hub, you)
    refused(hub, Watcher(Person("she", "She", Role.VIEWER), session="d"))


def refused(hub: Hub, watcher: Watcher) -> None:
    with pytest.raises(TooManyStreams):
        hub.reserve(watcher)


def test_a_place_that_is_not_taken_is_given_back(hub, monkeypatch):
    monkeypatch.setattr(hubs, "MOST_OF_SESSION", 1)
    hub.reserve(Watcher(ME, session="a"))
    refused(hub, Watcher(ME, session="a"))
    monkeypatch.setattr(hubs, "RESERVED_S", 0.0)
    hub.reserve(Watcher(ME, session="a"))


def test_what_changed_since_the_page_was_made_is_told_when_it_comes(hub):
    before = int(utcnow().timestamp() * 1000)
    change = changed()
    hub.tell([change])
    turn(hub, 0.02)
    assert change.task in Browser(hub, since=before).told()[0]
    late = Browser(hub, since=before + 60_000)
    assert '"changed":[]' in late.told()[0]
    for unknown in (None, 0):  # before anything was heard
        assert '"*"' in Browser(hub, since=unknown).told()[0]


def test_a_gap_is_told(hub):
    browser = Browser(hub)
    browser.read()
    hub.listening(False)
    turn(hub, 0.25)
    assert '"listening":false' in browser.told()[0]
    hub.listening(True)
    turn(hub, 0.25)
    assert '"changed":["*"],"listening":true' in browser.told()[0]
