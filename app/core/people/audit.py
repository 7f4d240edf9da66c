"""The audit: who did what to what, when, from where, and how it ended. Entries are only ever added.

An entry is written before the answer is sent; a write that MongoDB does not take fails the request.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.people.person import Origin, Person


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
    TASK_RETRY = "task.retry"
    TASK_REPRIORITIZE = "task.reprioritize"
    TASK_DELETE = "task.delete"
    TASKS_BULK = "tasks.bulk"
    AUDIT_EXPORT = "audit.export"
    REFUSED = "refused"
    """A permission was missing; ``target`` is what it was for."""


class Outcome(str, Enum):
    """How it ended; the value is what MongoDB holds."""

    DONE = "done"
    FAILED = "failed"


class Audit:
    """The collection `audit`."""

    def __init__(self, db: Mongo) -> None:
        self._audit = db.audit

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
    ) -> None:
        """Add an entry. ``target`` is an ID, or what was typed where there is none; nothing may be a secret.

        ``before`` and ``after`` are small documents of what changed; ``reason`` is a code, for a failure.
        """
        entry: Document = {
            "at": utcnow(),
            "who": who.id,
            "name": who.name,
            "event": event.value,
            "target": target[:200],
            "outcome": outcome.value,
            "address": origin.address,
            "request": origin.request_id,
            "via": origin.via,
        }
        entry |= {
            name: value
            for name, value in (("before", before), ("after", after), ("reason", reason))
            if value not in (None, "")
        }
        self._audit.insert_one(entry)
