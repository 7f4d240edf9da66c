"""Bulk operations: what somebody asked to be done to many tasks, as a document that says how far it is.

Any process may run one, under a lease; `run` says in which steps. Each write of such a process
names the step before it, so of two that both think it theirs one matches nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.listing.cursors import beyond, encode
from app.core.listing.filter import TaskFilter
from app.core.mongo import Document, Mongo
from app.core.people.person import Origin
from app.core.queue.bulk import Operation
from app.core.tasks.states import Action, Priority

LEASE = timedelta(seconds=15)
KEPT = timedelta(days=30)
"""How long an operation stays after it ended, or was stopped and not resumed."""
PRUNE_S, PRUNED_AT_ONCE = 2.0, 500
NAMED = 100
"""So many of the tasks that were skipped for one reason are kept by ID."""
TAKEN_AT_ONCE = 20
PAGE_SIZE = 25


class State(str, Enum):
    """What an operation is doing; the value is what MongoDB holds."""

    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


class Why(str, Enum):
    """Why an operation was stopped; the value is what MongoDB holds."""

    ASKED = "asked"
    DISABLED = "disabled"
    """Who started it may not sign in any more."""
    FORBIDDEN = "forbidden"
    """Who started it may not do this any more."""
    FILTER = "filter"
    """The filter cannot be used any more; ``message`` says why."""
    QUOTA = "quota"
    """Who started it may not have more waiting tasks, or create more of them now; ``message`` says it."""
    ERROR = "error"
    """Something that nobody foresaw; the log says what."""


class LostOperation(Exception):  # noqa: N818 - an outcome, not a fault
    """Another process works the operation off now; nothing was written."""


@dataclass(frozen=True)
class Skipped:
    """How many tasks were skipped for a reason, and the first of them."""

    count: int = 0
    ids: tuple[ObjectId, ...] = ()


@dataclass(frozen=True)
class NewBulk:
    """What somebody asks for: to the tasks of ``ids``, or to all that match ``wanted``.

    ``total`` is what the preview said, None where it did not count them all; ``until`` is when that was.
    Whatever is asked with the same ``key`` of the same person is the same operation.
    """

    operation: Operation
    wanted: TaskFilter
    ids: tuple[ObjectId, ...]
    total: int | None
    until: datetime
    key: str


@dataclass(frozen=True)
class BulkOperation:
    """An operation as MongoDB holds it; ``who`` is the ID of the user. Times are aware UTC.

    ``after`` is where it goes on, ``pending`` are the tasks that it changes now, ``walked`` says that all
    were looked at and ``counted`` that those skipped unseen are counted, too. ``permissions`` and ``types``
    are those of the token of a program. ``entry`` is the ID of the audit entry of its next rest.
    """

    id: ObjectId
    who: str
    key: str
    action: Action
    until: datetime
    created_at: datetime
    state: State
    step: int
    begin_entry: ObjectId
    entry: ObjectId
    priority: Priority | None = None
    tag: str = ""
    filter: dict[str, Any] = field(default_factory=dict)
    ids: tuple[ObjectId, ...] = ()
    total: int | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    permissions: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    started_at: datetime | None = None
    lease: dict[str, Any] | None = None
    after: str = ""
    walked: bool = False
    counted: bool = False
    pending: tuple[ObjectId, ...] = ()
    done: int = 0
    skipped: Mapping[str, Skipped] = field(default_factory=dict)
    stop: dict[str, Any] | None = None
    why: Why | None = None
    message: str = ""
    over_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def operation(self) -> Operation:
        return Operation(self.action, self.who, self.priority, self.tag)

    @property
    def wanted(self) -> TaskFilter:
        """The filter. Raises BadQuery for one that this version does not know."""
        return TaskFilter.parse({name: [str(value)] for name, value in self.filter.items()})

    @property
    def came_from(self) -> Origin:
        return Origin(**{name: self.origin.get(name, "") for name in ("address", "request_id", "via")})

    @property
    def most(self) -> int | None:
        """How many may still be changed, so that it is never more than the preview said."""
        return None if self.total is None else max(0, self.total - self.done)

    def skipping(self, found: Mapping[str, Iterable[ObjectId]]) -> dict[str, Skipped]:
        """Return what is skipped with these, by reason."""
        skipped = dict(self.skipped)
        for reason, ids in found.items():
            before, more = skipped.get(reason, Skipped()), list(ids)
            if more:
                named = (*before.ids, *more)[:NAMED]
                skipped[reason] = Skipped(before.count + len(more), named)
        return skipped

    def held(self, by: str) -> bool:
        """Return whether a process other than ``by`` runs it now."""
        lease, now = self.lease or {}, utcnow()
        until = lease.get("until")
        lasts = isinstance(until, datetime) and now < until <= now + 2 * LEASE
        return lasts and lease.get("holder") != by


_IS_SKIPPED = stored.shaped({"count": stored.is_count, "ids": stored.list_of(stored.is_id)}, {})


def _is_skips(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_IS_SKIPPED, value.values()))


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    **dict.fromkeys(("who", "key"), stored.is_name),
    "action": stored.one_of(*(action.value for action in Action)),
    "state": stored.one_of(*(state.value for state in State)),
    **dict.fromkeys(("until", "created_at"), stored.is_time),
    "step": stored.is_count,
    **dict.fromkeys(("begin_entry", "entry"), stored.is_id),
}
_OPTIONAL: dict[str, stored.Check] = {
    "priority": stored.maybe(stored.one_of(*(int(priority) for priority in Priority))),
    **dict.fromkeys(("filter", "origin"), stored.is_document),
    **dict.fromkeys(("ids", "pending"), stored.list_of(stored.is_id)),
    "total": stored.maybe(stored.is_size),
    **dict.fromkeys(("permissions", "types"), stored.maybe(stored.list_of(stored.is_text))),
    **dict.fromkeys(("started_at", "over_at", "ended_at"), stored.maybe(stored.is_time)),
    **dict.fromkeys(("lease", "stop"), stored.maybe(stored.is_document)),
    **dict.fromkeys(("after", "message", "tag"), stored.is_text),
    **dict.fromkeys(("walked", "counted"), stored.is_flag),
    "done": stored.is_count,
    "skipped": _is_skips,
    "why": stored.maybe(stored.one_of(*(why.value for why in Why))),
}
_READ: dict[str, Any] = {
    "action": Action,
    "state": State,
    "priority": Priority,
    "why": Why,
    **dict.fromkeys(("ids", "pending", "permissions", "types"), tuple),
    "skipped": lambda found: {
        name: Skipped(each["count"], tuple(each["ids"])) for name, each in found.items()
    },
}


def _operation(document: Document) -> BulkOperation:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    read = {
        name: _READ[name](value) if name in _READ and value is not None else value
        for name, value in values.items()
    }
    return BulkOperation(id=read.pop("_id"), **read)


def _plain(value: Any) -> Any:
    """Return a value as MongoDB holds it."""
    if isinstance(value, Priority):
        return int(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict) and any(isinstance(each, Skipped) for each in value.values()):
        return {name: {"count": each.count, "ids": list(each.ids)} for name, each in value.items()}
    return value


@dataclass(frozen=True)
class OperationsPage:
    """Operations, the newest first; ``next`` is empty where there is nothing further."""

    operations: list[BulkOperation]
    next: str = ""


class BulkOperations:
    """The collection `bulk_operations`; every write but the first is a compare-and-set."""

    def __init__(self, db: Mongo) -> None:
        self._operations = db.bulk_operations

    def insert(self, document: Document) -> tuple[BulkOperation, bool]:
        """Make an operation durable; returns it and whether it is new."""
        try:
            self._operations.insert_one(document)
        except DuplicateKeyError:
            if known := self.known(document["who"], document["key"]):
                return known, False
            raise
        return _operation(document), True

    def known(self, who: str, key: str) -> BulkOperation | None:
        """Return what a person has started with a key."""
        return self._only(self._operations.find_one({"who": who, "key": key}))

    def get(self, operation_id: ObjectId) -> BulkOperation:
        """Raises NotFound."""
        if found := self._only(self._operations.find_one({"_id": operation_id})):
            return found
        raise missing()

    def _only(self, document: Document | None) -> BulkOperation | None:
        return next(stored.readable("bulk operation", _operation, [document] if document else []), None)

    def page(self, who: str | None, after: str = "", size: int = PAGE_SIZE) -> OperationsPage:
        """Return operations of a person, or of everybody. Raises BadQuery for an invalid cursor."""
        query: Document = {} if who is None else {"who": who}
        if after:
            query.update(beyond("created_at", True, after, {}))
        found = list(self._operations.find(query).sort([("created_at", -1), ("_id", -1)]).limit(size + 1))
        read = list(stored.readable("bulk operation", _operation, found[:size]))
        more = len(found) > size and bool(read)
        return OperationsPage(read, encode(read[-1], "created_at") if more else "")

    # The process that runs one

    def waiting(self, holder: str) -> list[BulkOperation]:
        """Return the first running operations that no other process has."""
        order = [("created_at", 1), ("_id", 1)]
        found = self._operations.find({"state": State.RUNNING.value}).sort(order).limit(TAKEN_AT_ONCE)
        read = stored.readable("bulk operation", _operation, found)
        return [operation for operation in read if not operation.held(holder)]

    def take(self, operation_id: ObjectId, holder: str) -> BulkOperation | None:
        """Take the lease of an operation that runs; None where another process has it, or it rests."""
        operation = self.get(operation_id)
        if operation.state is not State.RUNNING or operation.held(holder):
            return None
        try:
            return self.save(operation, holder)
        except LostOperation:
            return None

    def save(self, operation: BulkOperation, holder: str, **values: Any) -> BulkOperation:
        """Write how far it is and renew the lease. Raises LostOperation."""
        values = {
            "lease": {"holder": holder, "until": utcnow() + LEASE},
            **values,
            "step": operation.step + 1,
        }
        guard = {"_id": operation.id, "state": State.RUNNING.value, "step": operation.step}
        changed = {"$set": {name: _plain(value) for name, value in values.items()}}
        if not self._operations.update_one(guard, changed).matched_count:
            raise LostOperation
        return replace(operation, **values)

    def stop_asked(self, operation: BulkOperation) -> bool:
        """Return whether somebody asked to stop it. Raises LostOperation where it went on elsewhere."""
        now = self._operations.find_one({"_id": operation.id}, {"step": 1, "stop": 1})
        if now is None or now.get("step") != operation.step:
            raise LostOperation
        return bool(now.get("stop"))

    def give_back(self, operation: BulkOperation) -> None:
        """End the lease, so that another process need not wait for it to expire."""
        guard = {"_id": operation.id, "state": State.RUNNING.value, "step": operation.step}
        self._operations.update_one(guard, {"$set": {"lease": None}})

    # People

    def ask_to_stop(self, operation_id: ObjectId, by: str) -> bool:
        """Return whether it ran and nobody had asked before."""
        guard = {"_id": operation_id, "state": State.RUNNING.value, "stop": None}
        asked = {"$set": {"stop": {"by": by, "at": utcnow()}}}
        return bool(self._operations.update_one(guard, asked).matched_count)

    def resume(self, operation: BulkOperation) -> bool:
        """Let a stopped operation go on; returns whether it was stopped still."""
        guard = {"_id": operation.id, "state": State.STOPPED.value, "step": operation.step}
        values: Document = dict.fromkeys(("stop", "why", "over_at", "lease"))
        values |= {"state": State.RUNNING.value, "message": "", "entry": ObjectId()}
        changed = {"$set": {**values, "step": operation.step + 1}}
        return bool(self._operations.update_one(guard, changed).matched_count)

    # Maintenance

    def prune(self) -> int:
        """Delete operations that have rested for `KEPT`, the oldest first; returns how many."""
        until, gone = time.monotonic() + PRUNE_S, 0
        past = {"over_at": {"$gte": stored.EARLIEST, "$lt": utcnow() - KEPT}}
        while True:
            found = self._operations.find(past, {"_id": 1}).sort([("over_at", 1)]).limit(PRUNED_AT_ONCE)
            ids = [operation["_id"] for operation in found]
            if ids:
                gone += self._operations.delete_many({**past, "_id": {"$in": ids}}).deleted_count
            if len(ids) < PRUNED_AT_ONCE or time.monotonic() >= until:
                return gone


def missing() -> NotFound:
    """Return what is said of an operation that does not exist, or that a person may not see."""
    return NotFound(
        f"This bulk action doesn't exist. Bulk actions are kept for {KEPT.days} days after they end."
    )
