"""Any live process runs a bulk operation; killed at any moment, it loses nothing.

These are contracts: `tests/real` runs them on real servers, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect, OperationFailure

from app.core.access import bulk
from app.core.access.bulk import BulkAccess
from app.core.bulk import operations as bulk_operations
from app.core.bulk import run as bulk_run
from app.core.bulk.operations import KEPT, LEASE, BulkOperation, NewBulk, State, Why
from app.core.clock import utcnow
from app.core.errors import Forbidden, NotFound
from app.core.listing.filter import TaskFilter
from app.core.people.person import Origin, Person
from app.core.people.roles import Permission, Role
from app.core.queue.bulk import Operation
from app.core.services import Services
from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.task import Task
from tests.core.conftest import an_error

ORIGIN = Origin("192.0.2.1", "request-1", "session")
TASKS = 12
OF = {
    Action.RETRY: (Status.FAILED, Status.QUEUED),
    Action.CANCEL: (Status.QUEUED, Status.CANCELED),
    Action.REPRIORITIZE: (Status.QUEUED, Status.QUEUED),
    Action.DELETE: (Status.FAILED, None),
}


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation is left to the workers, in batches of five."""
    monkeypatch.setattr(bulk, "SMALL", -1)
    monkeypatch.setattr(bulk_run, "FIRST", 2)
    monkeypatch.setattr(bulk_run, "BATCH", 5)


@pytest.fixture
def bob(services: Services) -> Person:
    """Bob operates."""
    return services.people.users.person(services.people.users.add("Bob", Role.OPERATOR))


@pytest.fixture
def of_bob(services: Services, bob: Person, small_batches: None) -> BulkAccess:
    return services.access(bob, ORIGIN).bulk


def asked(action: Action, ids: Any = (), total: int | None = TASKS, **given: Any) -> NewBulk:
    priority = Priority.HIGH if action is Action.REPRIORITIZE else None
    until: datetime = given.pop("until", utcnow())
    key = given.pop("key", str(ObjectId()))
    return NewBulk(Operation(action, "", priority), TaskFilter(**given), tuple(ids), total, until, key)


def worked_off(services: Services, holder: str = "w1") -> None:
    """What the thread of a worker does until there is nothing left."""
    runner = services.bulk_runner(holder)
    for _ in range(100):
        if runner.turn() == 0:
            return
    raise AssertionError("it does not end")


def now(services: Services, operation: BulkOperation) -> BulkOperation:
    return services.operations.get(operation.id)


def skipped(operation: BulkOperation) -> dict[str, int]:
    return {reason: each.count for reason, each in operation.skipped.items()}


def entries(services: Services) -> list[dict[str, Any]]:
    return list(services.db.audit.find({"event": "tasks.bulk"}).sort([("at", 1), ("_id", 1)]))


@pytest.mark.parametrize("by", ["ids", "filter"])
@pytest.mark.parametrize("action", OF)
def test_it_is_worked_off_and_recorded(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, bob: Person, action: Action, by: str
) -> None:
    before, after = OF[action]
    tasks = [task_in(before) for _ in range(TASKS)]
    other = task_in(Status.SUCCEEDED if action is not Action.DELETE else Status.RUNNING)
    ids = [*(task.id for task in tasks), other.id] if by == "ids" else ()
    operation = of_bob.begin(asked(action, ids))
    assert (operation.state, operation.done) == (State.RUNNING, 0)

    worked_off(services)

    ended = now(services, operation)
    assert (ended.state, ended.done) == (State.ENDED, TASKS)
    assert skipped(ended) == ({other.status.value: 1} if by == "ids" else {})
    found = {task["_id"]: task for task in services.db.tasks.find()}
    assert {found[task.id]["status"] if task.id in found else None for task in tasks} == {
        after.value if after else None
    }
    assert found[other.id]["status"] == other.status.value
    first, last = entries(services)
    assert [entry["who"] for entry in (first, last)] == [bob.id] * 2
    assert [entry["address"] for entry in (first, last)] == ["192.0.2.1"] * 2
    assert [entry["after"]["state"] for entry in (first, last)] == ["running", "ended"]
    assert last["after"]["count"] == TASKS


KILLS = [(point, nth) for point in ("bulk_planned", "bulk_applied") for nth in (1, 2, 3)]


