"""The same operation to many tasks: to those that are named, or to all that a list shows.

Here is which tasks are next, and changing them: each has its own guard, as if a person had done it to that
one alone. How far an operation is, and which process runs it, is in `app.core.bulk`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from bson import ObjectId

from app.core.listing.cursors import encode
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import COUNT_LIMIT, Count, Listing, entered_at
from app.core.queue.dispatcher import Dispatcher
from app.core.tasks.limits import MAX_TAGS
from app.core.tasks.queries import Queries
from app.core.tasks.states import Action, Priority, legal
from app.core.tasks.task import Task, tag_keywords

Permits = Callable[[Task], bool]


class Reason(str, Enum):
    """Why a task was skipped; besides these, the value of its status. The value is what MongoDB holds."""

    THERE = "there"
    """It is in the queue that it would be moved to, has the tag, or doesn't have the tag to remove."""
    GONE = "gone"
    DENIED = "denied"
    CHANGED = "changed"
    """It came into its status after the preview, or left it before its turn."""
    REFUSED = "refused"
    """The database refused the change."""
    FULL = "full"
    """It has as many tags as a task may have."""
    UNFIT = "unfit"
    """It can't be run again as it was: its inputs don't fit its type any more, or hold a secret."""


@dataclass(frozen=True)
class Operation:
    """What is done, and for whom; ``priority`` is where to reprioritize to, ``tag`` what to add or remove."""

    action: Action
    by: str
    priority: Priority | None = None
    tag: str = ""

    def skips(self, task: Task) -> Reason | None:
        """Return why the operation would leave a task as it is, or could not change it."""
        if self.action is Action.REPRIORITIZE:
            return Reason.THERE if task.priority is self.priority else None
        if self.action is Action.UNTAG:
            return None if self.tag in task.tags else Reason.THERE
        if self.action is Action.TAG and self.tag in task.tags:
            return Reason.THERE
        return Reason.FULL if self.action is Action.TAG and len(task.tags) >= MAX_TAGS else None


@dataclass(frozen=True)
class Batch:
    """The next tasks to change, the IDs of those to skip by reason, and where it goes on (empty: nowhere)."""

    tasks: list[Task]
    skipped: Mapping[str, Sequence[ObjectId]] = field(default_factory=dict)
    after: str = ""


def again_key(mark: ObjectId, task_id: ObjectId) -> str:
    """Return the submission key of the task that an operation makes of another one: so it makes one only."""
    return f"bulk-{mark}-{task_id}"


def _less(total: Count, some: Count) -> Count:
    """Return how many of all are not among some; where all were not counted, more than are counted."""
    return total if total.value > COUNT_LIMIT else Count(max(0, total.value - some.value))


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
        if operation.action is Action.UNTAG:
            return self._having_tag(operation, wanted)
        if operation.priority is None:
            total = self._listing.count_in(wanted, legal(operation.action))
            return _less(total, self.count_unaffected(operation, wanted))
        others = [
            self._waiting_in(priority, wanted) for priority in Priority if priority is not operation.priority
        ]
        return Count(sum(count.value for count in others))

    def count_unaffected(self, operation: Operation, wanted: TaskFilter) -> Count:
        """Count the tasks that already are as the operation would leave them."""
        if operation.priority is not None:
            return self._waiting_in(operation.priority, wanted)
        if not operation.tag:
            return Count(0)
        tagged = self._having_tag(operation, wanted)
        if operation.action is Action.TAG:
            return tagged
        return _less(self._listing.count_in(wanted, legal(operation.action)), tagged)

    def _having_tag(self, operation: Operation, wanted: TaskFilter) -> Count:
        """How many of the tasks that a filter matches have the tag of an operation."""
        return self._listing.count_in(wanted, legal(operation.action), tag=operation.tag)

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
            elif reason := operation.skips(task):
                skipped.setdefault(reason.value, []).append(task.id)
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
            elif no_effect := operation.skips(task):
                reason = no_effect.value
            else:
                fit.append(task)
                continue
            skipped.setdefault(reason, []).append(task_id)
        return Batch(fit, skipped)

    def apply(self, operation: Operation, tasks: list[Task], mark: ObjectId) -> int:
        """Change tasks, each as it was read; returns how many were. Those keep the ``mark``."""
        done = self._apply(operation, tasks, mark)
        if done:
            self._tasks.observer.changed(tasks)
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
        if operation.action is Action.TAG:
            self._dispatch.words.learn(tag_keywords(operation.tag))
            return self._tasks.tag_many(tasks, operation.tag, mark)
        if operation.action is Action.UNTAG:
            return self._tasks.untag_many(tasks, operation.tag, mark)
        raise ValueError(f"{operation} cannot be done to many tasks")

    def changed(self, operation: Operation, ids: Sequence[ObjectId], mark: ObjectId) -> set[ObjectId]:
        """Return which of the tasks an operation has changed. One that is gone was deleted, by whomever."""
        if operation.action is Action.DELETE:
            return set(self._tasks.gone(ids))
        marked = self._tasks.marked(ids, mark)
        if operation.action is not Action.CLONE:
            return marked
        keys = {again_key(mark, task_id): task_id for task_id in ids if task_id not in marked}
        made = self._queries.submitted_among(operation.by, list(keys)) if keys else set()
        return marked | {keys[key] for key in made}

    def mark(self, tasks: Sequence[Task], mark: ObjectId) -> None:
        """Leave the mark of an operation with tasks that were run again."""
        self._tasks.mark_many(tasks, mark)

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
