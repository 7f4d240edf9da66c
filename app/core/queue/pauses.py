"""Queues and task types that are paused: who and why, in MongoDB, so that the loss of Redis resumes none.

Workers take nothing from a paused queue; its hints stay in Redis. They defer tasks of a paused type. Whatever
runs goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.mongo import Document, Mongo
from app.core.stored import is_text, is_time
from app.core.tasks.states import Priority

MAX_WHY = 200
MOST = 2_000
TYPE = "type:"
"""Stands before the name of a type in the ID of its pause."""


@dataclass(frozen=True)
class Pause:
    """A pause since ``at``, by the user whose ID is ``by``."""

    by: str
    why: str
    at: datetime | None


@dataclass(frozen=True)
class Paused:
    """What is paused now; types by name."""

    queues: Mapping[Priority, Pause] = field(default_factory=dict)
    types: Mapping[str, Pause] = field(default_factory=dict)


class Pauses:
    """The collection `pauses`: a document per pause; ``told`` is called when one has changed."""

    def __init__(self, db: Mongo, told: Callable[[], None] = lambda: None) -> None:
        self._pauses = db.pauses
        self._told = told

    def read(self) -> Paused:
        """Return what is paused. One with a damaged field is, all the same: a person wanted it."""
        found = {str(pause["_id"]): _pause(pause) for pause in self._pauses.find().limit(MOST)}
        queues = {priority: found[priority.word] for priority in Priority if priority.word in found}
        types = {key.removeprefix(TYPE): pause for key, pause in found.items() if key.startswith(TYPE)}
        return Paused(queues, types)

    def pause(self, what: Priority | str, by: str, why: str) -> bool:
        """Pause a queue, or the type of a name; False where it is paused already.

        Raises Invalid for a reason that is too long.
        """
        if len(why) > MAX_WHY:
            raise Invalid(f"Use {MAX_WHY} characters or fewer for the reason.")
        try:
            self._pauses.insert_one({"_id": _key(what), "by": by, "why": why, "at": utcnow()})
        except DuplicateKeyError:
            return False
        self._told()
        return True

    def resume(self, what: Priority | str) -> bool:
        """Resume a queue, or the type of a name; False where it is not paused."""
        resumed = self._pauses.delete_one({"_id": _key(what)}).deleted_count == 1
        if resumed:
            self._told()
        return resumed


def _key(what: Priority | str) -> str:
    return what.word if isinstance(what, Priority) else f"{TYPE}{what}"


def _pause(found: Document) -> Pause:
    by, why = (str(found[name]) if is_text(found.get(name)) else "" for name in ("by", "why"))
    return Pause(by, why, found["at"] if is_time(found.get("at")) else None)
