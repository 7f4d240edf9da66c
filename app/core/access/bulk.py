"""Bulk actions by the rights of a person: a task that they may not act on is skipped, and counted as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bson import ObjectId

from app.core.access.engine import Engine
from app.core.access.rights import PERMISSIONS, Rights
from app.core.bulk.operations import BulkOperation, NewBulk, OperationsPage, State, missing
from app.core.bulk.run import BulkRun, new_holder
from app.core.clock import utcnow
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count
from app.core.mongo import Document
from app.core.people.audit import Event
from app.core.people.person import Person
from app.core.people.roles import Permission, Reach
from app.core.queue.bulk import Batch, Bulk, Operation, Reason, again_key
from app.core.tasks.states import Action
from app.core.tasks.task import Task

SMALL = 100
"""So many tasks at most are changed before the answer is sent, where that is quick."""
QUICK_S = 1.0


@dataclass(frozen=True)
class Named:
    """Tasks that a person may act on, and how many others they see and may not."""

    tasks: list[Task]
    denied: int


@dataclass(frozen=True)
class BulkAccess:
    """The same operation to many tasks; ``_permits`` judges an action on a visible task.

    ``_again`` runs a task again; the same key again is the same new task.
    """

    _engine: Engine
    _rights: Rights
    _permits: Callable[[Action, Task], bool]
    _again: Callable[[ObjectId, str], object]

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

    # Operations: people start, see, stop and resume them; any live process runs them

    def begin(self, asked: NewBulk) -> BulkOperation:
        """Start an operation, or return the one that was started with the same key.

        A small one is done to its end where that is quick. Raises Forbidden.
        """
        self._rights.require(self._permission(asked.operation))
        operation, new = self._engine.operations.insert(self._document(asked))
        if not new:
            return operation
        small = operation.total is not None and operation.total <= SMALL
        return self._run().go(operation, QUICK_S if small else 0.0)

    def _document(self, asked: NewBulk) -> Document:
        person, origin, now = self._rights.person, self._rights.origin, utcnow()
        by_token = origin.via == "token"
        wanted = replace(asked.wanted, after="", before="", last="")
        return {
            "_id": ObjectId(),
            "who": person.id,
            "key": asked.key,
            "action": asked.operation.action.value,
            "priority": None if asked.operation.priority is None else int(asked.operation.priority),
            "tag": asked.operation.tag,
            "ids": list(asked.ids),
            "filter": wanted.args(),
            "total": asked.total,
            "until": min(asked.until, now),
            "origin": asdict(origin),
            "permissions": sorted(each.value for each in person.grants) if by_token else None,
            "types": None if person.types is None else sorted(person.types),
            "created_at": now,
            "state": State.RUNNING.value,
            "step": 0,
            "begin_entry": ObjectId(),
            "entry": ObjectId(),
        }

    def _run(self) -> BulkRun:
        return BulkRun(self._engine.operations, self._engine.bulk, lambda: self, new_holder())

    def started(self, key: str) -> BulkOperation | None:
        """Return the operation that the person has started with a key."""
        return self._engine.operations.known(self._rights.person.id, key) if key else None

    @property
    def sees_all(self) -> bool:
        """Whether the person sees the operations of everybody."""
        return self._rights.person.grants.get(Permission.TASK_READ_PRIVATE) is Reach.ANY

    def get(self, operation_id: ObjectId | None) -> BulkOperation:
        """Return an operation. Raises NotFound, also for one that the person may not see."""
        if operation_id is None:
            raise missing()
        operation = self._engine.operations.get(operation_id)
        if operation.who != self._rights.person.id and not self.sees_all:
            raise missing()
        return operation

    def page(self, after: str = "") -> OperationsPage:
        """Return the last operations that the person may see."""
        return self._engine.operations.page(None if self.sees_all else self._rights.person.id, after)

    def may_control(self, operation: BulkOperation) -> bool:
        """Return whether the person may stop and resume an operation that they see."""
        return self._rights.person.may(self._permission(operation.operation), operation.who)

    def stop(self, operation_id: ObjectId | None) -> None:
        """Let an operation stop after the batch that is under way. Raises NotFound, Forbidden."""
        operation = self._controlled(operation_id)
        asked = self._engine.operations.ask_to_stop(operation.id, self._rights.person.id)
        if asked and operation.who == self._rights.person.id:
            self._run().go(operation, QUICK_S)  # Unless a process has it, which stops by itself.

    def resume(self, operation_id: ObjectId | None) -> None:
        """Let a stopped operation go on. Raises NotFound, Forbidden."""
        operation = self._controlled(operation_id)
        if self._engine.operations.resume(operation):
            self.record_operation(operation, None, {"state": "resumed"})

    def _controlled(self, operation_id: ObjectId | None) -> BulkOperation:
        operation = self.get(operation_id)
        self._rights.require(self._permission(operation.operation), operation.who, str(operation.id))
        return operation

    # What running one requires

    @property
    def person(self) -> Person:
        return self._rights.person

    def may(self, operation: Operation) -> bool:
        """Return whether the person may do this to any task at all."""
        return self._rights.person.may(self._permission(operation)) and self._rights.person.may(
            Permission.TASK_READ
        )

    def batch(self, operation: BulkOperation, limit: int) -> Batch:
        """Return the next tasks of a filter; see `app.core.queue.bulk.Bulk.batch`."""
        return self._reached(operation.operation).batch(
            operation.operation,
            operation.wanted,
            operation.until,
            operation.after,
            limit,
            operation.most,
            lambda task: self._permits(operation.action, task),
        )

    def among(self, operation: BulkOperation, ids: Sequence[ObjectId]) -> Batch:
        """Return which of the tasks of these IDs may be changed; see `app.core.queue.bulk.Bulk.among`."""
        return self._engine.bulk.among(
            operation.operation,
            ids,
            operation.until,
            self._rights.sees,
            lambda task: self._permits(operation.action, task),
        )

    def run_again(self, task: Task, mark: ObjectId) -> Reason | None:
        """Create a task with the inputs of another one, once for each operation; returns why not.

        Raises QuotaExceeded.
        """
        try:
            self._again(task.id, again_key(mark, task.id))
        except (Invalid, NotFound):  # Of the task or of its type.
            return Reason.UNFIT
        except Forbidden:
            return Reason.DENIED
        return None

    def record_operation(
        self, operation: BulkOperation, entry: ObjectId | None, values: Mapping[str, Any]
    ) -> None:
        """Record how far an operation is, once for each ``entry``."""
        after: dict[str, Any] = {"operation": str(operation.id), "state": operation.state.value, **values}
        after |= {"count": operation.done, "total": operation.total}
        after |= {"skipped": {reason: each.count for reason, each in operation.skipped.items()}}
        after |= (
            {"ids": [str(each) for each in operation.ids]} if operation.ids else {"filter": operation.filter}
        )
        if operation.priority is not None:
            after["priority"] = operation.priority.word
        after |= {"tag": operation.tag} if operation.tag else {}
        self._rights.record(Event.TASKS_BULK, operation.action.value, after=after, entry_id=entry)

    def _permission(self, operation: Operation) -> Permission:
        return PERMISSIONS[operation.action]

    def _reached(self, operation: Operation) -> Bulk:
        """The operations on the tasks that the person may act on."""
        return self._within(self._rights.reached(self._permission(operation)))

    def _within(self, keywords: tuple[str, ...]) -> Bulk:
        return self._engine.bulk.over(self._engine.listing.within(keywords))
