"""The one thread of a web process that has all its event streams, and tells each what it hears.

A stream is told at once what comes after a silence, and then at most once in `EVERY_S`: what comes in between
is told together. A watcher that does not take what it is told is told nothing more, and is cut off after
a while; the others do not notice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue

from bson import ObjectId

from app.core.errors import TooManyStreams
from app.core.queue.changes import Change
from app.streams.following import Reading
from app.streams.page_stream import now_ms
from app.streams.stream import Stream, Watcher

MOST = 400
MOST_OF_PERSON = 50
MOST_WAITS = 400
MOST_WAITS_OF_PERSON = 300
MOST_OF_SESSION = 4
"""Of one browser, which opens six connections at most where it speaks HTTP/1.1, and needs some for pages."""
EVERY_S = 0.8
GATHER_S = 0.05
BEAT_S = 15.0
RESERVED_S = 10.0
"""A connection that breaks before it comes gives its place back so late."""
REMEMBERED_MS = 60_000
MOST_REMEMBERED = 5_000

log = logging.getLogger("app.streams")


class Hub:
    """All streams of a process. Its methods may be called by any thread."""

    def __init__(self) -> None:
        self.look: Callable[[ObjectId], None] = lambda task_id: None
        """Has a task read for the streams that follow it (`following`)."""
        self._streams: dict[Stream, None] = {}
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._awake, self._wake = socket.socketpair()
        self._awake.setblocking(False)
        self._wake.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._awake, selectors.EVENT_READ)
        self._fresh: dict[Change, None] = {}
        self._over: list[Stream] = []
        self._gathered_at = 0.0
        self._remembered: deque[tuple[int, Change]] = deque(maxlen=MOST_REMEMBERED)
        self._listening_since: int | None = None
        self._beat_at = time.monotonic() + BEAT_S
        self._reserved: dict[Watcher, float] = {}
        self._reserving = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self.run, name="streams", daemon=True).start()

    @property
    def watchers(self) -> list[Watcher]:
        """Who watches now."""
        return [stream.watcher for stream in list(self._streams)]

    @property
    def followers(self) -> list[Stream]:
        """The streams that follow a task."""
        return [stream for stream in list(self._streams) if stream.follows]

    def reserve(self, watcher: Watcher) -> None:
        """Keep a place for a watcher whose connection comes in a moment.

        Raises TooManyStreams where a person, a browser or this process has as many as it may.
        """
        with self._reserving:
            now = time.monotonic()
            self._reserved = {one: at for one, at in self._reserved.items() if now - at < RESERVED_S}
            self._require_room(watcher, [*self.watchers, *self._reserved])
            self._reserved[watcher] = now

    def _require_room(self, watcher: Watcher, others: Sequence[Watcher]) -> None:
        watchers = [one for one in others if one.waits == watcher.waits]
        most, of_person = (MOST_WAITS, MOST_WAITS_OF_PERSON) if watcher.waits else (MOST, MOST_OF_PERSON)
        persons = Counter(one.person.id for one in watchers)
        sessions = Counter(one.session for one in watchers)
        if len(watchers) >= most or persons[watcher.person.id] >= of_person:
            raise TooManyStreams
        if watcher.session and sessions[watcher.session] >= MOST_OF_SESSION:
            raise TooManyStreams

    def join(
        self, stream: Stream, since: int | None, sock: socket.socket, closed: Callable[[], None]
    ) -> None:
        """Take over a connection. ``since`` is the time, in ms, of what its watcher knows."""
        self._call(partial(self._join, stream, since, sock, closed))

    def leave(self, stream: Stream) -> None:
        """End a stream: the server stops."""
        self._call(partial(self._dismiss, stream, revoked=False))

    def leave_all(self, watchers: Collection[Watcher]) -> None:
        """End the streams of watchers that may not watch any more."""
        for stream in list(self._streams):
            if stream.watcher in watchers:
                self._call(partial(self._dismiss, stream, revoked=True))

    def show(self, readings: Sequence[Reading]) -> None:
        """Have the streams that follow tasks take what was read of them."""
        self._call(partial(self._show, {reading.task_id: reading for reading in readings}))

    def tell(self, changes: Iterable[Change]) -> None:
        """Have every stream hear of changes."""
        self._call(partial(self._gather, list(changes)))

    def listening(self, listening: bool) -> None:
        """Say whether changes are heard of; what came before is forgotten, as there is a gap."""
        self._call(partial(self._set_listening, listening))

    def stop(self) -> None:
        """End all streams, and the thread."""
        self._call(self._stop)

    def _call(self, call: Callable[[], None]) -> None:
        self._calls.put(call)
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    # In its own thread

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopped:
            try:
                self.turn(self._wait_s())
            except Exception:  # a defect must not silence every stream for good
                log.exception("Event streams: a turn failed; the next one follows.")
                time.sleep(GATHER_S)
        self.close()

    def close(self) -> None:
        """Give back what it waits with."""
        self._selector.close()
        self._awake.close()
        self._wake.close()

    def turn(self, wait_s: float) -> None:
        """Wait for something to do, and do it."""
        for key, events in self._selector.select(wait_s):
            if key.fileobj is self._awake:
                self._answer_calls()
            elif isinstance(key.data, Stream) and key.data in self._streams:
                self._move(key.data, events)
        now = time.monotonic()
        if self._fresh and now - self._gathered_at >= GATHER_S:
            changes, self._fresh = list(self._fresh), {}
            for stream in self._streams:
                stream.hear(changes)
        for stream in [one for one in self._streams if one.ends_at <= now]:
            stream.time_is_up()
        self._tell_due(now)
        if now >= self._beat_at:
            self._beat(now)
        over, self._over = self._over, []
        for stream in over:  # Each has its last words before the first is closed and logged.
            self._drop(stream)

    def _wait_s(self) -> float:
        due = [stream.due_at for stream in self._streams if stream.has_news and not stream.stuck]
        due += [stream.ends_at for stream in self._streams if not stream.stuck]
        if self._fresh:
            due.append(self._gathered_at + GATHER_S)
        return max(0.0, min([self._beat_at, *due]) - time.monotonic())

    def _answer_calls(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._awake.recv(4096)
        for _ in range(self._calls.qsize()):
            self._calls.get()()

    def _join(
        self, stream: Stream, since: int | None, sock: socket.socket, closed: Callable[[], None]
    ) -> None:
        stream.begin(sock, closed)
        if self._stopped or len(self._streams) >= MOST + MOST_WAITS:
            stream.close()
            return
        self._streams[stream] = None
        with self._reserving:
            self._reserved.pop(stream.watcher, None)
        self._selector.register(sock, selectors.EVENT_READ, stream)
        stream.begun(self._listening_since is not None, self._missed(since))
        if stream.follows:  # It may have changed since its view read it.
            self.look(stream.follows)

    def _missed(self, since: int | None) -> Sequence[Change] | None:
        """Return what was told after a time; None where that is not known."""
        listening_since = self._listening_since
        if since is None or listening_since is None or since < listening_since:
            return None
        forgotten = len(self._remembered) == MOST_REMEMBERED and self._remembered[0][0] > since
        if forgotten or now_ms() - since > REMEMBERED_MS:
            return None
        return [change for at, change in self._remembered if at >= since]

    def _gather(self, changes: list[Change]) -> None:
        if not self._fresh:
            self._gathered_at = time.monotonic()
        self._fresh.update(dict.fromkeys(changes))
        now = now_ms()
        self._remembered.extend((now, change) for change in changes)

    def _show(self, readings: Mapping[ObjectId, Reading]) -> None:
        for stream in self._streams:
            if stream.follows and stream.follows in readings:
                stream.read(readings[stream.follows])
                self._feed(stream)

    def _feed(self, stream: Stream) -> None:
        """Have its task read again, where it has taken what it was told and there is more."""
        if stream.hungry and stream.follows and not stream.stuck and not stream.has_news:
            stream.hungry = False
            self.look(stream.follows)

    def _set_listening(self, listening: bool) -> None:
        self._listening_since = now_ms() if listening else None
        self._remembered.clear()
        for stream in self._streams:
            stream.hear_listening(listening)

    def _tell_due(self, now: float) -> None:
        for stream in [one for one in self._streams if one.due_at <= now and one.has_news and not one.stuck]:
            stream.due_at = now + (EVERY_S if stream.every_s is None else stream.every_s)
            self._send(stream, stream.news(len(self._streams)))

    def _beat(self, now: float) -> None:
        """Show proxies and watchers that the streams live, and cut off who takes nothing."""
        self._beat_at = now + BEAT_S
        for stream in list(self._streams):
            if stream.too_slow(now):
                self._drop(stream)
            elif not stream.stuck and stream.beat:
                self._send(stream, stream.beat)

    def _send(self, stream: Stream, data: bytes) -> None:
        try:
            stream.send(data)
        except OSError:
            self._drop(stream)
            return
        self._want(stream)

    def _move(self, stream: Stream, events: int) -> None:
        if events & selectors.EVENT_READ and stream.gone():
            self._drop(stream)
        elif events & selectors.EVENT_WRITE:
            self._send_rest(stream)

    def _send_rest(self, stream: Stream) -> None:
        try:
            stream.go_on()
        except OSError:
            self._drop(stream)
            return
        self._want(stream)

    def _want(self, stream: Stream) -> None:
        if stream.over and not stream.stuck:
            self._over.append(stream)
            return
        self._feed(stream)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if stream.stuck else 0)
        if self._selector.get_key(stream).events != wanted:
            self._selector.modify(stream, wanted, stream)

    def _dismiss(self, stream: Stream, *, revoked: bool) -> None:
        if stream in self._streams and not stream.stuck and (words := stream.last_words(revoked=revoked)):
            with contextlib.suppress(OSError):
                stream.send(words)
        self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        if stream in self._streams:
            del self._streams[stream]
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._selector.unregister(stream)
            stream.close()

    def _stop(self) -> None:
        for stream in list(self._streams):
            self._dismiss(stream, revoked=False)
        self._stopped = True


def of_process(make: Callable[[], Hub]) -> Callable[[], Hub]:
    """Return what finds the hub of this process, made when it is first needed: a fork has none of its own."""
    found: dict[int, Hub] = {}
    lock = threading.Lock()

    def hub() -> Hub:
        with lock:
            pid = os.getpid()
            if pid not in found:
                found.clear()
                found[pid] = make()
            return found[pid]

    return hub
