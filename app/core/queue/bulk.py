"""The same operation to many tasks: to those that are named, or to all that a list shows.

Here is which tasks are next, and changing them: each has its own guard, as if a person had done it to that
one alone. How far an operation is, and which process runs it, is in `bulk_operations` and `bulk_run` of
`app.core.access`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from bson import ObjectId

from app.core.listing.cursors import encode
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count, Listing, entered_at
from app.core.queue.dispatcher import Dispatcher
from app.core.tasks.queries import Queries
from app.core.tasks.states import Action, Priority, legal
from app.core.tasks.task import Task

Permits = Callable[[Task], bool]


class Reason(str, Enum):
    """Why a task was skipped; besides these, the value of its status. The value is what MongoDB holds."""

    THERE = "there"
    """It is in the queue that it would be moved to."""
    GONE = "gone"
    DENIED = "denied"
    CHANGED = "changed"
    """It came into its status after the preview, or left it before its turn."""
    REFUSED = "refused"
    """The database refused the change."""


@dataclass(frozen=True)
class Operation:
    """What is done, and for whom; ``priority`` is where to reprioritize to."""

    action: Action
    by: str
    priority: Priority | None = None


@dataclass(frozen=True)
class Batch:
    """The next tasks to change, the IDs of those to skip by reason, and where it goes on (empty: nowhere)."""

    tasks: list[Task]
    skipped: Mapping[str, Sequence[ObjectId]] = field(default_factory=dict)
    after: str = ""


class Bulk:
    """Which tasks an operation takes, and changing them. Raises Unavailable without MongoDB."""

    def __init__(self, listing: Listing, dispatch: Dispatcher, queries: Queries) -> None:
        self._listing, self._dispatch, self._queries = listing, dispatch, queries
        self._tasks = dispatch.tasks

    def over(self, listing: Listing) -> Bulk:
        """Return the same operations on what another ``listing`` lists."""
        return self if listing is self._listing else Bulk(listing, self._dispatch, self._queries)

    def count(self, operation: Operation, wanted: TaskFilter) -> Count:
        """How many of the tasks that a filter matches the operation would take effect on."""
        if operation.priority is None:
            return self._listing.count_in(wanted, legal(operation.action))
        others = [
            self._waiting_in(priority, wanted) for priority in Priority if priority is not operation.priority
        ]
        return Count(sum(count.value for count in others))

    def count_unaffected(self, operation: Operation, wanted: TaskFilter) -> Count:
        """Count the tasks that already are where the operation would move them."""
        return Count(0) if operation.priority is None else self._waiting_in(operation.priority, wanted)

    def _waiting_in(self, priority: Priority, wanted: TaskFilter) -> Count:
        """How many of the tasks that a filter matches can be moved out of a queue."""
        if wanted.priority not in ("", priority.word):
            return Count(0)
        return self._listing.count_in(replace(wanted, priority=priority.word), legal(Action.REPRIORITIZE))

    def batch(
        self,
        operation: Operation,
        wanted: TaskFilter,
        until: datetime,
        after: str,
        limit: int,
        most: int | None = None,
        permits: Permits = lambda task: True,
    ) -> Batch:
        """Return the next of all tasks that a filter matched then, at most ``most`` of them to change."""
        page = self._listing.walk(wanted, legal(operation.action), until, after, limit)
        skipped: dict[str, list[ObjectId]] = {}
        fit: list[Task] = []
        for task in page.tasks:
            if len(fit) == most:
                return Batch(fit, skipped, encode(fit[-1], "created_at") if fit else "")
            if not permits(task):
                skipped.setdefault(Reason.DENIED.value, []).append(task.id)
            elif task.priority is operation.priority:
                skipped.setdefault(Reason.THERE.value, []).append(task.id)
            else:
                fit.append(task)
        return Batch(fit, skipped, page.next)

    def among(
        self,
        operation: Operation,
        ids: Sequence[ObjectId],
        until: datetime,
        sees: Permits = lambda task: True,
        permits: Permits = lambda task: True,
    ) -> Batch:
        """Return which of the tasks of these IDs it is legal for now and was then, oldest first."""
        found = self._queries.find({"_id": {"$in": list(ids)}}, [("_id", 1)], len(ids)) if ids else []
        states = legal(operation.action)
        late = self._queries.changed_since([task.id for task in found], entered_at(states), until)
        seen = {task.id: task for task in found if sees(task)}
        skipped: dict[str, list[ObjectId]] = {}
        fit: list[Task] = []
        for task_id in sorted(ids):
            task = seen.get(task_id)
            if task is None:
                reason = Reason.GONE.value
            elif not permits(task):
                reason = Reason.DENIED.value
            elif task.status not in states:
                reason = task.status.value
            elif task_id in late:
                reason = Reason.CHANGED.value
            elif task.priority is operation.priority:
                reason = Reason.THERE.value
            else:
                fit.append(task)
                continue
            skipped.setdefault(reason, []).append(task_id)
        return Batch(fit, skipped)

    def apply(self, operation: Operation, tasks: list[Task], mark: ObjectId) -> int:
        """Change tasks, each as it was read; returns how many were. Those keep the ``mark``."""
        done = self._apply(operation, tasks, mark)
        if done:
            self._tasks.told(tasks)
        return done

    def _apply(self, operation: Operation, tasks: list[Task], mark: ObjectId) -> int:
        if operation.action is Action.CANCEL:
            return self._cancel(tasks, operation.by, mark)
        if operation.action is Action.DELETE:
            return len(self._dispatch.deletions.delete([task.id for task in tasks]))
        if operation.action is Action.RETRY:
            return self._announced(tasks, self._tasks.retry_many(tasks, mark))
        if operation.action is Action.REPRIORITIZE and operation.priority is not None:
            return self._move(tasks, operation.priority, mark)
        raise ValueError(f"{operation} cannot be done to many tasks")

    def changed(self, operation: Operation, ids: Sequence[ObjectId], mark: ObjectId) -> set[ObjectId]:
        """Return which of the tasks an operation has changed. One that is gone was deleted, by whomever."""
        if operation.action is Action.DELETE:
            return set(self._tasks.gone(ids))
        return self._tasks.marked(ids, mark)

    def _cancel(self, tasks: list[Task], by: str, mark: ObjectId) -> int:
        done = self._tasks.cancel_many([task.id for task in tasks], by, mark)
        self._dispatch.revoke([task for task in tasks if task.hint])
        return done

    def _move(self, tasks: list[Task], priority: Priority, mark: ObjectId) -> int:
        done = self._tasks.reprioritize_many(tasks, priority, mark)
        self._dispatch.revoke([task for task in tasks if task.hint])
        return self._announced(tasks, done)

    def _announced(self, tasks: list[Task], done: int) -> int:
        """Push the new hints, in order; what is not pushed, because Redis is away, the sweep pushes."""
        if done:
            self._dispatch.push(self._queries.due_among([task.id for task in tasks]))
        return done
