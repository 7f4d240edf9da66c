"""Links that sign somebody in once: the first start, a new user, a password that is set anew.

A link works once and for a limited time. MongoDB holds a hash of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from app.core import stored
from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.people.random_tokens import hashed, is_token, new_token


class Purpose(str, Enum):
    """What a link is for; the value is what MongoDB holds."""

    LOCAL = "local"
    """Signs in the person of a server on their own machine, at once."""
    BOOTSTRAP = "bootstrap"
    """Makes the first administrator, who chooses a name and a password."""
    PASSWORD = "password"  # noqa: S105 - a purpose's name
    """Lets a user choose a password: one that is new here, or has lost theirs."""


@dataclass(frozen=True)
class Link:
    """A link as MongoDB holds it; ``user`` is the ID of whom it is for, empty for nobody yet."""

    id: str
    purpose: Purpose
    expires_at: datetime
    user: str = ""


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_name,
    "purpose": stored.one_of(*(purpose.value for purpose in Purpose)),
    "expires_at": stored.is_time,
    "user": stored.is_text,
}


def _link(document: Document) -> Link:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, {})
    return Link(values["_id"], Purpose(values["purpose"]), values["expires_at"], values["user"])


class Links:
    """The collection `links`."""

    def __init__(self, db: Mongo) -> None:
        self._links = db.links

    def make(self, purpose: Purpose, life: timedelta, user_id: str = "") -> str:
        """Make a link; returns its token. Any earlier one of the same purpose and user ends."""
        token, now = new_token(), utcnow()
        self._links.delete_many({"purpose": purpose.value, "user": user_id})
        self._links.delete_many({"expires_at": {"$lte": now}})
        self._links.insert_one(
            {"_id": hashed(token), "purpose": purpose.value, "user": user_id, "expires_at": now + life}
        )
        return token

    def find(self, token: str) -> Link | None:
        """Return the link of a token while it works; it goes on working."""
        document = self._links.find_one({"_id": hashed(token)}) if is_token(token) else None
        link = next(stored.readable("link", _link, [document] if document else []), None)
        return link if link and utcnow() < link.expires_at else None

    def take(self, token: str) -> Link | None:
        """Return the link of a token and end it; of several who try at once, one gets it."""
        link = self.find(token)
        return link if link and self._links.delete_one({"_id": link.id}).deleted_count == 1 else None

    def end_all(self, user_id: str) -> None:
        """End every link of a user."""
        self._links.delete_many({"user": user_id})
