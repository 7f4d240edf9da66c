"""The same operation to many tasks: to what it is legal for, each once, in order, and without Redis too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.queue.bulk import Batch, Operation
from app.core.services import Services
from app.core.tasks.states import Action, Priority, Status, legal
from app.core.tasks.task import Task, parse_job_id
from tests.core.conftest import an_error

CANCEL, RETRY, DELETE = (Operation(action, "bob") for action in (Action.CANCEL, Action.RETRY, Action.DELETE))
TO_HIGH = Operation(Action.REPRIORITIZE, "bob", Priority.HIGH)
ALL = TaskFilter()

MARK = ObjectId()


@dataclass(frozen=True)
class Step:
    """What came of a batch."""

    done: int
    skipped: dict[str, int] = field(default_factory=dict)
    after: str = ""


def carried_out(services: Services, operation: Operation, batch: Batch) -> Step:
    done = services.bulk.apply(operation, batch.tasks, MARK)
    return Step(done, {reason: len(ids) for reason, ids in batch.skipped.items()}, batch.after)


def step(
    services: Services,
    operation: Operation,
    wanted: TaskFilter,
    until: datetime,
    after: str = "",
    most: int | None = None,
    limit: int = 200,
) -> Step:
    batch = services.bulk.batch(operation, wanted, until, after, limit, most)
    return carried_out(services, operation, batch)


def run_on(services: Services, operation: Operation, ids: Sequence[ObjectId], until: datetime) -> Step:
    return carried_out(services, operation, services.bulk.among(operation, ids, until))


@pytest.fixture
def one_of_each(task_in: Callable[..., Task]) -> list[Task]:
    return [task_in(status) for status in Status]


@pytest.fixture
def until(clock: Any) -> datetime:
    """Later than everything that is created before time goes on."""
    now: datetime = clock.now
    return now


def hints(services: Services) -> list[ObjectId]:
    """Whose hints are waiting, in the order in which a worker takes those that are current."""
    taken = []
    while job_id := services.queues.take(0):
        named = parse_job_id(job_id)
        if named and services.tasks.waiting(*named):
            taken.append(named[0])
    return taken


@pytest.mark.parametrize(
    "operation", [CANCEL, RETRY, TO_HIGH, DELETE], ids=lambda operation: operation.action.value
)
@pytest.mark.parametrize("by", ["ids", "filter"])
def test_it_is_done_to_what_it_is_legal_for_and_nothing_else(
    services: Services, one_of_each: list[Task], document: Any, operation: Operation, by: str, until: datetime
) -> None:
    before = {task.status: document(task) for task in one_of_each}
    came = (
        run_on(services, operation, [task.id for task in one_of_each], utcnow())
        if by == "ids"
        else step(services, operation, ALL, until)
    )

    changed = {task.status for task in one_of_each if document(task) != before[task.status]}
    assert changed == legal(operation.action)
    others = {task.status.value: 1 for task in one_of_each if task.status not in changed}
    assert came == Step(len(changed), others if by == "ids" else {})


def test_the_count_says_how_many_that_will_be(services: Services, one_of_each: list[Task]) -> None:
    assert services.bulk.count(CANCEL, ALL).value == 3
    assert services.bulk.count(CANCEL, TaskFilter(status="failed")).value == 0
    assert services.bulk.count(CANCEL, TaskFilter(sort="finished")).value == 0
    assert services.bulk.count(DELETE, TaskFilter(sort="finished")).value == 3
    assert services.bulk.count(RETRY, TaskFilter(priority="low")).value == 0


def test_those_in_the_lane_already_are_counted_apart(
    services: Services, new_task: Callable[..., Task]
) -> None:
    for priority in ("high", "medium", "low", "low"):
        new_task(priority=priority)
    counted = {
        name: (
            services.bulk.count(TO_HIGH, wanted).value,
            services.bulk.count_unaffected(TO_HIGH, wanted).value,
        )
        for name in ("", "high", "low")
        for wanted in (TaskFilter(priority=name),)
    }
    assert counted == {"": (3, 1), "high": (0, 1), "low": (2, 0)}
    assert services.bulk.count_unaffected(CANCEL, ALL).value == 0


def test_a_filter_is_walked_in_steps_and_each_task_met_once(
    services: Services, new_task: Callable[..., Task], clock: Any
) -> None:
    tasks = [new_task(priority="low", tags=("night",)) for _ in range(7)]
    others = [new_task(priority="low"), new_task(tags=("night",))]
    wanted, until, steps, after = TaskFilter(tag="night", priority="low"), clock.now, [], "first"
    clock.advance(seconds=1)
    late = new_task(priority="low", tags=("night",))
    while after:
        steps.append(step(services, TO_HIGH, wanted, until, "" if after == "first" else after, limit=3))
        after = steps[-1].after

    assert [one.done for one in steps] == [3, 3, 1]
    assert {services.tasks.get(task.id).priority for task in tasks} == {Priority.HIGH}
    assert [services.tasks.get(task.id).priority for task in [*others, late]] == [
        Priority.LOW, Priority.MEDIUM, Priority.LOW]  # fmt: skip


def test_what_moves_comes_after_what_is_there_in_its_old_order(
    services: Services, new_task: Callable[..., Task], until: datetime
) -> None:
    low = [new_task(priority="low") for _ in range(4)]
    there = new_task(priority="high")

    assert step(services, TO_HIGH, ALL, until).skipped == {"there": 1}
    assert hints(services) == [task.id for task in [there, *low]]


def test_hints_of_what_is_canceled_are_taken_back(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = [new_task() for _ in range(3)], new_task()
    run_on(services, CANCEL, [task.id for task in gone], utcnow())
    assert services.queues.depths()[Priority.MEDIUM] == 1

    monkeypatch.setattr("app.core.queue.rq.SEARCH_LIMIT", 0)
    more = [new_task() for _ in range(3)]
    run_on(services, CANCEL, [task.id for task in more], utcnow())
    assert services.queues.depths()[Priority.MEDIUM] == 4
    assert hints(services) == [stays.id]


@pytest.mark.parametrize(("operation", "status"), [(RETRY, Status.FAILED), (TO_HIGH, Status.QUEUED)])
def test_without_redis_the_sweep_tells_the_workers(
    services: Services, task_in: Callable[..., Task], redis_away: Any, operation: Operation, status: Status
) -> None:
    tasks = [task_in(status) for _ in range(3)]
    with redis_away():
        assert run_on(services, operation, [task.id for task in tasks], utcnow()).done == 3
    services.recovery.push_due()

    assert hints(services) == [task.id for task in tasks]


def test_a_task_that_moved_on_meanwhile_is_left(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, until: datetime
) -> None:
    first, second = new_task(), new_task()
    found = services.listing.walk

    def meanwhile(*args: Any) -> Any:
        page = found(*args)
        services.tasks.claim(first.id, first.dispatch, "w1")
        return page

    monkeypatch.setattr(services.listing, "walk", meanwhile)
    batch = services.bulk.batch(TO_HIGH, ALL, until, "", 200)
    assert (len(batch.tasks), carried_out(services, TO_HIGH, batch).done) == (2, 1)
    assert services.bulk.changed(TO_HIGH, [first.id, second.id], MARK) == {second.id}
    assert services.tasks.get(first.id).priority is Priority.MEDIUM
    assert services.tasks.get(second.id).priority is Priority.HIGH


@pytest.mark.parametrize(
    ("operation", "status"),
    [(CANCEL, Status.QUEUED), (CANCEL, Status.RUNNING), (RETRY, Status.FAILED), (TO_HIGH, Status.QUEUED)],
    ids=["cancel", "cancel running", "retry", "priority"],
)
def test_what_was_changed_says_so_whatever_becomes_of_it(
    services: Services, task_in: Callable[..., Task], operation: Operation, status: Status
) -> None:
    changed, other = task_in(status), task_in(status)
    run_on(services, operation, [changed.id], utcnow())
    task = services.tasks.get(changed.id)
    for way in AFTERWARDS[task.status][:1]:
        move(services, task, way)
    run_on_by_others = services.bulk.among(CANCEL, [changed.id], utcnow() + timedelta(hours=1))
    services.bulk.apply(CANCEL, run_on_by_others.tasks, ObjectId())

    assert services.bulk.changed(operation, [changed.id, other.id, ObjectId()], MARK) == {changed.id}


def test_what_was_deleted_is_what_is_gone(services: Services, task_in: Callable[..., Task]) -> None:
    ended, waits = task_in(Status.FAILED), task_in(Status.QUEUED)
    services.bulk.apply(DELETE, [ended, waits], MARK)
    assert services.bulk.changed(DELETE, [ended.id, waits.id], MARK) == {ended.id}


def test_ids_of_no_task_are_left(services: Services) -> None:
    assert run_on(services, CANCEL, [ObjectId()], utcnow()) == Step(0, {"gone": 1})
    assert run_on(services, CANCEL, [], utcnow()) == Step(0)


def test_only_these_deeds_can_be_done_to_many(services: Services, new_task: Callable[..., Task]) -> None:
    for operation in (Operation(Action.CLONE, "bob"), Operation(Action.REPRIORITIZE, "bob")):
        with pytest.raises(ValueError, match="cannot be done to many"):
            services.bulk.apply(operation, [new_task()], MARK)


AFTERWARDS: dict[Status, list[str]] = {
    Status.SCHEDULED: ["stage"],
    Status.QUEUED: ["claim", "defer"],
    Status.RUNNING: ["succeed", "fail", "reschedule", "release"],
    Status.SUCCEEDED: [],
    Status.FAILED: ["retry"],
    Status.CANCELED: ["retry"],
}


def move(services: Services, task: Task, way: str) -> Task:
    """What a worker, maintenance or another person does to a task."""
    tasks, later = services.tasks, utcnow() + timedelta(hours=1)
    if way == "claim":
        tasks.claim(task.id, task.dispatch, "worker-2")
    elif way in ("defer", "reschedule"):
        arguments = (later,) if way == "defer" else (an_error(), later)
        getattr(tasks, way)(task, *arguments)
    elif way in ("succeed", "release"):
        getattr(tasks, way)(task, "It went on.")
    elif way == "fail":
        tasks.fail(task, an_error())
    else:
        getattr(tasks, way)(task)
    return tasks.get(task.id)


WAYS = [
    (first, *ways)
    for first in Status
    for ways in [(), *((way,) for way in AFTERWARDS[first]), ("claim", "fail"), ("retry", "claim")]
    if not ways or ways[0] in AFTERWARDS[first]
]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize(
    "operation", [CANCEL, RETRY, TO_HIGH, DELETE], ids=lambda operation: operation.action.value
)
def test_only_what_matched_at_the_preview_is_taken(
    services: Services,
    task_in: Callable[..., Task],
    clock: Any,
    document: Any,
    operation: Operation,
    way: Any,
) -> None:
    """Whatever becomes of a task between the preview and the button, and whatever the filter was."""
    first, *ways = way
    for wanted in (ALL, *(TaskFilter(status=status.value) for status in Status)):
        task, by_id = task_in(first), task_in(first)
        clock.advance(seconds=1)
        until, said = clock.now, services.bulk.count(operation, wanted).value
        clock.advance(seconds=1)
        for one in (task, by_id):
            for then in ways:
                move(services, services.tasks.get(one.id), then)
        before = document(task), document(by_id)
        step(services, operation, wanted, until, most=said)
        run_on(services, operation, [by_id.id], until) if wanted is ALL else None
        matched = first in legal(operation.action) and wanted.status in ("", first.value)
        assert matched or (document(task), document(by_id)) == before
        services.db.tasks.delete_many({})


def test_what_goes_on_meanwhile_is_still_canceled(
    services: Services, task_in: Callable[..., Task], clock: Any
) -> None:
    tasks = [task_in(Status.SCHEDULED), task_in(Status.QUEUED), task_in(Status.RUNNING)]
    until = clock.now
    clock.advance(seconds=1)
    for task, way in zip(tasks, ("stage", "claim", "release"), strict=True):
        move(services, task, way)
    assert step(services, CANCEL, ALL, until) == Step(3)


def test_the_last_hour_of_a_filter_is_the_one_before_the_preview(
    services: Services, task_in: Callable[..., Task], clock: Any
) -> None:
    task_in(Status.FAILED)
    until = clock.advance(minutes=59)
    clock.advance(days=1)
    assert step(services, DELETE, TaskFilter(ended="1h", sort="finished"), until).done == 1


def test_never_more_than_was_said(services: Services, new_task: Callable[..., Task], until: datetime) -> None:
    for _ in range(5):
        new_task()
    assert step(services, CANCEL, ALL, until, most=3).done == 3
    assert services.db.tasks.count_documents({"status": "queued"}) == 2
