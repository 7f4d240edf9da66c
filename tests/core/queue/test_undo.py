"""Undoing a cancel: the task waits again exactly if nothing else happened to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.errors import Conflict, NotFound
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task

WITHOUT = {"status_at", "queued_at", "dispatch", "dispatched_at", "hint", "retried_at"}
"""What being queued anew changes."""


def rest(document: Any) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in WITHOUT}


def stored(services: Services, task: Task) -> dict[str, Any]:
    found: dict[str, Any] = services.db.tasks.find_one({"_id": task.id}) or {}
    return found


def test_a_queued_task_is_as_before_at_the_end_of_its_queue(
    services: Services, new_task: Callable[..., Task], waiting: Callable[[], list[str]]
) -> None:
    task, other = new_task(tags=("night",)), new_task()
    before = rest(stored(services, task))
    services.dispatch.cancel(task.id, "bob")
    services.dispatch.undo_cancel(task.id, "bob")
    assert rest(stored(services, task)) == before
    again = services.tasks.get(task.id)
    assert (again.status, again.dispatch) == (Status.QUEUED, task.dispatch + 1)
    assert waiting() == [str(other.id), str(again.id)]
    assert services.tasks.claim(task.id, task.dispatch, "w1") is None  # A hint from before the cancel.
    assert services.tasks.claim(task.id, again.dispatch, "w1") is not None


def test_a_scheduled_task_keeps_its_time(services: Services, new_task: Callable[..., Task]) -> None:
    task = new_task(run_at=utcnow() + timedelta(hours=2))
    before = stored(services, task)
    services.dispatch.cancel(task.id, "bob")
    assert services.tasks.get(task.id).run_at is None
    services.dispatch.undo_cancel(task.id, "bob")
    assert rest(stored(services, task)) == rest(before)
    assert services.tasks.get(task.id).run_at == before["run_at"]


BETWEEN: dict[str, Callable[[Services, Task], object]] = {
    "retried": lambda services, task: services.dispatch.retry(task.id),
    "deleted": lambda services, task: services.dispatch.delete(task.id),
    "undone": lambda services, task: services.dispatch.undo_cancel(task.id, "bob"),
    "retried and canceled again": lambda services, task: (
        services.dispatch.retry(task.id),
        services.dispatch.cancel(task.id, "bob"),
    ),
    "retried and taken": lambda services, task: (
        services.dispatch.retry(task.id),
        services.tasks.claim(task.id, task.dispatch + 1, "w1"),
    ),
}


@pytest.mark.parametrize("between", BETWEEN)
def test_in_a_race_whatever_else_happened_wins(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    """It happens after the undo has read the task, and before it writes."""
    task = new_task()
    services.dispatch.cancel(task.id, "bob")
    write, after = services.tasks.undo_cancel, []

    def late(read: Task) -> bool:
        monkeypatch.setattr(services.tasks, "undo_cancel", write)
        BETWEEN[between](services, read)
        after.append(stored(services, task))
        return write(read)

    monkeypatch.setattr(services.tasks, "undo_cancel", late)
    with pytest.raises(Conflict, match="changed before it could be restored"):
        services.dispatch.undo_cancel(task.id, "bob")
    assert stored(services, task) == after[0]


def test_what_cannot_be_undone(
    services: Services, new_task: Callable[..., Task], clock: Any, running: Callable[..., Task]
) -> None:
    task, runs = new_task(), running()
    with pytest.raises(Conflict):
        services.dispatch.undo_cancel(task.id, "bob")
    services.dispatch.cancel(task.id, "bob")
    before = stored(services, task)
    with pytest.raises(Conflict):
        services.dispatch.undo_cancel(task.id, "ann")
    clock.advance(seconds=16)
    with pytest.raises(Conflict, match="too late"):
        services.dispatch.undo_cancel(task.id, "bob")
    assert stored(services, task) == before
    services.dispatch.delete(task.id)
    with pytest.raises(NotFound):
        services.dispatch.undo_cancel(task.id, "bob")

    services.dispatch.cancel(runs.id, "bob")
    services.tasks.end_canceled(replace(runs), "Canceled.")
    with pytest.raises(Conflict):
        services.dispatch.undo_cancel(runs.id, "bob")
    assert services.tasks.get(runs.id).status is Status.CANCELED


def test_a_cancel_that_lost_its_race_cancels_what_is_there(
    services: Services, new_task: Callable[..., Task]
) -> None:
    task = new_task()
    services.dispatch.reprioritize(task.id, Priority.HIGH)
    assert services.tasks.cancel(task.id, "bob", task)  # As it was seen before.
    canceled = services.tasks.get(task.id)
    assert (canceled.status, canceled.waited) == (Status.CANCELED, None)


def test_a_move_is_undone_only_where_nothing_else_happened(
    services: Services, new_task: Callable[..., Task]
) -> None:
    task = new_task(priority="low")
    was = services.dispatch.reprioritize(task.id, Priority.HIGH)
    assert (was.priority, was.dispatch) == (Priority.LOW, task.dispatch)
    services.dispatch.reprioritize(task.id, Priority.LOW, was.dispatch + 1)
    assert services.tasks.get(task.id).priority is Priority.LOW
    with pytest.raises(Conflict):
        services.dispatch.reprioritize(task.id, Priority.HIGH, was.dispatch + 1)
    assert services.tasks.get(task.id).priority is Priority.LOW
