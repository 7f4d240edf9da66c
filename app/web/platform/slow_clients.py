"""Connections whose waits are paid for by what moves: nobody holds a thread by sending or taking slowly.

The measure is a credit of seconds: a wait uses it up, each byte adds to it. A client at the least rate or
above never runs out of it; one that sends a byte now and then does, within seconds.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Any

GRACE_S = 10.0
"""How long a client may take before its first byte."""
LONGEST_S = 30.0
"""How long one that was fast may pause."""
LEAST_RATE = 1024.0
"""Bytes per second that keep a connection."""
LOOK_S = 1.0
PIECE = 256 * 1024


class TooSlow(TimeoutError):
    """A client that sends or takes too slowly: its connection ends."""

    def __init__(self) -> None:
        # What gunicorn takes for a client that is gone: nothing to be logged with a traceback.
        super().__init__(errno.EPIPE, "the client is too slow")


class Credit:
    """The seconds that may still be waited for a client."""

    def __init__(self) -> None:
        self.left_s = GRACE_S

    def gain(self, count: int) -> None:
        self.left_s = min(LONGEST_S, self.left_s + count / LEAST_RATE)

    def spend(self, seconds: float, pressure: float) -> None:
        """Use it up, and faster under pressure: where others wait, a higher rate is the least."""
        self.left_s -= seconds * pressure


class PacedSocket(socket.socket):
    """A socket that raises TooSlow in a wait that its client has no credit for."""

    pressure: Callable[[], float] = staticmethod(lambda: 1.0)
    taker: Any = None
    """What takes the connection when the thread that answers is done (`app.streams.response.Taker`)."""

    @classmethod
    def of(cls, plain: socket.socket, pressure: Callable[[], float]) -> PacedSocket:
        """Take over an open socket."""
        timeout = plain.gettimeout()
        paced = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        paced.settimeout(timeout)
        paced.pressure = pressure
        paced.begin()
        return paced

    def begin(self) -> None:
        """Another request: its credit is that of a new client."""
        self._reading, self._writing = Credit(), Credit()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self.gettimeout() == 0:
            return super().recv(size, flags)
        self._wait(select.POLLIN, self._reading)
        data = super().recv(size, flags)
        self._reading.gain(len(data))
        return data

    def send(self, data: Any, flags: int = 0, /) -> int:
        if self.gettimeout() == 0:
            return super().send(data, flags)
        while True:
            self._wait(select.POLLOUT, self._writing)
            try:
                sent = super().send(data, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            self._writing.gain(sent)
            return sent

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        if self.gettimeout() == 0:
            return super().sendall(data, flags)
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                sent += self.send(view[sent : sent + PIECE], flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        file.seek(offset)
        sent = 0
        while piece := file.read(PIECE if count is None else min(PIECE, count - sent)):
            self.sendall(piece)
            sent += len(piece)
        return sent

    def _wait(self, event: int, credit: Credit) -> None:
        """Wait until something can move. Raises TooSlow, and TimeoutError after the socket's own timeout."""
        poll = select.poll()
        poll.register(self, event)
        if poll.poll(0):
            return
        timeout = self.gettimeout()
        ends = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            began = time.monotonic()
            moves = poll.poll(max(0.0, min(LOOK_S, ends - began)) * 1000)
            credit.spend(time.monotonic() - began, self.pressure())
            if credit.left_s <= 0:
                raise TooSlow
            if moves:
                return
            if time.monotonic() >= ends:
                raise TimeoutError("timed out")
