"""One watcher and its connection: what it has not been told yet, and what is on its way.

Only the thread of the `hub` touches a stream that has its connection. Which changes it hears is the matter of
its kind: `page_stream`.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bson import ObjectId

from app.core.people.person import Person
from app.core.queue.changes import Change

if TYPE_CHECKING:
    from app.streams.following import Place, Reading

BEAT = b": \n\n"
LONGEST_UNSENT_S = 20.0
"""A watcher that takes nothing for so long is cut off."""
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, eq=False)
class Watcher:
    """Who watches: a browser by its ``session``; a program by a token, or who a proxy signed in, without."""

    person: Person
    session: str = ""
    waits: bool = False
    """It has one answer to come, and no stream; of those there may be more."""


class Stream:
    """A response that goes on; ``chunked`` says how it is framed."""

    follows: ObjectId | None = None
    """The task that it reads (`following`); None for one that hears hints only."""
    place: Place | None = None
    """What is wanted of its task's log."""
    every_s: float | None = None
    """How often it is told something at most, in seconds; None: as all."""
    beat = BEAT
    ends_at = float("inf")
    """When it is told that its time is up, as `time.monotonic` has it."""
    over = False
    """Whether it ends with what is on its way."""
    hungry = False
    """Whether its task is to be read again at once, as there is more than it took."""

    def __init__(self, watcher: Watcher, *, chunked: bool) -> None:
        self.watcher = watcher
        self.due_at = 0.0
        self._chunked = chunked
        self._unsent = bytearray()
        self._stuck_since: float | None = None
        self._sock: socket.socket | None = None
        self._closed: Callable[[], None] = lambda: None

    # Its connection

    def begin(self, sock: socket.socket, closed: Callable[[], None]) -> None:
        """Take over a connection whose head was sent; ``closed`` is called when it is over."""
        sock.setblocking(False)
        self._sock, self._closed = sock, closed

    def fileno(self) -> int:
        return self._sock.fileno() if self._sock else -1

    @property
    def stuck(self) -> bool:
        """Whether something is on its way: nothing is added to it meanwhile."""
        return bool(self._unsent)

    def too_slow(self, now: float) -> bool:
        return self._stuck_since is not None and now - self._stuck_since > LONGEST_UNSENT_S

    def gone(self) -> bool:
        """Return whether the watcher has closed, or sends something, which none does that listens."""
        try:
            if self._sock is not None:
                self._sock.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def send(self, data: bytes) -> None:
        """Send what can be sent now, and keep the rest. Raises OSError."""
        if data:  # An empty chunk would be the last one.
            self._unsent += b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
        self.go_on()

    def go_on(self) -> None:
        """Send more of what is on its way. Raises OSError."""
        if self._sock is not None:
            with contextlib.suppress(BlockingIOError):
                sent = self._sock.send(self._unsent)
                del self._unsent[:sent]
                self._stuck_since = None
        self._stuck_since = (self._stuck_since or time.monotonic()) if self._unsent else None

    def close(self) -> None:
        """End it, whole where nothing is on its way."""
        if self._sock is None:
            return
        with contextlib.suppress(OSError):
            if self._chunked and not self._unsent:
                self._sock.send(LAST_CHUNK)
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._sock = None
        self._closed()

    def last_words(self, *, revoked: bool) -> bytes:
        """Return what it says when it is ended: its person may not watch any more, or the server stops."""
        return b""

    # What it hears, by kind

    def read(self, reading: Reading) -> None:
        """Remember what is new of the task that it follows."""

    def time_is_up(self) -> None:
        """Its time, `ends_at`, has come."""

    def begun(self, listening: bool, missed: Sequence[Change] | None) -> None:
        """Begin with what was ``missed`` since the request was answered, None where nobody knows."""
        raise NotImplementedError

    def hear(self, changes: Sequence[Change]) -> None:
        """Remember those of the changes that the watcher may know of and wants to know of."""
        raise NotImplementedError

    def hear_listening(self, listening: bool) -> None:
        """Remember whether changes are heard of at all; while they are not, the watcher asks by itself."""
        raise NotImplementedError

    @property
    def has_news(self) -> bool:
        raise NotImplementedError

    def news(self, streams: int) -> bytes:
        """Return what there is to be told, as an event, where there are so many ``streams``."""
        raise NotImplementedError
