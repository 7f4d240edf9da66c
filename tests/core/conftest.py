"""What the contract tests ask for, besides `services` and `new_task`.

`tests/real` runs the same contracts over real servers: it takes these fixtures from here and its
`services` from there. So nothing here may reach into mongomock or fakeredis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.core import clock as core_clock
from app.core.queue.connection import connect
from app.core.queue.lost_leases import UNRENEWED_S, LeaseWatch
from app.core.queue.rq import Queues
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task

Document = dict[str, Any]


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = core_clock.utcnow()

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock, in every module that has it by name."""
    stopped, real = Clock(), core_clock.utcnow
    for name, module in list(sys.modules.items()):
        if name.startswith(("app.", "workers")) and vars(module).get("utcnow") is real:
            monkeypatch.setattr(module, "utcnow", stopped)
    return stopped


class Rescuer:
    """A process that watches the leases and rescues, as maintenance does; its seconds are the clock's."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self.services, self.clock = services, clock
        self.watch = LeaseWatch(services.queries, lambda: clock.now.timestamp())

    def look(self) -> int:
        """Look once and rescue who is lost; returns how many tasks."""
        return self.services.recovery.rescue(self.watch.lost())

    def __call__(self) -> int:
        """Look twice, so far apart that who lives would have renewed."""
        self.watch.lost()
        self.clock.advance(seconds=UNRENEWED_S)
        return self.look()


@pytest.fixture
def rescue(services: Services, clock: Clock) -> Rescuer:
    return Rescuer(services, clock)


@pytest.fixture
def document(services: Services) -> Callable[[Task], Document | None]:
    """A task as MongoDB holds it, every field of it."""
    return lambda task: services.db.tasks.find_one({"_id": task.id})


@pytest.fixture
def running(services: Services, new_task: Callable[..., Task]) -> Callable[..., Task]:
    """A task of Alice's that the worker `w1` has claimed; any field of NewTask may be given."""

    def claim(**given: Any) -> Task:
        task = new_task(**given)
        claimed = services.tasks.claim(task.id, task.dispatch, "w1")
        assert claimed is not None
        services.queues.remove([task])
        return claimed

    return claim


@pytest.fixture
def task_in(
    services: Services, new_task: Callable[..., Task], running: Callable[..., Task]
) -> Callable[..., Task]:
    """A task of Alice's that came into a status the way tasks do."""

    def make(status: Status, **given: Any) -> Task:
        if status is Status.QUEUED:
            return new_task(**given)
        if status is Status.SCHEDULED:
            return new_task(**{"run_at": core_clock.utcnow() + timedelta(hours=1), **given})
        task = running(**given)
        if status is Status.SUCCEEDED:
            services.tasks.succeed(task, {"rows": 3})
        elif status is Status.FAILED:
            services.tasks.fail(task, an_error())
        elif status is Status.CANCELED:
            services.tasks.cancel(task.id, "bob")
            services.tasks.end_canceled(task, "Canceled.")
        return services.tasks.get(task.id)

    return make


def an_error(message: str = "It did not work.", kind: str = "error") -> Document:
    return {"kind": kind, "type": "ValueError", "message": message, "traceback": ""}


@pytest.fixture
def redis_away(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A block in which nothing listens where Redis should be."""
    nobody = connect("redis://127.0.0.1:1/0", timeout_ms=200)

    @contextmanager
    def away() -> Iterator[None]:
        with monkeypatch.context() as patched:
            for part in (services.dispatch, services.recovery):
                patched.setattr(part, "queues", Queues(nobody))
            yield

    yield away
    nobody.close()


@pytest.fixture
def waiting(services: Services) -> Callable[[], list[str]]:
    """Takes every message that waits, in order; returns the ids of their tasks."""

    def drain() -> list[str]:
        taken = []
        while (job_id := services.queues.take(0)) is not None:
            taken.append(job_id.partition("-")[0])
        return taken

    return drain
