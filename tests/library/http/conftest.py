"""Servers of this machine: a canary that nobody may reach, and a site that an operator allowed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dtq_library.http.tasks import http_request
from tests.library.http.site import Site
from tests.library.running import Runner


class Canary:
    """Listens on 127.0.0.1 and [::1], on one port, and counts who comes."""

    def __init__(self) -> None:
        self.connections = 0
        self._sockets = [socket.socket(socket.AF_INET), socket.socket(socket.AF_INET6)]
        self._sockets[0].bind(("127.0.0.1", 0))
        self.port: int = self._sockets[0].getsockname()[1]
        self._sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self._sockets[1].bind(("::1", self.port))
        for each in self._sockets:
            each.listen(64)
            threading.Thread(target=self._count, args=(each,), daemon=True).start()

    def _count(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = listening.accept()
                self.connections += 1
                taken.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                taken.close()

    def close(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Runner]:
    return lambda **settings: Runner(tmp_path, **settings)


@pytest.fixture
def runner(make: Callable[..., Runner], site: Site) -> Runner:
    """Alice, where an operator allowed the site and nothing else."""
    return make(http_allow=(site.host,))


@pytest.fixture
def ask(runner: Runner, site: Site) -> Callable[..., dict[str, Any]]:
    """Ask the site for a path; what came of it."""
    return lambda path, **params: runner.result(http_request, url=site.url + path, **params)


Lookup = Callable[..., list[Any]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server: for a name, what it answers the first time, the second time ...; then the last again.

    It stands in for the system's resolver in the whole process, so a second look-up by anybody would show.
    """
    answers: dict[str, list[list[str]]] = {}
    real: Lookup = socket.getaddrinfo

    def lookup(host: Any, port: Any, *given: Any, **named: Any) -> list[Any]:
        if host not in answers:
            assert str(host).replace(".", "").isdigit() or ":" in str(host), f"{host} was looked up"
            return real(host, port, *given, **named)
        answer = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        if not answer:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in answer
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return answers


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where connections were tried. Those beyond this machine are refused without being tried."""
    tried: list[str] = []
    real = socket.create_connection

    def dial(address: tuple[str, int], *given: Any, **named: Any) -> socket.socket:
        tried.append(address[0])
        if address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError("no test leaves this machine")
        return real(address, *given, **named)

    monkeypatch.setattr(socket, "create_connection", dial)
    return tried
