"""Running a bulk operation: in batches, each saved before and after, by any live process.

What a batch will change is saved first, and each task that it changes keeps the operation's mark in the same
write. So a process that takes over from one that was killed at any moment finds what was done and does the
rest: nothing is lost, nothing is done twice, and the counts are exact.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.bulk.operations import (
    LEASE,
    BulkOperation,
    BulkOperations,
    LostOperation,
    Skipped,
    State,
    Why,
)
from app.core.clock import utcnow
from app.core.errors import QuotaExceeded, TaskQueueError, Unavailable
from app.core.failpoints import reach
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count
from app.core.mongo import is_away
from app.core.people.person import Person
from app.core.people.roles import Permission
from app.core.people.users import Users
from app.core.queue.bulk import Batch, Bulk, Operation, Reason
from app.core.tasks.states import Action
from app.core.tasks.task import Task

BATCH = 200
FIRST = 20
"""So many changes are sent at once at first, which even a slow store makes in time; then twice as many."""
SLOW_S = 0.5
"""Changes that took longer are followed by fewer at once."""
TURN_S = 2.0
"""How long an operation runs before the next one has its turn."""

log = logging.getLogger("app.core.bulk")


class BulkRights(Protocol):
    """What a person may do to many tasks: `app.core.access.bulk.BulkAccess`."""

    @property
    def person(self) -> Person: ...

    def may(self, operation: Operation) -> bool: ...

    def batch(self, operation: BulkOperation, limit: int) -> Batch: ...

    def among(self, operation: BulkOperation, ids: Sequence[ObjectId]) -> Batch: ...

    def run_again(self, task: Task, mark: ObjectId) -> Reason | None: ...

    def count_denied(self, operation: Operation, wanted: TaskFilter) -> Count: ...

    def record_operation(
        self, operation: BulkOperation, entry: ObjectId | None, values: Mapping[str, Any]
    ) -> None: ...


def new_holder() -> str:
    """Return a name for a process that runs operations."""
    return secrets.token_hex(8)


@dataclass
class Outcome:
    """What came of changes: which tasks were changed, and which were not and why; ``halt`` ends the turn."""

    done: set[ObjectId] = field(default_factory=set)
    refused: dict[Reason, set[ObjectId]] = field(default_factory=dict)
    halt: QuotaExceeded | None = None

    def refuse(self, reason: Reason, ids: Iterable[ObjectId]) -> None:
        self.refused.setdefault(reason, set()).update(ids)

    @property
    def met(self) -> set[ObjectId]:
        """The tasks of which it is known what came of them."""
        return self.done.union(*self.refused.values())


@dataclass
class BulkRun:
    """One operation in the hands of ``holder``; ``rights`` says, at each step, what its person may do now."""

    operations: BulkOperations
    bulk: Bulk
    rights: Callable[[], BulkRights]
    holder: str
    size: int = field(default_factory=lambda: FIRST)

    def go(self, operation: BulkOperation, within_s: float) -> BulkOperation:
        """Run it for a while, or until it rests; one step at least. Returns how far it is."""
        ends = time.monotonic() + within_s
        try:
            taken = self.operations.take(operation.id, self.holder)
            if taken is None:
                return self.operations.get(operation.id)
            operation = taken
            while operation.state is State.RUNNING:
                operation = self._step(operation)
                if time.monotonic() >= ends and operation.state is State.RUNNING:
                    self.operations.give_back(operation)
                    break
            return operation
        except LostOperation:
            return self.operations.get(operation.id)

    def give_up(self, operation: BulkOperation) -> None:
        """Stop it after a fault that nobody foresaw."""
        taken = self.operations.take(operation.id, self.holder)
        if taken is not None:
            self._rest(taken, State.STOPPED, Why.ERROR)

    def _step(self, operation: BulkOperation) -> BulkOperation:
        rights = self.rights()
        if operation.started_at is None:
            rights.record_operation(operation, operation.begin_entry, {})
            return self._save(operation, started_at=utcnow())
        if operation.pending:
            return self._take_over(operation, rights)
        if why := self._why_stop(operation, rights):
            return self._rest(operation, State.STOPPED, why)
        if operation.counted:
            return self._rest(operation, State.ENDED)
        if operation.walked or operation.most == 0:
            return self._save(operation, counted=True, skipped=self._unseen(operation, rights))
        return self._next(operation, rights)

    def _why_stop(self, operation: BulkOperation, rights: BulkRights) -> Why | None:
        if self.operations.stop_asked(operation):
            return Why.ASKED
        if not rights.person.signed_in:
            return Why.DISABLED
        return None if rights.may(operation.operation) else Why.FORBIDDEN

    def _next(self, operation: BulkOperation, rights: BulkRights) -> BulkOperation:
        """Plan a batch, save it, do it, and save what came of it."""
        try:
            batch = self._planned(operation, rights)
        except Unavailable:
            raise
        except TaskQueueError as error:  # A search that shows only some by now, a filter of another version.
            return self._rest(operation, State.STOPPED, Why.FILTER, str(error))
        operation = self._save(
            operation,
            after=batch.after,
            walked=not batch.after,
            pending=tuple(task.id for task in batch.tasks),
            skipped=operation.skipping(batch.skipped),
        )
        saved = time.monotonic()
        reach("bulk_planned", operation.id)
        return self._done(operation, set(), batch.tasks, saved) if batch.tasks else operation

    def _planned(self, operation: BulkOperation, rights: BulkRights) -> Batch:
        if not operation.ids:
            return rights.batch(operation, BATCH)
        start = int(operation.after or 0)
        end = start + BATCH
        batch = rights.among(operation, operation.ids[start:end])
        return Batch(batch.tasks, batch.skipped, str(end) if end < len(operation.ids) else "")

    def _take_over(self, operation: BulkOperation, rights: BulkRights) -> BulkOperation:
        """Finish a batch that another process planned: what it did not change, where that still fits."""
        saved = time.monotonic()
        done = self.bulk.changed(operation.operation, operation.pending, operation.id)
        left = [task_id for task_id in operation.pending if task_id not in done]
        tasks = rights.among(operation, left).tasks if left and rights.may(operation.operation) else []
        return self._done(operation, done, tasks, saved)

    def _done(
        self, operation: BulkOperation, done: set[ObjectId], tasks: list[Task], saved: float
    ) -> BulkOperation:
        """Change ``tasks`` and save what came of the batch, of which ``done`` were changed before.

        ``saved`` is when the lease was renewed last.
        """
        came = Outcome(done)
        while tasks and not came.halt:
            if time.monotonic() - saved > LEASE.total_seconds() / 2:
                raise LostOperation  # The process stood still, so another one may have taken over.
            now, tasks = tasks[: self.size], tasks[self.size :]
            self._change(operation, now, came)
            if time.monotonic() - saved > LEASE.total_seconds() / 4:
                operation, saved = self._save(operation), time.monotonic()
        left = tuple(task_id for task_id in operation.pending if task_id not in came.met)
        skipped = {reason.value: sorted(ids) for reason, ids in came.refused.items()}
        if not came.halt:
            skipped[Reason.CHANGED.value], left = list(left), ()
        operation = self._save(
            operation,
            pending=left,
            done=operation.done + len(came.done),
            skipped=operation.skipping(skipped),
        )
        if came.halt:
            return self._rest(operation, State.STOPPED, Why.QUOTA, str(came.halt))
        return operation

    def _change(self, operation: BulkOperation, tasks: list[Task], came: Outcome) -> None:
        """Change tasks, and note what came of it."""
        began = time.monotonic()
        if operation.action is Action.CLONE:
            self._run_again(operation, tasks, came)
        else:
            self._apply(operation, tasks, came)
        slow = time.monotonic() - began > SLOW_S
        self.size = max(1, self.size // 2) if slow else min(BATCH, self.size * 2)

    def _apply(self, operation: BulkOperation, tasks: list[Task], came: Outcome) -> None:
        ids, fault = {task.id for task in tasks}, False
        try:
            count = self.bulk.apply(operation.operation, tasks, operation.id)
        except PyMongoError as error:
            if is_away(error):
                raise
            log.exception("Bulk action %s: MongoDB refused some of its changes.", operation.id)
            count, fault = -1, True
        reach("bulk_applied", operation.id)
        done = ids if count == len(ids) else self.bulk.changed(operation.operation, list(ids), operation.id)
        came.done |= done
        if fault:
            came.refuse(Reason.REFUSED, ids - done)

    def _run_again(self, operation: BulkOperation, tasks: list[Task], came: Outcome) -> None:
        """Create a task of each; the mark is for what takes over after the new one was deleted again."""
        rights, made = self.rights(), []
        for task in tasks:
            try:
                reason = rights.run_again(task, operation.id)
            except QuotaExceeded as exceeded:
                came.halt = exceeded
                break
            if reason:
                came.refuse(reason, [task.id])
            else:
                made.append(task)
        reach("bulk_cloned", operation.id)
        self.bulk.mark(made, operation.id)
        came.done |= {task.id for task in made}

    def _unseen(self, operation: BulkOperation, rights: BulkRights) -> dict[str, Skipped]:
        """Return what was skipped, with those that no batch met: of others, or changed meanwhile."""
        if operation.ids:
            return dict(operation.skipped)
        more = {Reason.DENIED: rights.count_denied(operation.operation, operation.wanted).value}
        if operation.total is not None:
            met = [
                operation.skipped.get(reason.value, Skipped()).count
                for reason in (Reason.DENIED, Reason.CHANGED, Reason.REFUSED, Reason.FULL, Reason.UNFIT)
            ]
            more[Reason.CHANGED] = operation.total - operation.done - sum(met)
        skipped = dict(operation.skipped)
        for reason, count in more.items():
            if count > 0:
                before = skipped.get(reason.value, Skipped())
                skipped[reason.value] = replace(before, count=before.count + count)
        return skipped

    def _rest(
        self, operation: BulkOperation, state: State, why: Why | None = None, message: str = ""
    ) -> BulkOperation:
        """Record how far it came, once, and let it rest."""
        operation = self._save(operation)
        after = {"state": state.value, **({"why": why.value} if why else {})}
        self.rights().record_operation(operation, operation.entry, after)
        reach("bulk_recorded", operation.id)
        now = utcnow()
        ended = {"ended_at": now} if state is State.ENDED else {}
        return self._save(operation, state=state, why=why, message=message, over_at=now, lease=None, **ended)

    def _save(self, operation: BulkOperation, **values: Any) -> BulkOperation:
        return self.operations.save(operation, self.holder, **values)


@dataclass
class BulkRunner:
    """Runs the operations of everybody, each by the current rights of the person who started it.

    ``rights`` makes the access of a person whose operation it is.
    """

    operations: BulkOperations
    bulk: Bulk
    users: Users
    rights: Callable[[Person, BulkOperation], BulkRights]
    holder: str

    def turn(self, over: Callable[[], bool] = lambda: False) -> int:
        """Give each operation that waits its turn; returns how many. Raises what MongoDB raises."""
        waiting = self.operations.waiting(self.holder)
        for operation in waiting:
            if over():
                break
            self._run(operation)
        return len(waiting)

    def _run(self, operation: BulkOperation) -> None:
        run = BulkRun(
            self.operations,
            self.bulk,
            lambda: self.rights(self._person(operation), operation),
            self.holder,
        )
        try:
            run.go(operation, TURN_S)
        except Exception as error:
            if is_away(error) or isinstance(error, Unavailable):
                raise
            log.exception("Bulk action %s was stopped by a fault.", operation.id)
            run.give_up(operation)

    def _person(self, operation: BulkOperation) -> Person:
        """Return who started it, as of now; somebody without rights where they may not sign in any more."""
        user = self.users.find(operation.who)
        if user is None or not user.enabled:
            return Person(operation.who, user.name if user else "")
        kept = operation.permissions
        permissions = None if kept is None else [each for each in Permission if each.value in kept]
        return self.users.person(user).narrowed(permissions, operation.types)
