"""Every value of a label is moved by something: outcomes, statuses, priorities, repairs and stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.services import Services
from app.core.statistics import metrics
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import Task
from tests.core.conftest import an_error
from tests.web.looking import aged
from workers.maintenance import EVERY_S, Maintenance
from workers.supervisor.supervisor import TaskWorker

Running = Callable[..., Task]
End = Callable[[Services, Task], Any]


def counted(services: Services, metric: metrics.Metric) -> dict[tuple[str, ...], float]:
    services.meter.flush()
    figures = services.meter.read()
    assert figures is not None
    if metric.kind is metrics.Kind.COUNTER:
        return figures.counters.get(metric.name, {})
    return {labels: sum(found.counts) for labels, found in figures.histograms.get(metric.name, {}).items()}


def _canceled(services: Services, task: Task) -> None:
    services.tasks.cancel(task.id, "bob")
    services.tasks.end_canceled(task, "Canceled.")


def _failed_as(kind: str) -> End:
    return lambda services, task: services.dispatch.failed(task, an_error(kind=kind))


ENDS: dict[Ending, tuple[End, Status | None]] = {
    Ending.SUCCEEDED: (lambda services, task: services.tasks.succeed(task, None), Status.SUCCEEDED),
    Ending.CANCELED: (_canceled, Status.CANCELED),
    Ending.HANDED_BACK: (lambda services, task: services.dispatch.release(task, "It stops."), None),
    Ending.STRAY_CANCEL: (
        lambda services, task: services.dispatch.release(task, "Again.", Ending.STRAY_CANCEL), None),
    Ending.CRASH: (lambda services, task: services.dispatch.crashed(task, "It was killed."), Status.FAILED),
    Ending.WORKER_LOST: (lambda services, task: services.dispatch.lost(task, "It is gone."), None),
    **{kind: (_failed_as(kind.value), Status.FAILED) for kind in (
        Ending.ERROR, Ending.FAILED, Ending.RETRY, Ending.EXIT, Ending.PARAMS, Ending.RESULT,
        Ending.TIMEOUT, Ending.MEMORY)},
}  # fmt: skip
"""How an attempt ends, and the status that its task comes into where it ends with it."""
OF_EARLIER_VERSIONS = {Ending.INTERRUPTED}


def test_there_is_a_row_for_every_ending() -> None:
    assert ENDS.keys() | OF_EARLIER_VERSIONS == set(Ending)


@pytest.mark.parametrize("ending", ENDS)
def test_every_outcome_is_counted(services: Services, running: Running, ending: Ending) -> None:
    end, status = ENDS[ending]
    task = running(priority="low")
    end(services, task)
    assert counted(services, metrics.ATTEMPTS) == {(ending.value,): 1}
    assert counted(services, metrics.DURATION) == {(task.type,): 1}
    ended = {(status.value, task.type, "low"): 1} if status else {}
    assert counted(services, metrics.ENDED) == ended


@pytest.mark.parametrize("priority", [one.word for one in Priority])
def test_every_priority_is_counted(services: Services, running: Running, priority: str) -> None:
    task = running(priority=priority)
    assert counted(services, metrics.CREATED) == {(task.type, priority): 1}
    assert counted(services, metrics.QUEUE_TIME) == {(priority,): 1}


def test_every_repair_is_counted(services: Services) -> None:
    Maintenance(services, "w1").round()
    assert counted(services, metrics.MAINTENANCE) == {(name,): 1 for name in EVERY_S}


def _staged(services: Services, new: Callable[..., Task], running: Running) -> None:
    aged(services, new(run_at=utcnow() + timedelta(hours=1)), timedelta(hours=2), "run_at")


def _rescued(services: Services, new: Callable[..., Task], running: Running) -> None:
    running()


def _pruned(services: Services, new: Callable[..., Task], running: Running) -> None:
    task = running()
    services.tasks.succeed(task, None)
    aged(services, services.tasks.get(task.id), timedelta(days=1_000), "expire_at")


@pytest.mark.parametrize(("repair", "broken"), [("stage", _staged), ("rescue", _rescued), ("prune", _pruned)])
def test_what_a_repair_changes_is_counted(
    services: Services,
    new_task: Callable[..., Task],
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
    repair: str,
    broken: Callable[..., None],
) -> None:
    keeper = Maintenance(services, "w1")
    keeper.round()
    keeper._done.clear()
    keeper._rescue_from = float("-inf")  # It has been in touch for a lease.
    broken(services, new_task, running)
    if repair == "rescue":  # Who watches leases is tested elsewhere.
        lost = [services.tasks.get(found["_id"]) for found in services.db.tasks.find({}, {"_id": 1})]
        monkeypatch.setattr(keeper._leases_seen, "lost", lambda: lost)
    keeper.round()
    assert counted(services, metrics.REPAIRED)[repair,] == 1


def test_workers_measure_both_stores(services: Services) -> None:
    worker = TaskWorker("w1", services)
    worker._report_to_mongodb()
    worker._report_to_redis()
    assert counted(services, metrics.STORE) == {("mongodb", "worker"): 1, ("redis", "worker"): 1}
