"""The same operation to many tasks: to what it is legal for, each once, in order, and without Redis too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.queue import bulk
from app.core.queue.bulk import Bulk, BulkStep, Operation
from app.core.services import Services
from app.core.tasks.states import Action, Priority, Status, legal
from app.core.tasks.task import Task, parse_job_id
from tests.core.conftest import an_error

CANCEL, RETRY, DELETE = (Operation(action, "bob") for action in (Action.CANCEL, Action.RETRY, Action.DELETE))
TO_HIGH = Operation(Action.REPRIORITIZE, "bob", Priority.HIGH)
ALL = TaskFilter()

Statuses = Callable[..., list[Status]]


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
    step = (
        services.bulk.run_on(operation, [task.id for task in one_of_each], utcnow())
        if by == "ids"
        else services.bulk.step(operation, ALL, until)
    )

    changed = {task.status for task in one_of_each if document(task) != before[task.status]}
    assert changed == legal(operation.action)
    assert step == BulkStep(len(changed), len(one_of_each) - len(changed) if by == "ids" else 0)


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
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 3)
    monkeypatch.setattr(bulk, "STEP_S", 0.0)
    tasks = [new_task(priority="low", tags=("night",)) for _ in range(7)]
    others = [new_task(priority="low"), new_task(tags=("night",))]
    wanted, until, steps, after = TaskFilter(tag="night", priority="low"), clock.now, [], "first"
    clock.advance(seconds=1)
    late = new_task(priority="low", tags=("night",))
    while after:
        steps.append(services.bulk.step(TO_HIGH, wanted, until, "" if after == "first" else after))
        after = steps[-1].after

    assert [step.done for step in steps] == [3, 3, 1]
    assert {services.tasks.get(task.id).priority for task in tasks} == {Priority.HIGH}
    assert [services.tasks.get(task.id).priority for task in [*others, late]] == [
        Priority.LOW, Priority.MEDIUM, Priority.LOW]  # fmt: skip


def test_what_moves_comes_after_what_is_there_in_its_old_order(
    services: Services, new_task: Callable[..., Task], until: datetime
) -> None:
    low = [new_task(priority="low") for _ in range(4)]
    there = new_task(priority="high")

    assert services.bulk.step(TO_HIGH, ALL, until).left == 1
    assert hints(services) == [task.id for task in [there, *low]]


def test_hints_of_what_is_canceled_are_taken_back(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = [new_task() for _ in range(3)], new_task()
    services.bulk.run_on(CANCEL, [task.id for task in gone], utcnow())
    assert services.queues.depths()[Priority.MEDIUM] == 1

    monkeypatch.setattr("app.core.queue.rq.SEARCH_LIMIT", 0)
    more = [new_task() for _ in range(3)]
    services.bulk.run_on(CANCEL, [task.id for task in more], utcnow())
    assert services.queues.depths()[Priority.MEDIUM] == 4
    assert hints(services) == [stays.id]


@pytest.mark.parametrize(("operation", "status"), [(RETRY, Status.FAILED), (TO_HIGH, Status.QUEUED)])
def test_without_redis_the_sweep_tells_the_workers(
    services: Services, task_in: Callable[..., Task], redis_away: Any, operation: Operation, status: Status
) -> None:
    tasks = [task_in(status) for _ in range(3)]
    with redis_away():
        assert services.bulk.run_on(operation, [task.id for task in tasks], utcnow()).done == 3
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
    assert services.bulk.step(TO_HIGH, ALL, until) == BulkStep(done=1, left=1)
    assert services.tasks.get(first.id).priority is Priority.MEDIUM
    assert services.tasks.get(second.id).priority is Priority.HIGH


def test_a_slow_store_is_asked_for_little_at_a_time(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, until: datetime
) -> None:
    """A batch has to end within the timeout of the store."""
    asked: list[int] = []
    real = Bulk._apply
    monkeypatch.setattr(
        Bulk,
        "_apply",
        lambda self, operation, tasks: asked.append(len(tasks)) or real(self, operation, tasks),
    )
    monkeypatch.setattr(bulk, "FIRST", 2)
    monkeypatch.setattr(bulk, "BATCH", 4)
    tasks = [new_task() for _ in range(9)]

    assert services.bulk.run_on(TO_HIGH, [task.id for task in tasks], utcnow()) == BulkStep(done=9, left=0)
    assert services.bulk.step(CANCEL, ALL, until) == BulkStep(done=9, left=0)
    assert asked == [2, 2, 2, 2, 1, 2, 4, 3]


def test_ids_of_no_task_are_left(services: Services) -> None:
    assert services.bulk.run_on(CANCEL, [ObjectId()], utcnow()) == BulkStep(done=0, left=1)
    assert services.bulk.run_on(CANCEL, [], utcnow()) == BulkStep(done=0, left=0)


def test_only_these_deeds_can_be_done_to_many(services: Services, new_task: Callable[..., Task]) -> None:
    for operation in (Operation(Action.CLONE, "bob"), Operation(Action.REPRIORITIZE, "bob")):
        with pytest.raises(ValueError, match="cannot be done to many"):
            services.bulk.run_on(operation, [new_task().id], utcnow())


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
            for step in ways:
                move(services, services.tasks.get(one.id), step)
        before = document(task), document(by_id)
        services.bulk.step(operation, wanted, until, most=said)
        services.bulk.run_on(operation, [by_id.id], until) if wanted is ALL else None
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
    assert services.bulk.step(CANCEL, ALL, until) == BulkStep(done=3, left=0)


def test_never_more_than_was_said(services: Services, new_task: Callable[..., Task], until: datetime) -> None:
    for _ in range(5):
        new_task()
    assert services.bulk.step(CANCEL, ALL, until, most=3).done == 3
    assert services.db.tasks.count_documents({"status": "queued"}) == 2
