"""An answer that is held until its task has ended, without a thread: what its view would say then.

Its head is not sent before, as its status is not known. So it is written here, with the headers that the
application gave to the answer of the moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import format_date_time

from flask import Response, request

from app.core.queue.changes import Change
from app.core.tasks.task import Task
from app.http.held import Held, hold
from app.streams import response as streams
from app.streams.following import Reading
from app.streams.response import HandedOver
from app.streams.stream import Stream, Watcher

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OF_BODY = frozenset({"content-type", "content-length", "connection", "etag"})


@dataclass(frozen=True)
class Answer:
    """What is answered in the end."""

    status: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def framed(self, headers: Sequence[tuple[str, str]]) -> bytes:
        """Return it as it is sent, the last one on its connection, with further headers."""
        lines = [
            f"HTTP/1.1 {self.status}",
            "Server: gunicorn",
            f"Date: {format_date_time(time.time())}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers if name.lower() not in OF_BODY),
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class HeldAnswer(Stream):
    """Answers when its task has ended or its time, some ``seconds``, is up.

    ``answer`` makes that of what was read last; ``first`` is the answer of the beginning, for a task that
    could not be read since, and ``revoked`` that for who may not wait any more.
    """

    every_s = 0.0
    beat = b""

    def __init__(
        self,
        watcher: Watcher,
        task: Task,
        seconds: float,
        answer: Callable[[Reading], Answer],
        revoked: Answer,
    ) -> None:
        super().__init__(watcher, chunked=False)
        self.follows = task.id
        self.ends_at = time.monotonic() + seconds
        self.headers: list[tuple[str, str]] = []
        self.held: Held | None = None
        self.first: Answer | None = None
        self._answer, self._revoked = answer, revoked
        self._reading: Reading | None = None
        self._due = False
        self._said: Answer | None = None

    def begun(self, listening: bool, missed: Sequence[Change] | None) -> None:
        """Its task is read anyway."""

    def hear(self, changes: Sequence[Change]) -> None:
        """Its task is read (`following`)."""

    def hear_listening(self, listening: bool) -> None:
        """Its task is read, more often while nothing is heard."""

    def read(self, reading: Reading) -> None:
        self._reading = reading
        self._due = self._due or reading.task is None or not reading.task.live

    def time_is_up(self) -> None:
        self.ends_at = float("inf")
        self._due = True

    @property
    def has_news(self) -> bool:
        return self._due and self._said is None

    def news(self, streams: int) -> bytes:
        return self._say(self._now())

    def last_words(self, *, revoked: bool) -> bytes:
        if self._said is not None:
            return b""
        return self._say(self._revoked if revoked else self._now())

    def _now(self) -> Answer | None:
        return self._answer(self._reading) if self._reading else self.first

    def _say(self, answer: Answer | None) -> bytes:
        self.over = True
        self._said = answer
        return answer.framed(self.headers) if answer else b""

    def close(self) -> None:
        super().close()
        if self.held:
            said = self._said
            self.held.ended(int(said.status[:3]) if said else 499, len(said.body) if said else 0)


class HeldResponse(Response):
    """The answer of the moment, which is not sent: its connection and headers go to the hub."""

    answer: HeldAnswer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sock, found = environ["gunicorn.socket"], streams.hub()
        body, status, headers = self.get_wsgi_response(environ)
        self.answer.first = Answer(status, self.content_type or "", b"".join(body))
        self.answer.headers, self.answer.held = headers, hold(environ)
        start_response(status, headers)  # which adds the ID of the request to them
        return self._given(sock, streams.Joining(found, self.answer, None))

    def _given(self, sock: Any, taker: streams.Taker) -> Iterator[bytes]:
        sock.taker = taker
        raise HandedOver
        yield b""


def held(plain: Response, stream: HeldAnswer) -> Response:
    """Return what holds an answer. Raises TooManyStreams, and StreamsUnsupported where no server can."""
    streams.reserve(stream.watcher)
    response = HeldResponse(plain.get_data(), plain.status, plain.headers)
    response.answer = stream
    return response


def holds() -> bool:
    """Whether the server can hold the answer to this request."""
    return request.method == "GET" and streams.offered()
