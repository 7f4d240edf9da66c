"""Queues that somebody has paused: who and why, in MongoDB, so that the loss of Redis resumes none of them.

Workers take nothing from a paused queue. Its hints stay in Redis, and what runs goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.mongo import Document, Mongo
from app.core.stored import is_text, is_time
from app.core.tasks.states import Priority

MAX_WHY = 200


@dataclass(frozen=True)
class Pause:
    """A queue that is paused since ``at``, by the user whose ID is ``by``."""

    priority: Priority
    by: str
    why: str
    at: datetime | None


class Pauses:
    """The collection `pauses`: a document per paused queue; ``told`` is called when one has changed."""

    def __init__(self, db: Mongo, told: Callable[[], None] = lambda: None) -> None:
        self._pauses = db.pauses
        self._told = told

    def all(self) -> dict[Priority, Pause]:
        """Return what is paused. One with a damaged field is, all the same: a person wanted it."""
        found = self._pauses.find({"_id": {"$in": [priority.word for priority in Priority]}}).limit(10)
        return {pause.priority: pause for pause in map(_pause, found)}

    def pause(self, priority: Priority, by: str, why: str) -> bool:
        """Pause a queue; False where it is paused already. Raises Invalid for a reason that is too long."""
        if len(why) > MAX_WHY:
            raise Invalid(f"Use {MAX_WHY} characters or fewer for the reason.")
        try:
            self._pauses.insert_one({"_id": priority.word, "by": by, "why": why, "at": utcnow()})
        except DuplicateKeyError:
            return False
        self._told()
        return True

    def resume(self, priority: Priority) -> bool:
        """Resume a queue; False where it is not paused."""
        resumed = self._pauses.delete_one({"_id": priority.word}).deleted_count == 1
        if resumed:
            self._told()
        return resumed


def _pause(found: Document) -> Pause:
    by, why = (str(found[name]) if is_text(found.get(name)) else "" for name in ("by", "why"))
    at = found["at"] if is_time(found.get("at")) else None
    return Pause(Priority.from_word(found["_id"]), by, why, at)