@pytest.mark.slow
@pytest.mark.parametrize(("point", "nth"), [*KILLS, ("bulk_recorded", 1)])
@pytest.mark.parametrize("action", OF)
def test_killed_at_any_moment_it_loses_nothing_and_does_nothing_twice(
    services: Services,
    task_in: Callable[..., Task],
    of_bob: BulkAccess,
    monkeypatch: pytest.MonkeyPatch,
    clock: Any,
    action: Action,
    point: str,
    nth: int,
) -> None:
    tasks = [task_in(OF[action][0]) for _ in range(TASKS)]
    clock.advance(seconds=1)
    operation = of_bob.begin(asked(action))
    dispatches = {task.id: task.dispatch for task in tasks}
    passed = []

    def reach(name: str, detail: object = "") -> None:
        passed.append(name)
        if name == point and passed.count(name) == nth:
            raise Killed

    clock.advance(seconds=1)
    with monkeypatch.context() as patched:
        patched.setattr(bulk_run, "reach", reach)
        with pytest.raises(Killed):
            worked_off(services)
    assert services.bulk_runner("w2").turn() == 0  # The lease of the dead lasts.
    clock.advance(seconds=LEASE.total_seconds() + 1)
    if action is Action.RETRY:  # What was retried has run and failed again meanwhile.
        for task in services.tasks._tasks.find({"status": "queued"}):
            again = services.tasks.claim(task["_id"], task["dispatch"], "w9")
            assert again and services.tasks.fail(again, an_error())
    worked_off(services, "w2")

    ended = now(services, operation)
    assert (ended.state, ended.done, skipped(ended)) == (State.ENDED, TASKS, {})
    for task in services.db.tasks.find():
        assert task["dispatch"] == dispatches[task["_id"]] + (action is not Action.CANCEL)
        assert task["bulk"] == [operation.id]
    assert [entry["after"]["state"] for entry in entries(services)] == ["running", "ended"]
    assert entries(services)[1]["after"]["count"] == TASKS


def test_the_same_key_is_the_same_operation(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess
) -> None:
    task = task_in(Status.FAILED)
    first = of_bob.begin(asked(Action.RETRY, key="opened-once"))
    worked_off(services)
    again = services.tasks.claim(task.id, services.tasks.get(task.id).dispatch, "w1")
    assert again and services.tasks.fail(again, an_error())

    assert of_bob.begin(asked(Action.RETRY, key="opened-once")).id == first.id
    worked_off(services)
    assert services.tasks.get(task.id).status is Status.FAILED
    assert services.db.bulk_operations.count_documents({}) == 1
    assert of_bob.started("opened-once") is not None and of_bob.started("") is None


