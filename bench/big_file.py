"""Memory and time of the web server while one large file goes up and comes down again.

    python -m bench.big_file [--mb 1024] [--store NAME] [--write docs/explanation/benchmarks.md]

The file goes up as the page sends it (the body of a request) and as a form without a script sends it,
and comes down whole and in its second half. The memory is that of all processes of gunicorn together,
looked at twenty times a second; the control is a file of 1 MB in the same server just before.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.message import Message
from pathlib import Path
from types import TracebackType

import psutil

from app.core.schema import indexes
from app.core.services import Services, connect
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from app.local.servers import stores
from bench.report import BenchError, arguments, machine, markdown, publish, say
from config import load
from tests.rig.person import cookie_header
from tests.rig.web import Web

MB = 2**20
KIND = "bench_file"
PATH = f"/tasks/new/{KIND}"
BOUNDARY = "a-boundary-that-no-random-block-holds"
SCHEMA = {
    "type": "object",
    "properties": {"source": {"type": "string", "format": "file-id", "title": "File"}},
    "required": ["source"],
}
HEADINGS = ["one file", "size", "time", "MB/s", "memory before", "at most", "growth"]


class Watch:
    """Samples the resident memory of a process and all below it; ``most`` in bytes."""

    def __init__(self, pid: int) -> None:
        self._top = psutil.Process(pid)
        self._end = threading.Event()
        self.before = self.most = 0
        self.began = self.seconds = 0.0
        self._thread = threading.Thread(target=self._look)

    def now(self) -> int:
        return sum(one.memory_info().rss for one in (self._top, *self._top.children(recursive=True)))

    def _look(self) -> None:
        while not self._end.wait(0.05):
            self.most = max(self.most, self.now())

    def __enter__(self) -> Watch:
        self.before = self.most = self.now()
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.seconds = time.monotonic() - self.began
        self._end.set()
        self._thread.join()


class Site:
    """A web server as in production, and one client of it."""

    def __init__(self, web: Web, services: Services) -> None:
        self.pid, self._port, self.services = web.child.pid or 0, web.port, services
        person = web.person(services)
        self._cookie = cookie_header(person.cookies)
        form = person.open(KIND)
        self._token, self._key = form["csrf_token"], form["submission_key"]

    def _ask(
        self, method: str, path: str, body: Iterator[bytes] | None = None, **headers: str
    ) -> tuple[int, bytes, Message]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def as_body(self, blocks: Callable[[], Iterator[bytes]], size: int) -> None:
        """As the script of the page sends a file."""
        path = f"{PATH}/source?name=big.bin&type="
        kind = {"Content_Type": "application/octet-stream", "Content_Length": str(size)}
        self._expect(
            201, self._ask("POST", path, blocks(), X_CSRFToken=self._token, Cookie=self._cookie, **kind)
        )

    def as_form(self, blocks: Callable[[], Iterator[bytes]], size: int) -> None:
        """As a form without a script sends a file, with a wrong priority, so that no task is made of it."""
        texts = {"csrf_token": self._token, "submission_key": self._key, "priority": "none", "then": "task"}
        head = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in texts.items()
        )
        head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="p-source"; filename="big.bin"\r\n\r\n'
        ends = (head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode())

        def body() -> Iterator[bytes]:
            yield ends[0]
            yield from blocks()
            yield ends[1]

        kind = {
            "Content_Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content_Length": str(size + sum(map(len, ends))),
        }
        self._expect(422, self._ask("POST", PATH, body(), Cookie=self._cookie, **kind))

    def _expect(self, status: int, answer: tuple[int, bytes, object]) -> None:
        if answer[0] != status:
            raise BenchError(f"Answered with {answer[0]}: {answer[1][:300]!r}")

    def own(self, size: int) -> str:
        """Give the newest file to a made-up task; returns the address of the download."""
        found = self.services.db["files.files"].find_one(sort=[("uploadDate", -1)])
        if not found or found["length"] != size:
            raise BenchError("The file was not stored whole.")
        new = NewTask(type=KIND, params={}, title=KIND, priority=Priority.LOW, files=(found["_id"],))
        return f"/tasks/{self.services.dispatch.submit(new).task.id}/files/{found['_id']}"

    def fetch(self, path: str, start: int, size: int, digest: str) -> None:
        """Download from ``start`` on and compare with what was sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        connection.request("GET", path, headers={"Range": f"bytes={start}-", "Cookie": self._cookie})
        answer, seen, got = connection.getresponse(), hashlib.sha256(), 0
        while block := answer.read(MB):
            seen.update(block)
            got += len(block)
        connection.close()
        if (answer.status, got) != (206, size - start) or seen.hexdigest() != digest:
            raise BenchError(f"{got} bytes came with {answer.status}, and not what was sent.")


