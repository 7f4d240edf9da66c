"""Many tasks run again, each once: through kills, quotas, and inputs that fit no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.access import bulk
from app.core.bulk import run as bulk_run
from app.core.bulk.operations import LEASE, BulkOperation, State, Why
from app.core.errors import QuotaExceeded
from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.states import Action, Status
from app.core.tasks.task import Task
from tests.core.access.test_access import publish
from tests.core.access.test_bulk_run import ORIGIN, Killed, asked, skipped, worked_off

TASKS = 7


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    monkeypatch.setattr(bulk, "SMALL", -1)
    monkeypatch.setattr(bulk_run, "FIRST", 2)
    monkeypatch.setattr(bulk_run, "BATCH", 3)


@pytest.fixture
def begun(services: Services, task_in: Callable[..., Task], clock: Any) -> BulkOperation:
    """Bob's operation, which no process has begun to run."""
    publish(services, "echo", schema={"type": "object", "properties": {"text": {"type": "string"}}})
    for _ in range(TASKS):
        task_in(Status.FAILED, type="echo", params={"text": "hello"}, tags=("night",))
    clock.advance(seconds=1)
    bob = services.people.users.person(services.people.users.add("Bob", Role.OPERATOR))
    return services.access(bob, ORIGIN).bulk.begin(asked(Action.CLONE, total=TASKS, status="failed"))


def made(services: Services, operation: BulkOperation) -> list[Any]:
    """From which tasks others were made."""
    return [task["parent"] for task in services.db.tasks.find({"owner": operation.who})]


@pytest.mark.parametrize("point", ["bulk_planned", "bulk_cloned", "inserted"])
@pytest.mark.parametrize("nth", [1, 3])
def test_killed_at_any_moment_no_task_is_run_again_twice(
    services: Services,
    begun: BulkOperation,
    monkeypatch: pytest.MonkeyPatch,
    clock: Any,
    point: str,
    nth: int,
) -> None:
    passed = []

    def reach(name: str, detail: object = "") -> None:
        passed.append(name)
        if name == point and passed.count(name) == nth:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(bulk_run, "reach", reach)
        patched.setattr("app.core.tasks.store.reach", reach)
        with pytest.raises(Killed):
            worked_off(services)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    worked_off(services, "w2")

    ended = services.operations.get(begun.id)
    assert (ended.state, ended.done, skipped(ended)) == (State.ENDED, TASKS, {})
    assert len(made(services, begun)) == len(set(made(services, begun))) == TASKS


def test_a_quota_stops_it_and_it_resumes_where_it_was(
    services: Services, begun: BulkOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [4]

    def require_submit(quotas: Any, person: Any) -> None:
        if not room[0]:
            raise QuotaExceeded("You have 4 waiting tasks, the most allowed.", 60)
        room[0] -= 1

    monkeypatch.setattr("app.core.people.quotas.Quotas.require_submit", require_submit)
    worked_off(services)
    stopped = services.operations.get(begun.id)
    assert (stopped.state, stopped.why, stopped.done, skipped(stopped)) == (State.STOPPED, Why.QUOTA, 4, {})
    assert stopped.message.startswith("You have 4 waiting tasks")

    room[0] = 100
    services.operations.resume(stopped)
    worked_off(services)
    ended = services.operations.get(begun.id)
    assert (ended.state, ended.done, len(set(made(services, begun)))) == (State.ENDED, TASKS, TASKS)


def test_inputs_that_fit_no_more_are_skipped_and_counted(services: Services, begun: BulkOperation) -> None:
    first = services.db.tasks.find_one({"status": "failed"})
    assert first
    services.db.tasks.update_one({"_id": first["_id"]}, {"$set": {"params": {"text": 5}}})
    worked_off(services)
    ended = services.operations.get(begun.id)
    assert (ended.done, skipped(ended)) == (TASKS - 1, {"unfit": 1})
    assert ended.skipped["unfit"].ids == (first["_id"],)
