"""Programs that follow tasks on a real gunicorn: held answers, events, and logs, also over a kill."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.core.people.roles import Role
from app.local.servers import LocalStores
from dtq.client import Client
from tests.browser.conftest import Site
from tests.rig.fleet import fleet
from tests.rig.processes import until
from tests.signing_in import user_of

pytestmark = pytest.mark.real

THREADS = 3
WITHIN_S = 30.0
"""A busy machine may take its time; `bench.following` measures."""


@pytest.fixture(scope="module")
def site(real_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """gunicorn with few threads, and a worker."""
    folder: Path = tmp_path_factory.mktemp("site")
    settings = {"SECRET_KEY": "tests-only", "WEB_THREADS": str(THREADS), "LOG_FORMAT": "json"}
    with fleet(real_stores, "following", folder, Site, **settings) as made:
        made.serve()
        made.start()
        yield made


@pytest.fixture
def token(site: Site) -> str:
    """A program's of its own, of an operator."""
    people = site.services.people
    owner = people.users.person(user_of(site.services, Role.OPERATOR, "robot"))
    return str(people.tokens.create(owner, "CI", timedelta(days=1), None)[1])


class Answer:
    """An answer of the API, which may be read as it comes."""

    made: ClassVar[list[Answer]] = []

    def __init__(self, site: Site, token: str, path: str) -> None:
        self.made.append(self)
        self.sock = socket.create_connection(("127.0.0.1", site.web.port), timeout=WITHIN_S)
        head = f"GET /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.sock.sendall(head.encode())
        self._got: http.client.HTTPResponse | None = None

    @property
    def got(self) -> http.client.HTTPResponse:
        """Its head; waits for it."""
        if self._got is None:
            self._got = http.client.HTTPResponse(self.sock)
            self._got.begin()
        return self._got

    @cached_property
    def body(self) -> Any:
        return json.loads(self.got.read())

    def close(self) -> None:
        if self._got is not None:
            self._got.close()
        self.sock.close()


@pytest.fixture(autouse=True)
def answers() -> Iterator[None]:
    yield
    while Answer.made:
        Answer.made.pop().close()


def test_many_wait_without_threads_and_get_the_ordinary_answer(site: Site, token: str) -> None:
    """Ten times as many as there are threads; pages are served meanwhile."""
    task = site.submit("doze", params={"seconds": 4})
    waiting = [Answer(site, token, f"/tasks/{task.id}?wait=60") for _ in range(10 * THREADS)]
    assert Answer(site, token, "/tasks").got.status == 200
    assert not site.task(task).status.ended, "The list waited for those who wait."
    with ThreadPoolExecutor(len(waiting)) as pool:
        bodies = list(pool.map(lambda one: one.body, waiting))
    plain = Answer(site, token, f"/tasks/{task.id}")
    told = plain.body
    assert told["status"] == "succeeded"
    assert bodies == [told] * len(waiting)
    varying = {"Date", "X-Request-Id", "Connection", "Content-Length"}
    usual = {name: text for name, text in plain.got.getheaders() if name not in varying}
    for one in waiting:
        assert one.got.status == 200
        assert {name: text for name, text in one.got.getheaders() if name not in varying} == usual
    ids = {one.got.headers["X-Request-Id"] for one in waiting}
    assert len(ids) == len(waiting)
    assert_logged(site, ids)


def assert_logged(site: Site, ids: set[str]) -> None:
    """Each has one line in the log of requests, with the time that it took in all."""

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in site.web.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("request_id") in ids and "duration_ms" in line]

    until(lambda: len(lines()) >= len(ids), WITHIN_S)
    assert len(lines()) == len(ids)
    assert {line["status"] for line in lines()} == {200} and min(line["bytes"] for line in lines()) > 100
    assert max(line["duration_ms"] for line in lines()) > 2_000


def test_a_revoked_token_waits_no_longer(site: Site, token: str) -> None:
    task = site.submit("doze", params={"seconds": 60})
    waiting = Answer(site, token, f"/tasks/{task.id}?wait=60")
    events = Answer(site, token, f"/tasks/{task.id}/events").got
    assert events.readline().startswith(b"retry:")
    people = site.services.people
    people.tokens.revoke_all(people.users.by_name("robot").id)
    got, told = waiting.got, waiting.body
    assert (got.status, got.headers["Content-Type"]) == (401, "application/problem+json")
    assert told["type"] == "urn:dtq:problem:sign-in-required" and told["request_id"]
    assert got.headers["X-Request-Id"] == told["request_id"]
    assert b"event: end" not in events.read()
    site.services.dispatch.cancel(task.id, "tests")


def test_streams_are_bounded_and_say_so(site: Site, token: str) -> None:
    task = site.submit("doze", params={"seconds": 60})
    path = f"/tasks/{task.id}/events"
    held = [Answer(site, token, path) for _ in range(50)]
    assert {one.got.status for one in held} == {200}
    refused = Answer(site, token, path)
    got, told = refused.got, refused.body
    assert (got.status, told["type"]) == (429, "urn:dtq:problem:too-many-streams")
    assert got.headers["Retry-After"].isdecimal()
    with Client(site.address, token) as client:
        site.services.dispatch.cancel(task.id, "tests")
        assert [now.status for now in client.task(str(task.id)).events()][-1] == "canceled"


def test_a_log_is_followed_over_attempts_and_a_killed_web(site: Site, token: str) -> None:
    """Nothing is lost and nothing comes twice."""
    task = site.submit("count_aloud", params={"lines": 60, "again": True}, max_attempts=2)
    with Client(site.address, token) as client:
        lines: list[str] = []
        killed = False
        for some in client.task(str(task.id)).follow_log():
            lines += some.splitlines()
            if len(lines) > 20 and not killed:
                killed = True
                site.web.child.kill()
                site.web.start()
        assert lines == [f"{attempt}: line {number} é" for attempt in (1, 2) for number in range(60)]
        seen = [now.status for now in client.task(str(task.id)).events()]
        assert seen == ["succeeded"]


def test_events_tell_each_status_and_progress(site: Site, token: str) -> None:
    with Client(site.address, token) as client:
        task = client.task(str(site.submit("doze", params={"seconds": 2}).id))
        seen = list(task.events())
    assert seen[-1].status == "succeeded" and "running" in {now.status for now in seen}
    done = [now.progress.done or 0.0 for now in seen if now.progress and now.status == "running"]
    assert len(done) > 3 and done == sorted(done)
