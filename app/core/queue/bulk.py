"""The same operation to many tasks: to those that are named, or to all that a list shows.

Each task has its own guard, as if a person had done it to that one alone. What a filter matches is
walked in steps of about a second, oldest first, so that the caller can show progress, and stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bson import ObjectId

from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count, Listing, unchanged
from app.core.queue.dispatcher import Dispatcher
from app.core.tasks.queries import Queries
from app.core.tasks.states import Action, Priority, legal
from app.core.tasks.task import Task

Permits = Callable[[Task], bool]
STEP_S = 1.0
FIRST = 20  # what even a slow store does in a moment; then twice as many each time
BATCH = 200


@dataclass(frozen=True)
class Operation:
    """What is done, and for whom; ``priority`` is where to reprioritize to."""

    action: Action
    by: str
    priority: Priority | None = None


@dataclass(frozen=True)
class BulkStep:
    """How far it came: on how many it took effect, how many were left as they are, where it goes on.

    ``after`` is empty when all were looked at. ``denied`` counts those that the caller did not permit; they
    are not among ``left``.
    """

    done: int
    left: int
    after: str = ""
    denied: int = 0


class Bulk:
    """Run an operation on many tasks; repeating it is safe. Raises Unavailable without MongoDB."""

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

    def step(
        self,
        operation: Operation,
        wanted: TaskFilter,
        until: datetime,
        after: str = "",
        most: int | None = None,
        permits: Permits = lambda task: True,
    ) -> BulkStep:
        """Do it to the next tasks that a filter matched then, and not to more than ``most``, for `STEP_S`."""
        ends, done, left, denied, batch = time.monotonic() + STEP_S, 0, 0, 0, min(FIRST, BATCH)
        while True:
            page = self._listing.walk(wanted, legal(operation.action), until, after, batch)
            permitted = [task for task in page.tasks if permits(task)]
            took = self._apply(
                operation, self._affected(operation, permitted)[: None if most is None else most - done]
            )
            denied += len(page.tasks) - len(permitted)
            done, left, after = done + took, left + len(permitted) - took, page.next
            if done == most:
                return BulkStep(done, left, denied=denied)
            if not after or time.monotonic() >= ends:
                return BulkStep(done, left, after, denied)
            batch = min(BATCH, batch * 2)

    def run_on(self, operation: Operation, ids: Sequence[ObjectId], until: datetime) -> BulkStep:
        """Do it to the tasks of these ids, oldest first, for which it was legal then and is now."""
        query = {"_id": {"$in": list(ids)}, **unchanged(legal(operation.action), until)}
        found = self._queries.find(query, [("_id", 1)], len(ids)) if ids else []
        fit = self._affected(operation, [task for task in found if operation.action in task.actions])
        done = sum(self._apply(operation, fit[start : start + FIRST]) for start in range(0, len(fit), FIRST))
        return BulkStep(done, len(ids) - done)

    def _affected(self, operation: Operation, tasks: list[Task]) -> list[Task]:
        """Those on which it has an effect: what is in the queue already keeps its place."""
        return [task for task in tasks if task.priority is not operation.priority]

    def _apply(self, operation: Operation, tasks: list[Task]) -> int:
        if operation.action is Action.CANCEL:
            return self._cancel(tasks, operation.by)
        if operation.action is Action.DELETE:
            return len(self._dispatch.deletions.delete([task.id for task in tasks]))
        if operation.action is Action.RETRY:
            return self._announced(tasks, self._tasks.retry_many(tasks))
        if operation.action is Action.REPRIORITIZE and operation.priority is not None:
            return self._move(tasks, operation.priority)
        raise ValueError(f"{operation} cannot be done to many tasks")

    def _cancel(self, tasks: list[Task], by: str) -> int:
        done = self._tasks.cancel_many([task.id for task in tasks], by)
        self._dispatch.revoke([task for task in tasks if task.hint])
        return done

    def _move(self, tasks: list[Task], priority: Priority) -> int:
        done = self._tasks.reprioritize_many(tasks, priority)
        self._dispatch.revoke([task for task in tasks if task.hint])
        return self._announced(tasks, done)

    def _announced(self, tasks: list[Task], done: int) -> int:
        """Push the new hints, in order; what is not pushed, because Redis is away, the sweep pushes."""
        if done:
            self._dispatch.push(self._queries.due_among([task.id for task in tasks]))
        return done
