"""What a case works with: durable stores, workers and web with fail-points, the ledger of effects."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import psutil
from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask, Task
from app.local.servers import LocalStores, Server
from tests.chaos import effects
from tests.chaos.effects import Effect
from tests.rig.fleet import Fleet
from tests.rig.processes import ROOT, family, gone, until
from tests.rig.web import Web

OF_THE_WEB = "inserting=kill,inserted=kill,pushed=kill"
OF_WORKERS = "popped=kill,claimed=kill,ran=kill,ended=away,staged=kill,rescued=kill"
_numbers = itertools.count(1)


class Rig(Fleet):
    """One database, its services, and the processes of one case; everything ends with it."""

    ready_within_s = 180.0  # How long processes take to start is no fault of the program.

    def __init__(
        self, stores: LocalStores, folder: Path, seed: int, of_the_web: str = OF_THE_WEB, **settings: str
    ) -> None:
        self.stores, self.folder, self.chance = stores, folder, random.Random(seed)
        self.ledger, self.tokens = folder / "effects", folder / "points"
        self.web: Web | None = None
        self._of_the_web = of_the_web
        name = f"chaos_{os.getpid()}_{next(_numbers)}"
        folder.mkdir(parents=True, exist_ok=True)
        given = {
            "SECRET_KEY": "only-for-this-rig",
            "SECRETS_KEY": "as well",
            "TASK_MODULES": "tests.chaos.samples",
            "DTQ_FAILPOINTS": OF_WORKERS,
            "DTQ_FAILPOINTS_FOLDER": str(self.tokens),
            effects.LEDGER: str(self.ledger),
            **settings,
        }
        uri = stores.mongodb_uri.replace("/taskqueue", f"/{name}")
        if stores.prepare(name):
            stores.checkpoint()
        super().__init__(uri, stores.redis_url, folder / "workers.log", **given)

    # Processes

    def serve(self) -> Web:
        """The web server, started once; its timeouts are those of production."""
        if self.web is None:
            env = {**self.env, "MONGODB_TIMEOUT_MS": "2000", "DTQ_FAILPOINTS": self._of_the_web}
            self.web = Web(env, self.folder / "web.log")
            self.web.start()
        return self.web

    def close(self) -> None:
        for server in self.stores.servers:
            if server.alive and server.pid:
                os.kill(server.pid, signal.SIGCONT)
            back(server)
        if self.web is not None:
            self.web.stop()
        super().close()

    def worker_of(self, task: Task) -> int:
        """The process of the supervisor that holds a running task, from its name."""
        assert task.worker
        return int(task.worker.rsplit(".", 1)[1])

    # Fail-points

    def arm(self, point: str, detail: object = "once") -> None:
        (self.tokens / point).mkdir(parents=True, exist_ok=True)
        (self.tokens / point / str(detail)).touch()

    def disarm(self, point: str) -> None:
        for token in (self.tokens / point).glob("*"):
            token.unlink(missing_ok=True)

    def fired(self) -> dict[str, float]:
        """When each fail-point happened last, by ``point detail``."""
        log = self.tokens / "fired"
        lines = (line.split(" ") for line in log.read_text().splitlines()) if log.exists() else ()
        return {f"{point} {detail}".strip(): float(at) for at, point, _, detail in lines}

    # Tasks

    def new(self, type: str = "mark", *, task_id: ObjectId | None = None, **given: object) -> Task:
        """A task that is durable and not yet pushed, so that a fail-point can be armed for it."""
        values = {"params": {}, "title": type, "max_attempts": 20, "priority": Priority.MEDIUM, **given}
        task, _ = self.services.tasks.insert(NewTask(type=type, **values), task_id)
        return task

    def push(self, tasks: Sequence[Task]) -> None:
        assert self.services.dispatch.push(tasks)

    def effects(self) -> dict[str, list[Effect]]:
        found: dict[str, list[Effect]] = {}
        for effect in effects.read(self.ledger):
            found.setdefault(effect.task, []).append(effect)
        return found

    def wait(self, tasks: Iterable[Task], seconds: float) -> list[Task]:
        """The tasks when all have ended, or as they are after so long."""
        ids = [task.id for task in tasks]
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(PyMongoError):
                now = self.services.queries.find({"_id": {"$in": ids}}, [("_id", 1)], len(ids) + 1)
                if all(task.status.ended for task in now) or time.monotonic() > end:
                    return sorted(now, key=lambda task: ids.index(task.id))
            time.sleep(0.1)


def back(server: Server | None) -> None:
    """Start a store again, unless it runs, and wait for it."""
    assert server
    if not server.alive:
        server.kill()
        server.start()
    server.wait_ready(30)


@contextlib.contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Processes that are stopped (SIGSTOP) and continued at the end."""
    stopped = list(pids)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def shoot(*pids: int) -> None:
    """SIGKILL to each; one that is gone is no matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    return [one.pid for one in family(pid)]


def survivors(pids: Iterable[int], seconds: float = 2.0) -> list[int]:
    """Which of them still run after so long."""
    end = time.monotonic() + seconds
    while (left := [pid for pid in pids if not gone(pid)]) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(psutil.Error):
        return [one.pid for one in psutil.Process(pid).children()]
    return []


def succeeded_once(task: Task, done: dict[str, list[Effect]]) -> bool:
    """Whether a task succeeded and had exactly one effect."""
    return task.status is Status.SUCCEEDED and len(done.get(str(task.id), [])) == 1


__all__ = [
    "ROOT",
    "Rig",
    "back",
    "children_of",
    "frozen",
    "shoot",
    "succeeded_once",
    "survivors",
    "tree",
    "until",
]
