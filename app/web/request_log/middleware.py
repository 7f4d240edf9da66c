"""Around each request: its ID in every log line and in the answer, and one line when it has been answered.

A WSGI middleware, because the bytes and the end of an answer are known only when it has been sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from app.core.log_lines import set_request
from app.core.people.person import ANONYMOUS, Person
from app.http.held import held_in
from app.web.request_log.addresses import loggable
from app.web.request_log.request_record import HEADER, KEY, RequestRecord, address_in, record_in
from config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

QUIET = frozenset({"static", "bootstrap.static", "dashboard.healthz", "dashboard.readyz"})
"""Endpoints whose lines are of level debug: programs ask for them all the time."""

log = logging.getLogger("app.access")


class RequestLog:
    """The application with IDs and, if ``lines``, the log of its requests. ``trusted``: proxies give IDs."""

    def __init__(self, application: WSGIApplication, *, trusted: bool, lines: bool) -> None:
        self._application = application
        self._trusted, self._lines = trusted, lines

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        record = environ[KEY] = RequestRecord.of(environ, trusted=self._trusted)
        set_request(record.id)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            record.status = int(status[:3])
            headers.append((HEADER, record.id))
            return start_response(status, headers, *exc_info)

        try:
            answer = self._application(environ, start)
        except BaseException:
            record.status = 500
            self.finish(environ, record)
            raise
        if _is_file(environ, answer):
            # The server sends it without Python, if it gets it as it is. Its length is in the headers.
            self.finish(environ, record)
            return answer
        return _Counted(answer, environ, record, self)

    def finish(self, environ: WSGIEnvironment, record: RequestRecord) -> None:
        level = logging.DEBUG if record.endpoint in QUIET else logging.INFO
        if self._lines and log.isEnabledFor(level):
            _write(level, environ, record)
        set_request("")


def _is_file(environ: WSGIEnvironment, answer: Iterable[bytes]) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(answer, wrapper)


class _Counted:
    """An answer whose bytes are counted, and whose end is the end of the request."""

    def __init__(
        self, answer: Iterable[bytes], environ: WSGIEnvironment, record: RequestRecord, requests: RequestLog
    ) -> None:
        self._answer, self._chunks = answer, iter(answer)
        self._environ, self._record, self._requests = environ, record, requests

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._record.bytes += len(chunk)
        return chunk

    def close(self) -> None:
        try:
            if close := getattr(self._answer, "close", None):
                close()
        finally:
            self._finish()

    def _finish(self) -> None:
        if held := held_in(self._environ):
            held.when_ended(self._ended)
            set_request("")
        else:
            self._requests.finish(self._environ, self._record)

    def _ended(self, status: int, size: int) -> None:
        """Called by another thread, when what was held has been answered."""
        self._record.status, self._record.bytes = status, size
        set_request(self._record.id)
        self._requests.finish(self._environ, self._record)


def _write(level: int, environ: WSGIEnvironment, record: RequestRecord) -> None:
    values = {
        "method": environ.get("REQUEST_METHOD", ""),
        "path": loggable(environ.get("PATH_INFO", "").encode("latin-1"), environ.get("QUERY_STRING", "")),
        "status": record.status,
        "duration_ms": round((time.perf_counter() - record.began_s) * 1000, 1),
        "bytes": record.bytes,
        "address": address_in(environ),
        "person": record.person,
        "person_name": record.person_name,
    }
    log.log(
        level,
        "%s %s %d %.1f ms %d B from %s by %s",
        values["method"],
        values["path"],
        values["status"],
        values["duration_ms"],
        values["bytes"],
        values["address"] or "-",
        f"{record.person_name} ({record.person})" if record.person else "-",
        extra=values,
    )


def _note(response: Response) -> Response:
    """Remember for the log line what only Flask knows; who acts is known where a permission was checked."""
    if record := record_in(request.environ):
        person: Person = g.get("person", ANONYMOUS)
        record.endpoint = request.endpoint
        record.person, record.person_name = person.id, person.name
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Wrap the application; whatever corrects the address of the client is to be wrapped around this."""
    app.wsgi_app = RequestLog(  # type: ignore[method-assign]  # how Flask documents to wrap an application
        app.wsgi_app, trusted=settings.web_proxies > 0, lines=settings.access_log == "on"
    )
    app.after_request(_note)
