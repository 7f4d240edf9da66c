"""Sessions of browsers, on the server: a browser has a random token, MongoDB its hash.

A session ends by signing out, by its user or an administrator, after some time without a request (idle), and
after a time that nothing extends (absolute).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.core import stored
from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.people.random_tokens import hashed, is_token, new_token
from app.core.people.users import with_user

SEEN_EVERY = timedelta(minutes=1)
"""How often a session that is used is written, at most."""
PROVED_FOR = timedelta(minutes=10)
MOST_LISTED = 100
MOST_AGENT = 200


@dataclass(frozen=True)
class Session:
    """A session as MongoDB holds it. ``id`` is the hash of its token and safe to show to its user.

    ``factors`` are how the person proved who they are: `link`, `password`, `totp`,
    `recovery`, `passkey`, `oidc`; ``proved_at`` is when they last did so again within the session.
    """

    id: str
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    factors: tuple[str, ...] = ()
    address: str = ""
    agent: str = ""
    proved_at: datetime | None = None
    user_document: Document | None = field(default=None, repr=False, compare=False)
    """That of its user, where it was read with it, for `Users.read`."""

    @property
    def proved_recently(self) -> bool:
        """Return whether the person proved who they are a moment ago, as changes of factors take."""
        return utcnow() - (self.proved_at or self.created_at) < PROVED_FOR


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_name,
    "user": stored.is_name,
    "created_at": stored.is_time,
    "seen_at": stored.is_time,
    "expires_at": stored.is_time,
}
_OPTIONAL: dict[str, stored.Check] = {
    "factors": stored.list_of(stored.is_name),
    "address": stored.is_text,
    "agent": stored.is_text,
    "proved_at": stored.maybe(stored.is_time),
}


def _session(document: Document) -> Session:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    values["factors"] = tuple(values.get("factors", ()))
    return Session(id=values.pop("_id"), **values)


class Sessions:
    """The collection `sessions`. ``idle`` and ``absolute`` are how long a session may last."""

    def __init__(self, db: Mongo, idle: timedelta, absolute: timedelta) -> None:
        self._sessions = db.sessions
        self._idle, self._absolute = idle, absolute

    def begin(self, user_id: str, factors: Collection[str], address: str = "", agent: str = "") -> str:
        """Begin a session; returns its token, which is stored nowhere."""
        token, now = new_token(), utcnow()
        self._sessions.insert_one(
            {
                "_id": hashed(token),
                "user": user_id,
                "created_at": now,
                "seen_at": now,
                "expires_at": now + self._absolute,
                "factors": list(factors),
                "address": address,
                "agent": agent[:MOST_AGENT],
            }
        )
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token while it lasts, and keep it from being idle."""
        if not is_token(token):
            return None
        document, user = with_user(self._sessions, {"_id": hashed(token)})
        session = next(stored.readable("session", _session, [document] if document else []), None)
        now = utcnow()
        if session is None or now >= session.expires_at or now - session.seen_at >= self._idle:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            self._sessions.update_one({"_id": session.id}, {"$set": {"seen_at": now}})
        return replace(session, user_document=user)

    def lasting(self, session_ids: Collection[str]) -> set[str]:
        """Return those IDs whose session lasts; that keeps none from being idle."""
        if not session_ids:
            return set()
        now = utcnow()
        query = {
            "_id": {"$in": list(session_ids)},
            "expires_at": {"$gt": now},
            "seen_at": {"$gt": now - self._idle},
        }
        return {found["_id"] for found in self._sessions.find(query, {"_id": 1})}

    def proved(self, session_id: str) -> None:
        """Remember that the person of a session has just proved again who they are."""
        self._sessions.update_one({"_id": session_id}, {"$set": {"proved_at": utcnow()}})

    def of_user(self, user_id: str) -> list[Session]:
        """Return the sessions of a user that last, the latest first."""
        now = utcnow()
        query = {"user": user_id, "expires_at": {"$gt": now}}
        found = stored.readable("session", _session, self._sessions.find(query).limit(MOST_LISTED))
        lasting = [session for session in found if now - session.seen_at < self._idle]
        return sorted(lasting, key=lambda session: session.seen_at, reverse=True)

    def end(self, session_id: str, user_id: str) -> bool:
        """End a session of a user; returns whether there was one."""
        return self._sessions.delete_one({"_id": session_id, "user": user_id}).deleted_count == 1

    def end_all(self, user_id: str, but: str = "") -> int:
        """End every session of a user, except the one with the ID ``but``; returns how many."""
        return int(self._sessions.delete_many({"user": user_id, "_id": {"$ne": but}}).deleted_count)

    def prune(self) -> None:
        """Delete the sessions that are over."""
        now = utcnow()
        self._sessions.delete_many({"expires_at": {"$lte": now}})
        self._sessions.delete_many({"seen_at": {"$lte": now - self._idle}})
