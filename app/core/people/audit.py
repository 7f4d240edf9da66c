"""The audit: who did what to what, when, from where, and how it ended.

Entries are only ever added, here and nowhere else; nothing changes one, and only their retention deletes
them. `FIELDS` and `values_of` are what an entry is in a file (`app.core.exports`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import BadQuery, Unavailable
from app.core.exports.fields import Fields, Kind
from app.core.listing.cursors import beyond, encode
from app.core.listing.query_string import MAX_TEXT, check_text, single_values
from app.core.mongo import Document, Mongo, explained
from app.core.people.person import Origin, Person

PAGE_SIZE = 50
BATCH = 500
PRUNE_S = 2.0
"""How long one round of retention goes on; what is left over is for the next one."""


class Event(str, Enum):
    """What happened; the value is what MongoDB holds and what the page filters by."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SESSION_END = "session.end"
    LINK_MAKE = "link.make"
    PASSWORD_SET = "password.set"  # noqa: S105 - an event's name
    SECOND_FACTOR_SET = "second_factor.set"
    SECOND_FACTOR_REMOVE = "second_factor.remove"
    PASSKEY_ADD = "passkey.add"  # noqa: S105 - an event's name
    PASSKEY_REMOVE = "passkey.remove"  # noqa: S105 - an event's name
    TOKEN_CREATE = "token.create"  # noqa: S105 - an event's name
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - an event's name
    USER_ADD = "user.add"
    USER_CHANGE = "user.change"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    TASK_CREATE = "task.create"
    TASK_CANCEL = "task.cancel"
    TASK_RESTORE = "task.restore"
    """A cancel was undone."""
    TASK_RETRY = "task.retry"
    TASK_REPRIORITIZE = "task.reprioritize"
    TASK_DELETE = "task.delete"
    TASKS_BULK = "tasks.bulk"
    BATCH_CREATE = "batch.create"
    WORKER_STOP = "worker.stop"
    QUEUE_PAUSE = "queue.pause"
    QUEUE_RESUME = "queue.resume"
    TYPE_PAUSE = "type.pause"
    TYPE_RESUME = "type.resume"
    SUBSCRIPTION_CREATE = "subscription.create"
    SUBSCRIPTION_CHANGE = "subscription.change"
    SUBSCRIPTION_SECRET = "subscription.secret"  # noqa: S105 - an event's name
    SUBSCRIPTION_DELETE = "subscription.delete"
    DELIVERY_RESEND = "delivery.resend"
    VIEW_SHARE = "view.share"
    """A view that everybody sees was saved, changed or deleted."""
    TASKS_EXPORT = "tasks.export"
    AUDIT_EXPORT = "audit.export"
    REFUSED = "refused"
    """A permission was missing; ``target`` is what it was for."""


class Outcome(str, Enum):
    """How it ended; the value is what MongoDB holds."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """An entry as MongoDB holds it. ``at`` is aware UTC; ``name`` is the person's when it was written."""

    id: ObjectId
    at: datetime
    who: str
    event: str
    outcome: Outcome
    name: str = ""
    target: str = ""
    address: str = ""
    request: str = ""
    via: str = ""
    reason: str = ""
    before: Any = None
    after: Any = None


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    "at": stored.is_time,
    "who": stored.is_text,
    "event": stored.is_name,  # A later version may know more than :class:`Event`.
    "outcome": stored.one_of(*(outcome.value for outcome in Outcome)),
}
_OPTIONAL: dict[str, stored.Check] = {
    **dict.fromkeys(("name", "target", "address", "request", "via", "reason"), stored.is_text),
    **dict.fromkeys(("before", "after"), stored.anything),
}


