"""What writes tell: the update that ends a task has its notice; all else follows a write that took effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.observer import Observer
from app.core.tasks.states import ENDED, TRANSITIONS, Ending, Status
from app.core.tasks.store import Tasks
from app.core.tasks.task import Task
from tests.core.tasks.test_store import WRITES, Write

ENDS: dict[str, Write] = {
    **{name: WRITES[name] for name, row in TRANSITIONS.items() if row.target in ENDED},
    "cancel as seen": lambda tasks, task: tasks.cancel(task.id, "bob", task),
    "cancel many": lambda tasks, task: tasks.cancel_many([task.id], "bob"),
}


class Recorded(Observer):
    """An observer whom every end concerns, and what it was told of since."""

    def __init__(self, wants: bool = True) -> None:
        super().__init__(concerns=lambda task, status: wants)
        self.told: list[tuple[Any, ...]] = []

    def ended(self, task: Task, ending: Ending, status: Status) -> None:
        self.told.append(("ended", ending, status))

    def attempt_over(self, task: Task, ending: Ending, *, retried: bool) -> None:
        self.told.append(("attempt_over", ending, retried))


class Seen:
    """A collection, and each update that is sent to it."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self.updates: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def update_one(self, guard: Any, update: Any) -> Any:
        self.updates.append(update)
        return self._collection.update_one(guard, update)

    def bulk_write(self, writes: Any, **given: Any) -> Any:
        self.updates += [write._doc for write in writes]
        return self._collection.bulk_write(writes, **given)


@pytest.mark.parametrize("wants", [True, False])
@pytest.mark.parametrize("name", ENDS)
def test_the_update_that_ends_a_task_has_its_notice_and_no_other_has(
    name: str, wants: bool, services: Services, new_task: Callable[..., Task], running: Callable[..., Task]
) -> None:
    row = TRANSITIONS[name.split()[0]]
    task = running() if Status.RUNNING in row.sources else new_task()
    if name == "cancel_running":
        services.tasks.cancel(task.id, "bob")
    observer = Recorded(wants)
    tasks = Tasks(services.db, timedelta(days=30), observer=observer)
    seen: Any = Seen(tasks._tasks)
    tasks._tasks = seen
    ENDS[name](tasks, task)

    assert services.tasks.get(task.id).status.ended
    ends = [update for update in seen.updates if update["$set"].get("status") in set(ENDED)]
    assert ends
    for update in seen.updates:
        noticed = wants and update in ends
        assert ("notice" in update.get("$set", {})) is noticed
        assert ("notices" in update.get("$push", {})) is noticed
    (stored,) = services.db.tasks.find({"_id": task.id})
    assert [note["id"] for note in stored.get("notices", [])] == ([stored["notice"]] if wants else [])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("succeed", ("ended", Ending.SUCCEEDED, Status.SUCCEEDED)),
        ("fail", ("ended", Ending.ERROR, Status.FAILED)),
        ("reschedule", ("attempt_over", Ending.ERROR, True)),
        ("release", ("attempt_over", Ending.HANDED_BACK, False)),
    ],
)
def test_only_a_write_that_took_effect_is_told(
    name: str, told: tuple[Any, ...], services: Services, running: Callable[..., Task]
) -> None:
    task, observer = running(), Recorded()
    tasks = Tasks(services.db, timedelta(days=30), observer=observer)
    for _ in range(2):  # The second comes too late.
        WRITES[name](tasks, task)
    assert observer.told == [told]