def test_a_small_one_is_done_before_the_answer(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SMALL", 100)
    for _ in range(TASKS):
        task_in(Status.QUEUED)
    assert of_bob.begin(asked(Action.CANCEL)).state is State.ENDED


def test_a_web_server_killed_before_its_answer_is_followed_by_a_worker(
    services: Services,
    task_in: Callable[..., Task],
    of_bob: BulkAccess,
    monkeypatch: pytest.MonkeyPatch,
    clock: Any,
) -> None:
    monkeypatch.setattr(bulk, "SMALL", 100)
    tasks = [task_in(Status.QUEUED) for _ in range(TASKS)]

    def reach(name: str, detail: object = "") -> None:
        if name == "bulk_applied":
            raise Killed

    clock.advance(seconds=1)
    with monkeypatch.context() as patched:
        patched.setattr(bulk_run, "reach", reach)
        with pytest.raises(Killed):
            of_bob.begin(asked(Action.CANCEL, key="sent-again", until=clock.now))
    again = of_bob.begin(asked(Action.CANCEL, key="sent-again", until=clock.now))
    assert (again.state, again.done) == (State.RUNNING, 0)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    worked_off(services)
    assert (now(services, again).done, skipped(now(services, again))) == (TASKS, {})
    assert {services.tasks.get(task.id).status for task in tasks} == {Status.CANCELED}
    assert len(entries(services)) == 2


def test_stopped_and_resumed(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, bob: Person
) -> None:
    for _ in range(TASKS):
        task_in(Status.QUEUED)
    operation = of_bob.begin(asked(Action.CANCEL))
    run = bulk_run.BulkRun(services.operations, services.bulk, lambda: of_bob, "w1")
    run.go(operation, 0.0)
    of_bob.stop(operation.id)

    stopped = now(services, operation)
    assert (stopped.state, stopped.done, stopped.why) == (State.STOPPED, 5, Why.ASKED)
    assert (stopped.stop or {})["by"] == bob.id
    worked_off(services)
    assert services.db.tasks.count_documents({"status": "canceled"}) == 5

    of_bob.resume(operation.id)
    worked_off(services)
    assert (now(services, operation).state, now(services, operation).done) == (State.ENDED, TASKS)
    states = [entry["after"]["state"] for entry in entries(services)]
    assert states == ["running", "stopped", "resumed", "ended"]


def test_a_worker_that_has_it_stops_after_its_batch(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(TASKS):
        task_in(Status.QUEUED)
    operation = of_bob.begin(asked(Action.CANCEL))

    def reach(name: str, detail: object = "") -> None:
        if name == "bulk_applied":
            of_bob.stop(operation.id)

    monkeypatch.setattr(bulk_run, "reach", reach)
    worked_off(services)
    assert (now(services, operation).state, now(services, operation).done) == (State.STOPPED, 5)


@pytest.mark.parametrize("what", ["disabled", "viewer", "deleted"])
def test_it_stops_where_its_person_may_not_any_more(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, bob: Person, what: str
) -> None:
    tasks = [task_in(Status.QUEUED) for _ in range(TASKS)]
    operation = of_bob.begin(asked(Action.CANCEL))
    users = services.db.users
    change = {"disabled": {"disabled_at": utcnow()}, "viewer": {"role": "viewer"}}
    if what == "deleted":
        users.delete_one({"_id": bob.id})
    else:
        users.update_one({"_id": bob.id}, {"$set": change[what]})

    worked_off(services)

    stopped = now(services, operation)
    assert stopped.state is State.STOPPED
    assert stopped.why is (Why.FORBIDDEN if what == "viewer" else Why.DISABLED)
    assert all(services.tasks.get(task.id).status is Status.QUEUED for task in tasks)
    assert entries(services)[-1]["after"]["why"] == stopped.why.value


def test_a_token_works_off_no_more_than_it_may(
    services: Services, task_in: Callable[..., Task], bob: Person, small_batches: None
) -> None:
    kept, taken = task_in(Status.QUEUED, owner=bob.id), task_in(Status.QUEUED, owner=bob.id, type="other")
    program = bob.narrowed([Permission.TASK_READ, Permission.TASK_CANCEL], ["other"])
    rights = services.access(program, Origin(via="token")).bulk
    operation = rights.begin(asked(Action.CANCEL, total=2))
    worked_off(services)

    assert (services.tasks.get(kept.id).status, services.tasks.get(taken.id).status) == (
        Status.QUEUED,
        Status.CANCELED,
    )
    assert skipped(now(services, operation)) == {"denied": 1}
    with pytest.raises(Forbidden):
        rights.begin(asked(Action.DELETE))


def test_what_changed_after_the_preview_is_counted_and_never_more_is_taken(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, clock: Any
) -> None:
    tasks = [task_in(Status.FAILED) for _ in range(3)]
    clock.advance(seconds=1)
    until = clock.advance(seconds=1)
    clock.advance(seconds=1)
    later = [task_in(Status.FAILED) for _ in range(2)]
    services.tasks.retry(tasks[0])
    operation = of_bob.begin(asked(Action.DELETE, total=3, until=until))
    worked_off(services)
    ended = now(services, operation)
    assert (ended.done, skipped(ended)) == (2, {"changed": 1})
    assert {task["_id"] for task in services.db.tasks.find()} == {tasks[0].id, *(task.id for task in later)}

    capped = of_bob.begin(asked(Action.DELETE, total=1, until=clock.now))
    worked_off(services)
    assert now(services, capped).done == 1


def test_what_moves_on_between_plan_and_change_is_named(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [task_in(Status.QUEUED) for _ in range(3)]

    def reach(name: str, detail: object = "") -> None:
        if name == "bulk_planned":
            services.tasks.claim(tasks[1].id, tasks[1].dispatch, "w1")

    monkeypatch.setattr(bulk_run, "reach", reach)
    operation = of_bob.begin(asked(Action.REPRIORITIZE, total=3))
    worked_off(services)
    ended = now(services, operation)
    assert (ended.done, skipped(ended)) == (2, {"changed": 1})
    assert ended.skipped["changed"].ids == (tasks[1].id,)


def test_two_that_think_it_theirs_do_nothing_twice(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, clock: Any, monkeypatch: Any
) -> None:
    """One stands still while it has a batch in its hands; the other takes over; then the first goes on."""
    tasks = [task_in(Status.FAILED) for _ in range(TASKS)]
    operation = of_bob.begin(asked(Action.RETRY))
    taken_over = []

    def reach(name: str, detail: object = "") -> None:
        if name == "bulk_planned" and not taken_over:
            taken_over.append(True)
            clock.advance(seconds=LEASE.total_seconds() + 1)
            worked_off(services, "w2")

    monkeypatch.setattr(bulk_run, "reach", reach)
    worked_off(services, "w1")
    ended = now(services, operation)
    assert (ended.done, skipped(ended)) == (TASKS, {})
    assert all(services.tasks.get(task.id).dispatch == task.dispatch + 1 for task in tasks)


def test_a_lease_from_the_future_holds_nobody_off(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess
) -> None:
    task_in(Status.QUEUED)
    operation = of_bob.begin(asked(Action.CANCEL, total=1))
    lease = {"holder": "gone", "until": utcnow() + timedelta(days=300)}
    services.db.bulk_operations.update_one({}, {"$set": {"lease": lease}})
    worked_off(services)
    assert now(services, operation).state is State.ENDED


def test_mongodb_away_in_the_middle_it_goes_on_later(
    services: Services,
    task_in: Callable[..., Task],
    of_bob: BulkAccess,
    monkeypatch: pytest.MonkeyPatch,
    clock: Any,
) -> None:
    for _ in range(TASKS):
        task_in(Status.QUEUED)
    operation = of_bob.begin(asked(Action.CANCEL))
    with monkeypatch.context() as away:
        away.setattr(services.bulk, "apply", _raises(AutoReconnect("away")))
        with pytest.raises(AutoReconnect):
            services.bulk_runner("w1").turn()
    clock.advance(seconds=LEASE.total_seconds() + 1)
    worked_off(services)
    assert (now(services, operation).done, skipped(now(services, operation))) == (TASKS, {})


def test_what_mongodb_refuses_is_counted_as_failed(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_in(Status.QUEUED)
    monkeypatch.setattr(services.bulk, "apply", _raises(OperationFailure("no")))
    operation = of_bob.begin(asked(Action.CANCEL, total=1))
    worked_off(services)
    assert skipped(now(services, operation)) == {"refused": 1}


def test_a_defect_stops_one_operation_and_no_other(
    services: Services, task_in: Callable[..., Task], of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_in(Status.QUEUED)
    broken = of_bob.begin(asked(Action.CANCEL, total=1))
    fine = of_bob.begin(asked(Action.REPRIORITIZE, total=1))
    real = services.bulk.apply

    def apply(operation: Operation, *given: Any) -> Any:
        if operation.action is Action.CANCEL:
            raise KeyError("a defect")
        return real(operation, *given)

    monkeypatch.setattr(services.bulk, "apply", apply)
    services.bulk_runner("w1").turn()
    assert (now(services, broken).state, now(services, broken).why) == (State.STOPPED, Why.ERROR)
    worked_off(services)
    assert now(services, fine).state is State.ENDED


def test_a_filter_of_another_version_stops_it_with_a_sentence(services: Services, of_bob: BulkAccess) -> None:
    operation = of_bob.begin(asked(Action.CANCEL))
    services.db.bulk_operations.update_one({}, {"$set": {"filter": {"color": "red"}}})
    worked_off(services)
    stopped = now(services, operation)
    assert (stopped.why, "color" in stopped.message) == (Why.FILTER, True)


def test_only_its_owner_and_operators_see_one(services: Services, bob: Person, of_bob: BulkAccess) -> None:
    users = services.people.users
    alice, eve = (users.person(users.add(name, Role.SUBMITTER)) for name in ("Alice", "Eve"))
    of_alice, of_eve = services.access(alice).bulk, services.access(eve).bulk
    hers, his = of_alice.begin(asked(Action.CANCEL)), of_bob.begin(asked(Action.CANCEL))

    assert [each.id for each in of_bob.page().operations] == [his.id, hers.id]
    assert [each.id for each in of_alice.page().operations] == [hers.id]
    assert of_bob.get(hers.id).who == alice.id
    for call in (of_eve.get, of_eve.stop, of_eve.resume):
        for operation_id in (hers.id, his.id, ObjectId(), None):
            with pytest.raises(NotFound):
                call(operation_id)
    assert of_bob.may_control(hers)
    of_bob.stop(hers.id)
    worked_off(services)
    assert now(services, hers).state is State.STOPPED


def test_pages_of_operations(services: Services, of_bob: BulkAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = [of_bob.begin(asked(Action.CANCEL)).id for _ in range(5)]
    seen, after = [], ""
    while True:
        page = services.operations.page(None, after, 2)
        seen += [each.id for each in page.operations]
        if not (after := page.next):
            break
    assert seen == begun[::-1]


def test_they_go_thirty_days_after_they_ended(
    services: Services, of_bob: BulkAccess, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_operations, "PRUNED_AT_ONCE", 2)
    for _ in range(5):
        of_bob.begin(asked(Action.CANCEL))
    worked_off(services)
    clock.advance(days=KEPT.days - 1)
    runs = of_bob.begin(asked(Action.CANCEL))
    assert services.operations.prune() == 0
    clock.advance(days=2)
    assert services.operations.prune() == 5
    clock.advance(days=100)
    assert services.operations.prune() == 0
    assert now(services, runs).state is State.RUNNING


def _raises(error: Exception) -> Callable[..., Any]:
    def fail(*args: Any) -> Any:
        raise error

    return fail
