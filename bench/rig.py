"""The whole program on real servers, as an operator would run it, for long measurements.

What lives here: the processes (:class:`Rig`), who plays which role among them, and somebody who
creates tasks through the pages (:class:`Customer`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.core.schema.indexes import create_indexes
from app.core.services import Services, connect
from app.local import LocalStores, stores
from app.local.children import LocalProcess
from app.local.kinds import ServerKind
from bench.contenders import ROOT
from bench.report import BenchError
from config import load
from tests.rig.person import TOKEN, Answer, Person, new_key
from tests.rig.web import Web
from tests.signing_in import link
from workers.store_timeouts import patient

READY_S = 60.0
ANSWER_S = 30.0
WEB_PROCESSES = 2
NAP_S = 0.2


@dataclass
class Rig:
    """The stores, the web server and the workers; ``services`` is the measurement's own connection."""

    stores: LocalStores
    web: LocalProcess
    workers: LocalProcess
    services: Services
    port: int
    folder: Path

    def person(self) -> Customer:
        """Somebody who is signed in, in a browser of their own."""
        person = Customer(self.port, timeout_s=ANSWER_S)
        person.sign_in(link(self.services))
        return person

    def roles(self) -> dict[str, list[psutil.Process]]:
        """The living processes by what they are, the eldest of each role first."""
        web, master = _children(self.web), _process(self.web)
        fleet = _process(self.workers)
        supervisors = _children(self.workers)
        children = [
            child for each in supervisors for child in _of(each) if "workers.attempt.child" in _words(child)
        ]
        return {
            "web master": [master] if master else [],
            "web worker": sorted(web, key=_age),
            "fleet": [fleet] if fleet else [],
            "supervisor": sorted(supervisors, key=_age),
            "child": sorted(children, key=_age),
        }

    def ready_workers(self) -> int:
        return sum(bool(worker.types) for worker in self.services.catalog.workers())


def _process(child: LocalProcess) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(child.pid) if child.pid else None
    return None


def _of(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children()
    return []


def _children(child: LocalProcess) -> list[psutil.Process]:
    process = _process(child)
    return _of(process) if process else []


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def _age(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return process.create_time()
    return float("inf")


@contextlib.contextmanager
def running(store: ServerKind, workers: int, **settings: str) -> Iterator[Rig]:
    """Everything started and ready, on fresh servers; all of it ends with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name,
        stores(Path(name), mongo=store) as found,
    ):
        rig = _started(found, Path(name), workers, settings)
        try:
            rig.web.start()
            rig.workers.start()
            rig.web.wait_ready(READY_S)
            wait(lambda: rig.ready_workers() >= workers, READY_S, "the workers to be ready", rig.workers)
            yield rig
        finally:
            rig.workers.kill()
            rig.web.kill()
            rig.services.close()


def _started(found: LocalStores, folder: Path, workers: int, settings: dict[str, str]) -> Rig:
    temporary = folder / "tmp"
    temporary.mkdir()
    env = {
        **os.environ,
        **found.addresses,
        "ENVIRONMENT": "local",
        "SECRET_KEY": secrets.token_hex(32),
        "SECRETS_KEY": secrets.token_hex(32),
        "WEB_CONCURRENCY": str(WEB_PROCESSES),
        "TASK_MODULES": "bench.workload",
        "TMPDIR": str(temporary),
        **settings,
    }
    services = connect(patient(load(env)))
    create_indexes(services.db)
    web = Web(env, folder / "log" / "web.log")
    fleet = LocalProcess(
        "workers",
        [sys.executable, "-m", "workers", "-n", str(workers)],
        log=folder / "log" / "workers.log",
        env=env,
        cwd=ROOT,
    )
    return Rig(found, web.child, fleet, services, web.port, folder)


def wait(until: Callable[[], object], timeout_s: float, what: str, *children: LocalProcess) -> None:
    """Look ten times a second. Raises BenchError when it does not become true in time."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            words = "\n".join(child.last_words(40) for child in children)
            raise BenchError(f"Waited {timeout_s:g} s in vain for {what}. {words}")
        time.sleep(0.1)


class Customer(Person):
    """Creates tasks and looks at pages; not to be shared between threads."""

    _token = ""

    def get(self, path: str) -> Answer:
        """The page; an answer with status 0 where none comes."""
        return self.try_to_ask("GET", path)

    def take_token(self) -> None:
        """Open a form, whose token is good for every form of this session. Raises BenchError."""
        answer = self.get("/tasks/new/nothing")
        found = TOKEN.search(answer.text)
        if answer.status != 200 or not found:
            raise BenchError(f"The form answered {answer.status} without a token.")
        self._token = found[1]

    def create(self, type_name: str, priority: str, key: str = "", **params: float) -> Answer:
        """Send a form as a browser would; the same ``key`` is the same form once more."""
        if type_name == "nap":
            params = {"seconds": NAP_S, **params}
        values = {
            "csrf_token": self._token,
            "submission_key": key or new_key(),
            "priority": priority,
            "title": "",
            "tags": "",
            "run_at": "",
            "run_at_zone": "UTC",
            "max_attempts": "9",
            "timeout_s": "600",
            **{f"p-{name}": str(value) for name, value in params.items()},
        }
        return self.try_to_ask("POST", f"/tasks/new/{type_name}", values)


class Repeated:
    """Something done again and again in a thread of its own until `stop`; raises then what it raised."""

    def __init__(self, do: Callable[[], None], every_s: float) -> None:
        self._do, self._every_s = do, every_s
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self._do()
                due = max(due + self._every_s, time.monotonic() - 5 * self._every_s)
        except Exception as error:
            self._error = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error