def _entry(document: Document) -> Entry:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    values["outcome"] = Outcome(values["outcome"])
    return Entry(id=values.pop("_id"), **values)


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are shown; equal to its query string. ``after`` and ``before`` are cursors.

    ``person`` is the ID of who did it. ``since`` and ``until`` are days of UTC, both included.
    """

    event: str = ""
    person: str = ""
    target: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    after: str = ""
    before: str = ""
    last: str = ""

    @classmethod
    def parse(cls, args: Mapping[str, Sequence[str]]) -> AuditFilter:
        """Read a query string. Raises BadQuery for an unknown or repeated name or a value not offered."""
        given = single_values(args, cls.__dataclass_fields__)
        return cls(**{name: _checked(name, text.strip()) for name, text in given.items() if text.strip()})

    def args(self, **changes: str) -> dict[str, Any]:
        """Return the query string with changes, which leads to the first page unless they name a cursor."""
        changed = replace(self, **{"after": "", "before": "", "last": "", **changes})
        return {field.name: text for field in fields(self) if (text := getattr(changed, field.name))}

    @property
    def narrowing(self) -> dict[str, str]:
        """The filters that are on: name to value."""
        return {name: text for name, text in self.args().items() if name not in ("after", "before", "last")}

    def query(self) -> Document:
        """Return the MongoDB filter, without a cursor.

        Every outcome is named where another field is fixed, so that one index serves each choice of it.
        """
        named = {"event": self.event, "who": self.person, "target": self.target}
        query: Document = {name: text for name, text in named.items() if text}
        if self.outcome or query:
            query["outcome"] = self.outcome or {"$in": [outcome.value for outcome in Outcome]}
        since = {"$gte": _day(self.since)} if self.since else {}
        until = {"$lt": _day(self.until) + timedelta(days=1)} if self.until else {}
        return {**query, "at": {**since, **until}} if since or until else query


def _checked(name: str, text: str) -> str:
    """Return the value of a filter. Raises BadQuery."""
    offered = {"outcome": [outcome.value for outcome in Outcome], "last": ["1"]}
    if name in offered and text not in offered[name]:
        raise BadQuery(f"Use one of these for “{name}”: {', '.join(offered[name])}.")
    check_text(name, text)
    if name in ("since", "until"):
        _day(text)
    return text


def _day(text: str) -> datetime:
    """Return when a day begins. Raises BadQuery."""
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        found = None
    if found is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or not stored.is_time(found):
        raise BadQuery("Enter a date as year, month, and day, such as 2026-11-27.")
    return found


@dataclass(frozen=True)
class AuditPage:
    """Entries, the newest first; a cursor is empty where there is nothing further.

    ``damaged`` is how many entries among these cannot be read; the log names them.
    """

    entries: list[Entry]
    next: str = ""
    previous: str = ""
    damaged: int = 0


class Audit:
    """The collection `audit`. ``retention`` is how long entries stay."""

    def __init__(self, db: Mongo, retention: timedelta = timedelta(days=365)) -> None:
        self._db, self._audit = db, db.audit
        self._retention = retention

    def record(
        self,
        who: Person,
        origin: Origin,
        event: Event,
        target: str = "",
        *,
        before: Any = None,
        after: Any = None,
        outcome: Outcome = Outcome.DONE,
        reason: str = "",
        entry_id: ObjectId | None = None,
    ) -> None:
        """Add an entry. ``target`` is an ID, or what was typed where there is none; nothing may be a secret.

        With an ``entry_id`` it is added once, however often this is called.

        ``before`` and ``after`` are small documents of what changed; ``reason`` is a code, for a failure.

        Call this before the answer is sent, and before what cannot be undone. The write is acknowledged by a
        majority, so nobody is told of success while the entry of it may still be lost; and when MongoDB does
        not take it, the request fails (Unavailable, 503). An entry after the answer could be missing for
        what a person was told is done. One that is too early errs on the safe side: it names what was tried.
        """
        texts = {
            "name": who.name,
            "target": target,
            "address": origin.address,
            "request": origin.request_id,
            "via": origin.via,
            "reason": reason,
        }
        entry: Document = {
            "_id": entry_id or ObjectId(),
            "at": utcnow(),
            "who": who.id,
            "event": event.value,
            "outcome": outcome.value,
            **{name: _storable(text) for name, text in texts.items() if text},
            **{name: value for name, value in (("before", before), ("after", after)) if value is not None},
        }
        try:
            with explained(self._db), suppress(DuplicateKeyError):
                self._audit.insert_one(entry)
        except PyMongoError as error:
            raise Unavailable(
                "The database did not accept the audit entry for this. Contact your administrator."
            ) from error

    def page(self, wanted: AuditFilter, size: int = PAGE_SIZE) -> AuditPage:
        """Return one page; reads one entry more than it shows, to know whether there is a next one."""
        backwards = bool(wanted.before or wanted.last)
        query, way = wanted.query(), 1 if backwards else -1
        if cursor := wanted.after or wanted.before:
            query.update(beyond("at", not backwards, cursor, query.get("at", {})))
        found, damaged = self._read(query, way, size + 1)
        more, entries = len(found) > size, found[:size]
        if backwards:
            entries.reverse()
        more_after, more_before = (bool(wanted.before), more) if backwards else (more, bool(wanted.after))
        return AuditPage(
            entries,
            next=encode(entries[-1], "at") if entries and more_after else "",
            previous=encode(entries[0], "at") if entries and more_before else "",
            damaged=damaged,
        )

    def _read(self, query: Document, way: int, limit: int) -> tuple[list[Entry], int]:
        """Return the first entries that can be read, however many cannot, and how many of those there are."""
        read: list[Entry] = []
        seen = 0
        while len(read) < limit:
            wanted = limit - len(read)
            found = self._audit.find(query).sort([("at", way), ("_id", way)]).skip(seen).limit(wanted)
            documents = list(found)
            read += stored.readable("audit entry", _entry, documents)
            seen += len(documents)
            if len(documents) < wanted:
                break
        return read, seen - len(read)

    def walk(self, wanted: AuditFilter) -> Iterator[Entry]:
        """Yield every entry that a filter matches, the newest first, in memory that does not grow with them.

        It begins with what is there now: entries that are added meanwhile come before it.
        """
        wanted = AuditFilter(**wanted.narrowing)
        while True:
            page = self.page(wanted, BATCH)
            yield from page.entries
            if not page.next:
                return
            wanted = replace(wanted, after=page.next)

    def prune(self) -> int:
        """Delete entries past their retention, the oldest first; returns how many."""
        until, gone = time.monotonic() + PRUNE_S, 0
        past = {"at": {"$gte": stored.EARLIEST, "$lt": utcnow() - self._retention}}
        while True:
            found = self._audit.find(past, {"_id": 1}).sort([("at", 1), ("_id", 1)]).limit(BATCH)
            ids = [entry["_id"] for entry in found]
            if ids:
                gone += self._audit.delete_many({**past, "_id": {"$in": ids}}).deleted_count
            if len(ids) < BATCH or time.monotonic() >= until:
                return gone


def _storable(text: str) -> str:
    """Return a text as MongoDB takes it, which somebody may have typed: cut, and of valid characters."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


FIELDS: Fields = {
    "time": Kind.TIME,
    **dict.fromkeys(
        ("event", "outcome", "person", "person_id", "target", "address", "via", "request_id", "reason",
         "before", "after"),
        Kind.TEXT,
    ),
}  # fmt: skip


def values_of(entry: Entry) -> dict[str, Any]:
    """Return the values of the `FIELDS`."""
    return {
        "time": entry.at.isoformat(timespec="milliseconds"),
        "event": entry.event,
        "outcome": entry.outcome.value,
        "person": entry.name,
        "person_id": entry.who,
        "target": entry.target,
        "address": entry.address,
        "via": entry.via,
        "request_id": entry.request,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
    }
