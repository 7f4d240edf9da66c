"""A fleet on real servers: the services, and worker processes as an operator starts them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil

from app.core.schema import indexes
from app.core.services import Services, connect
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from app.local.servers import LocalStores
from config import load
from tests.rig.processes import ROOT, family, until


class Fleet:
    """Services over real stores, and the workers started on them; everything ends with it."""

    ready_within_s = 60.0

    def __init__(self, mongodb_uri: str, redis_url: str, log: Path, **settings: str) -> None:
        self.env = {
            **os.environ,
            "MONGODB_URI": mongodb_uri,
            "REDIS_URL": redis_url,
            "ENVIRONMENT": "local",
            "SECRETS_KEY": "tests-only too",
            "FLASK_SKIP_DOTENV": "1",  # what somebody has in `.env` is no matter of tests
            "TASK_MODULES": "tests.workers.samples",
            "MONGODB_TIMEOUT_MS": "10000",  # a busy machine is no fault of the store
            "WORKER_STATE_DIR": str(log.parent / "state"),
            **settings,
        }
        self.log = log
        self.services: Services = connect(load(self.env))
        indexes.create_indexes(self.services.db)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, workers: int = 1, *options: str) -> subprocess.Popen[bytes]:
        """`python -m workers`, ready when every worker has said what it serves."""
        served = self.services.catalog.workers
        before = {one.name for one in served()}  # one that could not say that it left is still among them
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", "-n", str(workers), *options],
                cwd=ROOT, env=self.env, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        until(
            lambda: len([one for one in served() if one.types and one.name not in before]) >= workers,
            self.ready_within_s,
        )
        return process

    def submit(self, type: str, priority: str = "medium", **given: Any) -> Task:
        new = NewTask(type=type, params=given.pop("params", {}), title=type,
                      priority=Priority.from_word(priority), **given)  # fmt: skip
        return self.services.dispatch.submit(new).task

    def task(self, task: Task) -> Task:
        return self.services.tasks.get(task.id)

    def ended(self, task: Task, seconds: float = 20.0) -> Task:
        return until(lambda: found if (found := self.task(task)).status.ended else None, seconds)

    def running(self, task: Task, seconds: float = 20.0) -> Task:
        return until(lambda: found if (found := self.task(task)).worker else None, seconds)

    def close(self) -> None:
        for process in self.processes:
            for one in family(process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()
        self.services.queues.redis.flushdb()
        self.services.close()


Kind = TypeVar("Kind", bound=Fleet)


@contextlib.contextmanager
def fleet(
    stores: LocalStores,
    name: str,
    folder: Path,
    kind: type[Kind] = Fleet,  # type: ignore[assignment]  # a subclass where one is given
    **settings: str,
) -> Iterator[Kind]:
    """A fleet on a database of its own."""
    uri = stores.mongodb_uri.replace("/taskqueue", f"/{name}")
    stores.prepare(name)
    made = kind(uri, stores.redis_url, folder / "workers.log", **settings)
    try:
        yield made
    finally:
        made.close()
