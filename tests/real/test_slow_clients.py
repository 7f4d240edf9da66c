"""Clients that send and take slowly, against a real gunicorn: pages and `/healthz` are answered beside them.

Each kind is tried with more clients than there are threads; the control is gunicorn's own worker.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.services import Services, connect
from app.core.tasks.task import NewTask
from app.local.servers import LocalStores
from config import load
from tests.rig.forms import Sent
from tests.rig.processes import ROOT, until
from tests.signing_in import cookie_header, cookies_over_http, link
from tests.web.create.creating import publish

pytestmark = [pytest.mark.real, pytest.mark.long]

THREADS = 4
CLIENTS = 12
WITHIN_S = 8.0
"""A page takes a fraction of it, but the machine may be busy; a thread that is held is held for longer."""
MB = 2**20


class Site:
    """A gunicorn with few threads."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log, self.cookie = port, log, ""

    def get(self, path: str, timeout_s: float = WITHIN_S) -> int | None:
        """The status of an answer that came whole and in time, else None."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        return None

    def connect(self, receive: int | None = None) -> socket.socket:
        client = socket.socket()
        if receive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        return client


@pytest.fixture(scope="module")
def core(real_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """What the pages show: a database with a type."""
    real_stores.prepare("slow_clients")
    uri = real_stores.mongodb_uri.replace("/taskqueue", "/slow_clients")
    core = connect(load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "MONGODB_URI": uri,
                         "MONGODB_TIMEOUT_MS": "10000", "REDIS_URL": real_stores.redis_url}))  # fmt: skip
    publish(core)
    yield core
    core.db.client.drop_database("slow_clients")
    core.close()


@contextlib.contextmanager
def serving(core: Services, folder: Path, *options: str) -> Iterator[Site]:
    """A gunicorn as `make up` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ, "MONGODB_URI": core.settings.mongodb_uri, "REDIS_URL": core.settings.redis_url,
        "ENVIRONMENT": "local", "FLASK_SKIP_DOTENV": "1", "SECRET_KEY": "tests-only",
        "WEB_THREADS": str(THREADS), "MONGODB_TIMEOUT_MS": "10000", "WEB_BIND": f"127.0.0.1:{port}",
    }  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", *options]
    log = folder / f"web-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    site = Site(port, log)
    try:
        until(lambda: site.get("/healthz", 20) == 200, 90)
        site.cookie = cookie_header(cookies_over_http(port, link(core)))
        until(lambda: site.get("/tasks", 20) == 200, 90)
        yield site
    finally:
        process.terminate()
        process.wait(100)


