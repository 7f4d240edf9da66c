"""Every write to a task: what it changes, and that it changes nothing unless its guard holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.core.errors import NotFound
from app.core.tasks.states import TRANSITIONS, Priority, Status
from app.core.tasks.store import Tasks
from app.core.tasks.task import NewTask, Task
from tests.core.conftest import an_error

Write = Callable[[Tasks, Task], object]

# Each transition of the table as the call that makes it, given the task as its caller last saw it.
WORKERS: dict[str, Write] = {
    "renew": lambda tasks, task: tasks.renew(task),
    "succeed": lambda tasks, task: tasks.succeed(task, {"rows": 3}),
    "fail": lambda tasks, task: tasks.fail(task, an_error()),
    "reschedule": lambda tasks, task: tasks.reschedule(task, an_error(), task.created_at),
    "release": lambda tasks, task: tasks.release(task, "The worker was stopped."),
    "cancel_running": lambda tasks, task: tasks.end_canceled(task, "Canceled."),
}
OTHERS: dict[str, Write] = {
    "dispatch": lambda tasks, task: tasks.mark_dispatched([task]),
    "claim": lambda tasks, task: tasks.claim(task.id, task.dispatch, "w1"),
    "cancel": lambda tasks, task: tasks.cancel(task.id, "bob"),
    "retry": lambda tasks, task: tasks.retry(task),
    "undo_cancel": lambda tasks, task: tasks.undo_cancel(replace(task, waited={"status": "queued"})),
    "undo_cancel_scheduled": lambda tasks, task: tasks.undo_cancel(
        replace(task, waited={"status": "scheduled", "run_at": task.created_at})
    ),
    "reprioritize": lambda tasks, task: tasks.reprioritize(task, Priority.LOW),
    "stage": lambda tasks, task: tasks.stage(task),
    "defer": lambda tasks, task: tasks.defer(task, task.created_at),
}
WRITES = {**WORKERS, **OTHERS}


@pytest.fixture
def changed(services, document) -> Callable[[str, Task], bool]:
    """Applies a transition; whether anything at all in the document is different then."""

    def apply(name: str, task: Task) -> bool:
        if name == "cancel_running":  # its flag is a guard of its own: tested by itself
            services.db.tasks.update_one({"_id": task.id}, {"$set": {"cancel": {"by": "bob"}}})
        before = document(task)
        WRITES[name](services.tasks, task)
        return document(task) != before

    return apply


@pytest.fixture
def forced(services, running, clock) -> Callable[[Status], Task]:
    """A task in a status with every other part of every guard in order: only the status can refuse."""

    def force(status: Status) -> Task:
        task = running()
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"status": status.value}})
        clock.advance(seconds=1)
        return services.tasks.get(task.id)

    return force


def test_each_row_of_the_table_is_a_write_of_this_module():
    assert set(WRITES) == set(TRANSITIONS)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_takes_effect_from_its_sources_only(name, status, forced, changed, services):
    task = forced(status)
    legal = status in TRANSITIONS[name].sources
    if name == "cancel" and status is Status.RUNNING:
        return  # a flag for the supervisor: tested by itself
    assert changed(name, task) is legal
    after = TRANSITIONS[name].leads_to(status) if legal else status
    assert services.tasks.get(task.id).status is after


@pytest.mark.parametrize("name", WORKERS)
def test_an_attempt_that_is_not_the_current_one_changes_nothing(name, running, changed, clock):
    task = running()
    clock.advance(seconds=1)
    assert not changed(name, replace(task, attempt=task.attempt - 1))
    assert not changed(name, replace(task, attempt=task.attempt + 1))


@pytest.mark.parametrize("name", WORKERS)
def test_another_worker_changes_nothing(name, running, changed, clock):
    task = running()
    clock.advance(seconds=1)
    assert not changed(name, replace(task, lease={"worker": "w2", "until": task.lease["until"]}))


@pytest.mark.parametrize("name", ["dispatch", "claim", "reprioritize", "defer"])
def test_a_stale_dispatch_of_a_queued_task_changes_nothing(name, new_task, changed, clock):
    task = new_task()
    clock.advance(seconds=1)
    assert not changed(name, replace(task, dispatch=task.dispatch - 1))
    assert not changed(name, replace(task, dispatch=task.dispatch + 1))


@pytest.mark.parametrize(
    ("name", "status"),
    [("stage", Status.SCHEDULED), ("reprioritize", Status.SCHEDULED), ("retry", Status.FAILED)],
)
def test_a_stale_dispatch_of_another_task_changes_nothing(name, status, task_in, changed, clock):
    task = task_in(status)
    clock.advance(seconds=1)
    assert not changed(name, replace(task, dispatch=task.dispatch + 1))


def test_a_cancel_that_nobody_asked_for_ends_nothing(running, services, document):
    task = running()
    before = document(task)
    assert not services.tasks.end_canceled(task, "Canceled.")
    assert document(task) == before


@pytest.mark.parametrize("name", WRITES)
def test_a_task_that_was_deleted_stays_deleted(name, task_in, services, changed):
    task = task_in(Status.FAILED)
    assert services.tasks.delete([task.id])
    changed(name, replace(task, status=Status.QUEUED))
    with pytest.raises(NotFound, match=str(task.id)):
        services.tasks.get(task.id)


class TestInsert:
    def test_a_new_task_is_queued_and_its_hint_is_due(self, services, clock):
        task, created = services.tasks.insert(NewTask("count", {}, "Count"))
        assert created
        assert (task.status, task.hint, task.dispatch, task.attempt) == (Status.QUEUED, "due", 1, 0)
        assert task.queued_at == task.created_at == clock.now

    def test_one_for_later_is_scheduled_and_has_no_hint(self, services, clock):
        later = clock.now + timedelta(hours=1)
        task, _ = services.tasks.insert(NewTask("count", {}, "Count", run_at=later))
        assert (task.status, task.run_at, task.hint) == (Status.SCHEDULED, later, None)

    def test_one_for_a_time_that_is_past_is_queued(self, services, clock):
        task, _ = services.tasks.insert(NewTask("count", {}, "Count", run_at=clock.now))
        assert task.status is Status.QUEUED

    def test_the_same_key_of_the_same_owner_is_the_same_task(self, services):
        first, _ = services.tasks.insert(NewTask("count", {}, "First", submission_key="k"))
        again, created = services.tasks.insert(NewTask("count", {}, "Second", submission_key="k"))
        assert not created
        assert (again.id, again.title) == (first.id, "First")
        assert services.db.tasks.count_documents({}) == 1

    def test_the_same_key_of_charlie_is_another_task(self, services):
        services.tasks.insert(NewTask("count", {}, "Count", owner="alice", submission_key="k"))
        _, created = services.tasks.insert(NewTask("count", {}, "Count", owner="charlie", submission_key="k"))
        assert created

    def test_without_a_key_each_is_a_task_of_its_own(self, services):
        for _ in range(2):
            services.tasks.insert(NewTask("count", {}, "Count"))
        assert services.db.tasks.count_documents({}) == 2

    def test_an_id_that_is_taken_is_a_defect_and_not_hidden(self, services):
        task_id = ObjectId()
        services.tasks.insert(NewTask("count", {}, "Count"), task_id)
        with pytest.raises(DuplicateKeyError):
            services.tasks.insert(NewTask("count", {}, "Count"), task_id)


class TestUsers:
    @pytest.mark.parametrize("status", [Status.QUEUED, Status.SCHEDULED])
    def test_a_cancel_of_what_waits_is_direct(self, status, task_in, services, clock):
        task = task_in(status)
        assert services.tasks.cancel(task.id, "bob")
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.hint, stored.run_at) == (Status.CANCELED, None, None)
        assert (stored.cancel, stored.finished_at) == ({"by": "bob", "at": clock.now}, clock.now)

    def test_a_cancel_of_what_runs_is_a_flag(self, running, services):
        task = running()
        assert not services.tasks.cancel_requested(task)
        assert services.tasks.cancel(task.id, "bob")
        assert services.tasks.cancel_requested(task)
        assert services.tasks.get(task.id).status is Status.RUNNING

    def test_a_retry_allows_one_more_and_forgets_the_end(self, task_in, services, clock):
        task = task_in(Status.FAILED)
        assert services.tasks.retry(task)
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.attempt, stored.max_attempts) == (Status.QUEUED, 1, 2)
        assert (stored.dispatch, stored.hint, stored.queued_at) == (task.dispatch + 1, "due", clock.now)
        assert (stored.finished_at, stored.expire_at, stored.error, stored.cancel) == (None,) * 4

    def test_a_new_lane_is_entered_at_its_end(self, new_task, services, clock):
        task = new_task(priority="low")
        clock.advance(seconds=5)
        assert services.tasks.reprioritize(task, Priority.HIGH)
        stored = services.tasks.get(task.id)
        assert (stored.priority, stored.dispatch, stored.hint) == (Priority.HIGH, 2, "due")
        assert stored.queued_at == clock.now

    @pytest.mark.parametrize("status", Status)
    def test_only_what_has_ended_can_be_deleted(self, status, task_in, services, document):
        task = task_in(status)
        assert services.tasks.delete([task.id]) == ([task.id] if status.ended else [])
        assert (document(task) is None) is status.ended
