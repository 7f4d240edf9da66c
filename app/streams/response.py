"""A response that becomes an event stream: its head is sent by a thread, and then the thread is free.

The server's worker (`app/gunicorn_worker.py`) takes the connection from the thread and gives it to the `hub`.
Other servers cannot, and answer 404 (pages then ask by themselves, as they do without a script for it).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from flask import Flask, Response, current_app, request

from app.core.errors import StreamsUnsupported
from app.core.services import Services
from app.streams import hub as hubs
from app.streams.following import Following
from app.streams.hub import Hub
from app.streams.listening import Listener
from app.streams.stream import Stream, Watcher

RETRY_MS = 3_000
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx passes each event on at once
}


class Taker(Protocol):
    """What takes a connection from the server."""

    def take(self, sock: socket.socket, closed: Callable[[], None]) -> None:
        """Serve it from now on, and call ``closed`` when it is closed."""

    def end(self) -> None:
        """Close it: the server stops."""


class HandedOver(OSError):
    """Ends an answer whose connection goes on. The server takes it for a client that is gone."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the connection goes on as an event stream")


class Joining:
    """Brings a connection to the hub, and ends it there."""

    def __init__(self, hub: Hub, stream: Stream, since: int | None) -> None:
        self._hub, self._stream, self._since = hub, stream, since

    def take(self, sock: socket.socket, closed: Callable[[], None]) -> None:
        self._hub.join(self._stream, self._since, sock, closed)

    def end(self) -> None:
        self._hub.leave(self._stream)


def _connection() -> Any:
    """Return the connection of this request where the server can hand it over."""
    sock = request.environ.get("gunicorn.socket")
    return sock if hasattr(sock, "taker") else None


def offered() -> bool:
    """Whether the server of this request can serve event streams."""
    return _connection() is not None


def chunked() -> bool:
    """Whether the answer to this request has its parts framed."""
    return request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1"


def answer_with(stream: Stream, since: int | None) -> Response:
    """Return a response that goes on as ``stream``. Raises StreamsUnsupported, TooManyStreams."""
    sock = _connection()
    if sock is None:
        raise StreamsUnsupported
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream", headers=HEADERS)
    return Response(
        _begin(sock, Joining(reserve(stream.watcher), stream, since)),
        mimetype="text/event-stream",
        headers=HEADERS,
    )


def reserve(watcher: Watcher) -> Hub:
    """Keep a place for a watcher, and return the hub that has it. Raises TooManyStreams."""
    found = hub()
    found.reserve(watcher)
    return found


def _begin(sock: Any, taker: Taker) -> Iterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    sock.taker = taker
    raise HandedOver


def hub() -> Hub:
    """The hub of this process."""
    return cast("Callable[[], Hub]", current_app.extensions["streams"])()


def init_app(app: Flask) -> None:
    services: Services = app.extensions["services"]

    def make() -> Hub:
        made = Hub()
        following = Following(services, made)
        made.look = following.look
        made.start()
        following.start()
        Listener(services, made, following).start()
        return made

    app.extensions["streams"] = hubs.of_process(make)
    app.context_processor(lambda: {"streams_offered": offered})
