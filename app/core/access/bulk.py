"""Bulk actions by the rights of a person: a task that they may not act on is skipped, and counted as such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.core.access.engine import Engine
from app.core.access.rights import PERMISSIONS, Rights
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count
from app.core.people.audit import Event
from app.core.people.roles import Permission
from app.core.queue.bulk import Bulk, BulkStep, Operation
from app.core.tasks.states import Action
from app.core.tasks.task import Task


@dataclass(frozen=True)
class Named:
    """Tasks that a person may act on, and how many others they see and may not."""

    tasks: list[Task]
    denied: int


@dataclass(frozen=True)
class BulkAccess:
    """The same operation to many tasks; ``_permits`` judges an action on a visible task."""

    _engine: Engine
    _rights: Rights
    _permits: Callable[[Action, Task], bool]

    def count(self, operation: Operation, wanted: TaskFilter) -> Count:
        """Return how many of the tasks that a filter matches the operation would take effect on."""
        return self._reached(operation).count(operation, wanted)

    def count_unaffected(self, operation: Operation, wanted: TaskFilter) -> Count:
        """Return how many already are where the operation would move them."""
        return self._reached(operation).count_unaffected(operation, wanted)

    def count_denied(self, operation: Operation, wanted: TaskFilter) -> Count:
        """Return how many belong to others, so that the person may not act on them."""
        reached, readable = self._rights.reached(self._permission(operation)), self._rights.readable()
        if reached == readable:
            return Count(0)
        total, own = (self._within(keywords).count(operation, wanted) for keywords in (readable, reached))
        return Count(max(0, total.value - own.value))

    def named(self, operation: Operation, ids: Sequence[ObjectId]) -> Named:
        """Return the tasks of these IDs that the person may act on; an invisible one does not exist."""
        self._rights.require(self._permission(operation))
        found = self._engine.queries.find({"_id": {"$in": list(ids)}}, [("_id", 1)], len(ids)) if ids else []
        seen = [task for task in found if self._rights.sees(task)]
        permitted = [task for task in seen if self._permits(operation.action, task)]
        return Named(permitted, len(seen) - len(permitted))

    def step(
        self,
        operation: Operation,
        wanted: TaskFilter,
        until: datetime,
        after: str = "",
        most: int | None = None,
    ) -> BulkStep:
        """Do it to the next tasks that a filter matched then; see `app.core.queue.bulk.Bulk.step`."""
        operation = self._signed(operation)

        def permits(task: Task) -> bool:
            return self._permits(operation.action, task)

        step = self._reached(operation).step(operation, wanted, until, after, most, permits)
        if not step.after:
            step = replace(step, denied=step.denied + self.count_denied(operation, wanted).value)
        self._record(operation, step, {"filter": wanted.narrowing})
        return step

    def run_on(self, operation: Operation, ids: Sequence[ObjectId], until: datetime) -> BulkStep:
        """Do it to the tasks of these IDs that the person may act on, oldest first."""
        operation, named = self._signed(operation), self.named(operation, ids)
        done = self._engine.bulk.run_on(operation, [task.id for task in named.tasks], until).done
        step = BulkStep(done, len(ids) - done - named.denied, denied=named.denied)
        self._record(operation, step, {"ids": [str(task.id) for task in named.tasks]})
        return step

    def _record(self, operation: Operation, step: BulkStep, about: dict[str, Any]) -> None:
        if not step.done and step.after:
            return
        after = {"count": step.done, "denied": step.denied, **about}
        if operation.priority is not None:
            after["priority"] = operation.priority.word
        self._rights.record(Event.TASKS_BULK, operation.action.value, after=after)

    def _signed(self, operation: Operation) -> Operation:
        return replace(operation, by=self._rights.person.id)

    def _permission(self, operation: Operation) -> Permission:
        return PERMISSIONS[operation.action]

    def _reached(self, operation: Operation) -> Bulk:
        """The operations on the tasks that the person may act on."""
        return self._within(self._rights.reached(self._permission(operation)))

    def _within(self, keywords: tuple[str, ...]) -> Bulk:
        return self._engine.bulk.over(self._engine.listing.within(keywords))