@pytest.fixture(scope="module")
def site(core: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(core, tmp_path_factory.mktemp("web")) as started:
        yield started


# The kinds of slowness: each opens one connection and trickles until it is cut or told to stop


Trickle = Callable[[Site, threading.Event], float | None]


def drip(client: socket.socket, head: bytes, stop: threading.Event, every_s: float = 1.0) -> float | None:
    """Send a head and then a byte now and then; returns after how long it was cut."""
    began = time.monotonic()
    try:
        client.sendall(head)
        while not stop.wait(every_s):
            client.sendall(b"x")
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                if not client.recv(65536):
                    return time.monotonic() - began
            client.setblocking(True)
    except OSError:
        return time.monotonic() - began
    return None


def silence(site: Site, stop: threading.Event) -> float | None:
    with site.connect() as client:
        began = time.monotonic()
        client.settimeout(0.5)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                if not client.recv(1):
                    return time.monotonic() - began
    return None


def headers(site: Site, stop: threading.Event) -> float | None:
    with site.connect() as client:
        return drip(client, b"GET /tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", stop)


def health_headers(site: Site, stop: threading.Event) -> float | None:
    with site.connect() as client:
        return drip(client, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", stop)


def post(kind: bytes, length: int, path: bytes = b"/tasks/new/clean_table") -> bytes:
    return (b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
            % (path, kind, length))  # fmt: skip


def health_body(site: Site, stop: threading.Event) -> float | None:
    head = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n"
    with site.connect() as client:
        return drip(client, head, stop)


def small_form(site: Site, stop: threading.Event) -> float | None:
    with site.connect() as client:
        return drip(client, post(b"application/x-www-form-urlencoded", 5_000) + b"title=", stop)


def large_form(site: Site, stop: threading.Event) -> float | None:
    with site.connect() as client:
        return drip(client, post(b"application/x-www-form-urlencoded", 2 * MB) + b"title=", stop)


def multipart(site: Site, stop: threading.Event) -> float | None:
    begun = b'--b\r\nContent-Disposition: form-data; name="p-source"; filename="a.csv"\r\n\r\na,b\n'
    with site.connect() as client:
        return drip(client, post(b"multipart/form-data; boundary=b", 50 * MB) + begun, stop)


def chunked(site: Site, stop: threading.Event) -> float | None:
    head = (b"POST /tasks/new/clean_table HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nFFFF\r\n")  # fmt: skip
    with site.connect() as client:
        return drip(client, head, stop)


def lingering(site: Site, stop: threading.Event) -> float | None:
    """Take an answer, and leave the connection open when the server has closed it; again and again."""
    while not stop.is_set():
        with site.connect() as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            with contextlib.suppress(OSError):
                while client.recv(4096):
                    pass
            stop.wait(2.5)
    return 0.0


def slow_reading(path: str) -> Trickle:
    """Take an answer of megabytes, a few bytes at a time; it was cut if the whole never comes."""

    def read(site: Site, stop: threading.Event) -> float | None:
        began, got = time.monotonic(), 0
        with site.connect(receive=4096) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            with contextlib.suppress(OSError):
                while not stop.wait(1.0):
                    got += len(client.recv(64))
                while data := client.recv(MB):
                    got += len(data)
        return time.monotonic() - began if got < 20 * MB else None

    return read


@contextlib.contextmanager
def besieged(site: Site, kind: Trickle, clients: int = CLIENTS) -> Iterator[list[float | None]]:
    """Clients of a kind at work for as long as the block lasts; then how long each of them held on."""
    stop, ends = threading.Event(), []
    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(kind, site, stop) for _ in range(clients)]
        time.sleep(2)
        try:
            yield ends
        finally:
            stop.set()
            ends.extend(future.result(60) for future in running)


def answered(site: Site, looks: int = 6) -> dict[str, int]:
    """How many of some looks, a while apart, were answered in time."""
    found = dict.fromkeys(("/healthz", "/tasks"), 0)
    for _ in range(looks):
        for path in found:
            found[path] += site.get(path) == 200
        time.sleep(0.5)
    return found


LARGE = [health_body, large_form, multipart, chunked]
TRICKLES = [headers, health_headers, small_form, *LARGE]


def test_pages_are_answered_beside_slow_clients_and_these_are_cut(site: Site) -> None:
    """Each kind by itself has more clients than there are threads."""
    with contextlib.ExitStack() as stack:
        kinds = [*TRICKLES, silence, lingering]
        held = {kind: stack.enter_context(besieged(site, kind, THREADS + 2)) for kind in kinds}
        began = time.monotonic()
        while time.monotonic() - began < 14:
            assert answered(site, 2) == {"/healthz": 2, "/tasks": 2}
    for kind in TRICKLES:  # large ones wait for each other
        limit_s = 45 if kind in LARGE else 16
        assert all(seconds is not None and seconds < limit_s for seconds in held[kind]), (kind, held[kind])
    assert "Traceback" not in site.log.read_text()


@pytest.fixture(scope="module")
def download(core: Services) -> str:
    """The address of a file of 20 MB of a task."""
    content = io.BytesIO(os.urandom(20 * MB))
    stored = core.files.save(content, "big.bin", "application/octet-stream", "alice", role="input")
    new = NewTask(type="clean_table", params={}, title="Big", owner="alice", files=(stored.id,))
    return f"/tasks/{core.dispatch.submit(new).task.id}/files/{stored.id}"


def test_slow_readers_hold_no_page_back(site: Site, download: str) -> None:
    assert site.get(download, 30) == 200
    with besieged(site, slow_reading(download), THREADS + 2) as held:
        assert site.get("/healthz") == 200
        until(lambda: site.get("/tasks") == 200, 15)
        until(lambda: answered(site, 3) == {"/healthz": 3, "/tasks": 3}, 30)
    assert sum(seconds is not None for seconds in held) >= THREADS, held


def test_the_control_is_held_up(core: Services, tmp_path: Path) -> None:
    """gunicorn's own worker: what the tests above would see without ours."""
    with serving(core, tmp_path, "--worker-class", "gthread") as site:
        for kind in (headers, multipart, lingering):
            with besieged(site, kind):
                seen = answered(site, 1)
            assert seen != {"/healthz": 1, "/tasks": 1}, kind.__name__
            until(lambda: site.get("/tasks") == 200, 30)  # noqa: B023 - called within this turn of the loop


def test_a_slow_but_steady_upload_arrives_beside_fast_ones(site: Site, core: Services) -> None:
    """4 KB each half second, for longer than any grace; others upload meanwhile."""
    content = b"a,b\n" + b"1,2\n" * 40_000
    page = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    page.request("GET", "/tasks/new/clean_table", headers={"Cookie": site.cookie})
    token, cookie = Sent(page.getresponse().read().decode()).values["csrf_token"], site.cookie
    page.close()

    def upload(pause_s: float) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        connection.putrequest("POST", "/tasks/new/clean_table/source?name=a.csv&type=text/csv")
        for name, value in (("Cookie", cookie), ("X-CSRFToken", token), ("Accept", "application/json"),
                            ("Content-Type", "application/octet-stream"), ("Origin", f"http://127.0.0.1:{site.port}"),
                            ("Content-Length", str(len(content)))):  # fmt: skip
            connection.putheader(name, value)
        connection.endheaders()
        for start in range(0, len(content), 4096):
            connection.send(content[start : start + 4096])
            time.sleep(pause_s)
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(6) as pool:
        slow = [pool.submit(upload, 0.5) for _ in range(2)]
        fast = [pool.submit(upload, 0.0) for _ in range(4)]
        assert [future.result(90) for future in (*fast, *slow)] == [201] * 6
    assert core.db["files.files"].count_documents({"filename": "a.csv"}) == 6


def test_a_process_that_stops_waits_for_nobody_who_is_slow(core: Services, tmp_path: Path) -> None:
    with serving(core, tmp_path, "--graceful-timeout", "90") as site:
        idle, begun = site.connect(), site.connect()
        begun.sendall(b"GET /tasks HTTP/1.1\r\n")
        time.sleep(1)
        began = time.monotonic()
    assert time.monotonic() - began < 45
    for client in (idle, begun):
        client.close()


def test_a_kept_connection_and_requests_sent_at_once(site: Site) -> None:
    with site.connect() as client:
        one = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        client.sendall(one * 3 + one[:20])
        time.sleep(0.5)
        client.sendall(one[20:])
        got = b""
        while got.count(b"\r\n\r\nok\n") < 4:
            got += client.recv(65536)
    assert got.count(b"HTTP/1.1 200") == 4


def test_expect_continue_is_answered(site: Site) -> None:
    with site.connect() as client:
        client.sendall(post(b"application/x-www-form-urlencoded", 3)[:-2] + b"Expect: 100-continue\r\n\r\n")
        answered = client.recv(65536)
        assert answered.startswith(b"HTTP/1.1 100")
        client.sendall(b"a=b")
        while b"HTTP/1.1 4" not in answered:  # It may have come with the first piece, in whole or in part.
            piece = client.recv(65536)
            assert piece, answered
            answered += piece


def test_a_head_without_end_is_refused_at_once(site: Site) -> None:
    with site.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000)
        client.settimeout(5)
        assert client.recv(65536).startswith(b"HTTP/1.1 431 ")
    assert site.get("/healthz") == 200


@pytest.mark.parametrize("large", [False, True])
def test_a_form_that_is_too_slow_is_told_so(site: Site, large: bool) -> None:
    with site.connect() as client:
        head = post(b"multipart/form-data; boundary=b", MB if large else 5_000)
        signed_in = b"\r\nCookie: " + site.cookie.encode() + b"\r\n\r\n"
        client.sendall(head.replace(b"\r\n\r\n", signed_in) + b"--b\r\n")
        answer = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert (b"came too slowly" in answer) is large  # what has no thread has no page
