"""Sign-ins that have begun: a passkey's challenge, a second step, a visit to an identity provider; and forms
whose answer shows a secret once.

Each ends once, and soon. It is a document of the collection `challenges` under a hash of its token, which is
stored nowhere, and of its kind: a token of one kind does not work for another.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.people.random_tokens import hashed


class Challenges:
    """The challenges of one ``kind``, each of which lasts for ``life``."""

    def __init__(self, db: Mongo, kind: str, life: timedelta) -> None:
        self._challenges = db.challenges
        self._kind, self._life = kind, life

    def keep(self, token: str, **values: Any) -> None:
        """Remember what belongs to a token, and forget what is over."""
        now = utcnow()
        self._challenges.delete_many({"expires_at": {"$lte": now}})
        self._challenges.insert_one({"_id": self._id(token), **values, "expires_at": now + self._life})

    def claim(self, token: str) -> bool:
        """Remember a token; return whether it was new. Of several requests at once, one hears yes."""
        try:
            self.keep(token)
        except DuplicateKeyError:
            return False
        return True

    def find(self, token: str) -> Document | None:
        """Return what belongs to a token, while there is time."""
        return self._challenges.find_one({"_id": self._id(token), "expires_at": {"$gt": utcnow()}})

    def take(self, token: str, **guard: Any) -> Document | None:
        """Return the same and end it, where it has these values; of several requests at once, one gets it."""
        found = self._challenges.find_one({"_id": self._id(token), "expires_at": {"$gt": utcnow()}, **guard})
        gone = found and self._challenges.delete_one({"_id": found["_id"]})
        return found if gone and gone.deleted_count == 1 else None

    def _id(self, token: str) -> str:
        return hashed(f"{self._kind} {token}")