def main() -> int:
    """Measure and print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--mb", type=int, default=1024, help="size of the file (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="big-file-") as folder, ExitStack() as stack:
        started = stack.enter_context(stores(Path(folder), mongo=options.store))
        environment = {
            **started.addresses,
            "ENVIRONMENT": "local",
            "SECRET_KEY": "bench-only",
            "SECRETS_KEY": "too",
        }
        environment["UPLOAD_MAX_MB"] = str(options.mb)
        site = stack.enter_context(_serving(environment, Path(folder)))
        rows = [row for size in (MB, options.mb * MB) for row in _measure(site, size)]
        redis = site.services.queues.redis.info("server")["redis_version"]
        table = f"{markdown(HEADINGS, rows)}\n\n{machine(started, redis)}"
    publish(table, f"big file {options.store}", options.write)
    return 0


@contextmanager
def _serving(environment: dict[str, str], folder: Path) -> Iterator[Site]:
    """Gunicorn as in production, with one task type that takes a file."""
    env = {**os.environ, **environment, "TMPDIR": str(folder)}
    services = connect(load(env))
    indexes.create_indexes(services.db)
    services.catalog.publish([_type()], "bench")
    web = Web(env, folder / "web.log")
    try:
        web.start()
        yield Site(web, services)
    finally:
        web.stop()
        services.close()


def _type() -> dict[str, object]:
    return {
        "_id": KIND,
        "title": "A file",
        "category": "Bench",
        "summary": "",
        "help": "",
        "schema": SCHEMA,
        "priority": "low",
        "timeout_s": 60,
        "max_attempts": 1,
        "hash": "1",
    }


def _measure(site: Site, size: int) -> Iterator[list[str]]:
    block = hashlib.shake_256(b"big file").digest(MB)  # The same every time, and nothing that shrinks.

    def blocks() -> Iterator[bytes]:
        return (block for _ in range(size // MB))

    half = size // 2
    whole, rest = (_digest(block, start, size) for start in (0, half))
    yield _row("up, as the body of a request", size, site.pid, lambda: site.as_body(blocks, size))
    yield _row("up, in a form", size, site.pid, lambda: site.as_form(blocks, size))
    path = site.own(size)
    yield _row("down, whole", size, site.pid, lambda: site.fetch(path, 0, size, whole))
    yield _row("down, its second half", size - half, site.pid, lambda: site.fetch(path, half, size, rest))


def _digest(block: bytes, start: int, size: int) -> str:
    """Of a file of these blocks, from ``start`` on."""
    digest = hashlib.sha256(block[start % MB :])
    for _ in range(start // MB + 1, size // MB):
        digest.update(block)
    return digest.hexdigest()


def _row(name: str, size: int, pid: int, run: Callable[[], None]) -> list[str]:
    with Watch(pid) as watch:
        run()
    say(f"{name}, {size // MB} MB: {watch.seconds:.1f} s")
    return [
        name,
        f"{size / MB:,g} MB",
        f"{watch.seconds:.2f} s",
        f"{size / MB / watch.seconds:.0f}",
        f"{watch.before / MB:.0f} MB",
        f"{watch.most / MB:.0f} MB",
        f"{(watch.most - watch.before) / MB:.0f} MB",
    ]


if __name__ == "__main__":
    sys.exit(main())
