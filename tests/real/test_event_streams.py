"""Event streams of a real gunicorn, as `make up` starts it: who is told what, and what ends them.

Redis is the test's own, so it can be killed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.core.people.roles import Role
from app.local.servers import LocalStores, stores
from tests.browser.conftest import Site
from tests.rig.fleet import fleet
from tests.signing_in import cookie_header, cookies_over_http, link

pytestmark = pytest.mark.real

THREADS = 3
WITHIN_S = 15.0
"""A busy machine may take its time; `bench.streams` measures."""


class Watcher:
    """A browser that watches; what it is told comes from `told`."""

    def __init__(self, port: int, cookie: str, path: str = "/events", receive: int | None = None) -> None:
        self.sock = socket.socket()
        if receive:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        self.file = self.sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(
            line.decode().rstrip().split(": ", 1) for line in iter(self.file.readline, b"\r\n") if line
        )

    def told(self) -> dict | None:
        """The next thing it is told; None at the end."""
        for line in self.file:
            if line.startswith(b"data: "):
                return dict(json.loads(line[6:]))
        return None

    def until(self, look: Callable[[dict], object]) -> dict:
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            told = self.told()
            assert told is not None, "The stream has ended."
            if look(told):
                return told
        raise AssertionError("not told in time")

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture(scope="module")
def own_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStores]:
    with stores(tmp_path_factory.mktemp("streams")) as started:
        yield started


@pytest.fixture(scope="module")
def site(own_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """gunicorn with few threads, and a worker."""
    folder: Path = tmp_path_factory.mktemp("site")
    settings = {"SECRET_KEY": "tests-only", "WEB_THREADS": str(THREADS), "TASK_VISIBILITY": "own"}
    with fleet(own_stores, "streams", folder, Site, **settings) as made:
        made.serve()
        made.start()
        yield made


@pytest.fixture(scope="module")
def cookie(site: Site) -> str:
    """Of the administrator, who sees every task."""
    return cookie_header(cookies_over_http(port_of(site), link(site.services)))


def port_of(site: Site) -> int:
    return int(site.address.rpartition(":")[2])


@pytest.fixture
def watch(site: Site, cookie: str) -> Iterator[Callable[..., Watcher]]:
    with contextlib.ExitStack() as stack:

        def begin(path: str = "/events", of: str = "", **given: int) -> Watcher:
            made = Watcher(port_of(site), of or cookie, path, **given)
            stack.callback(made.close)
            return made

        yield begin


def get(site: Site, path: str, cookie: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(site), timeout=WITHIN_S)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_many_watchers_hold_no_threads_and_each_hears_of_a_change(site: Site, cookie: str, watch) -> None:
    """Three times as many as there are threads, in browsers of their own."""
    cookies = [cookie_header(cookies_over_http(port_of(site), link(site.services))) for _ in range(3)]
    watchers = [watch(of=one) for one in cookies for _ in range(THREADS)]
    assert {one.headers["X-Accel-Buffering"] for one in watchers} == {"no"}
    assert [get(site, "/tasks", cookie) for _ in range(3)] == [200] * 3
    task = site.submit("echo")
    for one in watchers:
        assert one.until(lambda told: str(task.id) in told["changed"])["listening"]


def test_a_task_page_hears_of_its_progress_and_log(site: Site, watch) -> None:
    task = site.submit("doze", params={"seconds": 2.5})
    watcher = watch(f"/events?task={task.id}")
    site.ended(task)
    heard: set[str] = set()
    watcher.until(lambda told: heard.update(told["changed"]) or {str(task.id), "tasks"} <= heard)
    other = site.submit("echo")
    site.ended(other)
    printed = watch(f"/events?task={other.id}&since={int(time.time() * 1000) - 5_000}")
    printed.until(lambda told: "log" in told["changed"])


def test_a_stranger_is_told_nothing_and_refused_a_task(site: Site, watch) -> None:
    stranger = cookie_header(cookies_over_http(port_of(site), link(site.services, Role.SUBMITTER, "mallory")))
    task = site.submit("doze", params={"seconds": 1.5}, owner="alice")
    assert watch(f"/events?task={task.id}", of=stranger).status == 404
    assert watch(of="none=1").status in (302, 303, 401)
    watcher, seen = watch(of=stranger), watch()
    site.ended(task)
    seen.until(lambda told: str(task.id) in told["changed"])
    own = site.submit("echo", owner=site.services.people.users.by_name("mallory").id)
    heard: list[str] = []
    watcher.until(lambda told: heard.extend(told["changed"]) or str(own.id) in heard)
    assert str(task.id) not in heard


def test_signing_out_ends_the_stream(site: Site, watch) -> None:
    cookie = cookie_header(cookies_over_http(port_of(site), link(site.services, Role.VIEWER, "victor")))
    watcher, user = watch(of=cookie), site.services.people.users.by_name("victor")
    assert watcher.told() is not None
    site.services.people.sessions.end_all(user.id)
    while watcher.told() is not None:
        pass


def test_a_slow_reader_does_not_hurt_others(site: Site, watch) -> None:
    slow = [watch(receive=2048) for _ in range(2)]
    quick = watch()
    for _ in range(3):
        task = site.submit("echo")
        quick.until(lambda told, task=task: str(task.id) in told["changed"])
    assert {one.status for one in slow} == {200}


def test_a_browser_has_a_limit(site: Site, watch) -> None:
    assert [watch().status for _ in range(5)] == [200] * 4 + [429]


def test_without_redis_pages_ask_by_themselves_until_it_is_back(
    site: Site, own_stores: LocalStores, cookie: str, watch
) -> None:
    watcher = watch()
    watcher.until(lambda told: told["listening"])
    own_stores.redis.kill()
    watcher.until(lambda told: not told["listening"])
    assert get(site, "/tasks", cookie) == 200
    own_stores.redis.start()
    watcher.until(lambda told: told["listening"] and "*" in told["changed"])


def test_a_graceful_stop_ends_the_streams_whole(site: Site, watch) -> None:
    """The last test: the web is gone afterwards."""
    watcher = watch()
    assert watcher.told() is not None
    web = psutil.Process(site.web.child.pid)
    began = time.monotonic()
    web.send_signal(signal.SIGTERM)
    while watcher.told() is not None:
        pass
    ended = time.monotonic() - began
    web.wait(20)
    assert (ended, time.monotonic() - began) < (4, 8), "It waited for the streams."
