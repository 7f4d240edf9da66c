"""The real application over stores in memory, served on a port of this machine, and a client of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from app.core.people.roles import Role
from app.core.services import Services
from dtq.client import Client, http
from tests.dtq.client.driven import driven
from tests.signing_in import user_of
from tests.web.conftest import app, compiled_templates, one_app
from tests.web.create.creating import publish

__all__ = ["app", "compiled_templates", "one_app"]

PREFIX = "/queue"
RETRY_S = 5


@dataclass
class Weather:
    """What happens to the next requests of a method and a path, in this order, before they are well."""

    planned: list[tuple[str, str, str]] = field(default_factory=list)
    """A method, the end of a path, and: a status, `before` or `after` (the connection breaks)."""
    seen: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)

    def plan(self, method: str, path: str, *events: str) -> None:
        self.planned += [(method, path, event) for event in events]

    def next(self, method: str, path: str) -> str:
        self.seen.append(f"{method} {path}")
        for index, (planned_method, end, _) in enumerate(self.planned):
            if planned_method == method and path.endswith(end):
                return self.planned.pop(index)[2]
        return ""


class Server:
    """Serves the application below a prefix, in whatever weather."""

    def __init__(self, app: Flask) -> None:
        self.weather = Weather()
        self._below = DispatcherMiddleware(app.wsgi_app, {PREFIX: app.wsgi_app})
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        # Connections that are kept alive are not waited for.
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        event = self.weather.next(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if event.isdecimal():
            start_response(f"{event} Bad weather", [("Content-Type", "text/html"), *self.weather.headers])
            return [b"<h1>Bad weather</h1>"]
        if event == "before":
            return hung_up(environ)
        body = self._below(environ, lambda *given: start_response(*given) if event != "after" else None)
        if event == "after":
            b"".join(body)
            return hung_up(environ)
        if event == "halfway":
            return _half(environ, b"".join(body))
        return body


def _half(environ: Any, body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    yield from hung_up(environ)


def hung_up(environ: Any) -> Iterable[bytes]:
    """The connection breaks, as when a server is killed."""
    environ["werkzeug.socket"].shutdown(2)
    raise ConnectionResetError


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def server(app: Flask) -> Iterator[Server]:
    server = Server(app)
    yield server
    server.stop()


@pytest.fixture
def weather(server: Server) -> Weather:
    return server.weather


@pytest.fixture
def token_of(services: Services) -> Callable[..., str]:
    def make(role: Role = Role.SUBMITTER, name: str = "robot", **given: Any) -> str:
        user = user_of(services, role, name)
        people = services.people
        _, token = people.tokens.create(people.users.person(user), "CI", timedelta(days=1), None)
        return str(token)

    return make


@pytest.fixture
def client(
    server: Server, services: Services, token_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """The client of a program of a submitter; there is one task type."""
    publish(services)
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.01)
    with Client(server.url, token_of(), timeout_s=5, retry_s=RETRY_S) as client:
        yield client


@pytest.fixture(params=["threads", "coroutines"])
def either(request: pytest.FixtureRequest, client: Client, server: Server) -> Iterator[Any]:
    """The client of that program, and one for coroutines that is used in the same way."""
    if request.param == "threads":
        yield client
        return
    with driven(server.url, token_in(client), timeout_s=5, retry_s=RETRY_S) as other:
        yield other


def token_in(client: Any) -> str:
    return str(client._transport._client.headers["Authorization"].removeprefix("Bearer "))
