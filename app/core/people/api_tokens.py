"""Tokens for programs: 256 random bits, shown once, with a part of their owner's permissions and an end.

A token reads `dtq_`, 43 characters and a checksum of 6, so that scanners of repositories find one that leaked
and tell it from look-alikes without asking us (GitHub, "Behind GitHub's new authentication token formats",
2021). MongoDB holds its hash.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, Invalid, NotFound
from app.core.mongo import Document, Mongo
from app.core.people.person import Person
from app.core.people.random_tokens import hashed, new_token
from app.core.people.roles import Permission
from app.core.people.users import with_user
from app.core.tasks.task import one_line

PREFIX = "dtq_"
LONGEST_NAME = 80
LONGEST_LIFE = timedelta(days=366)
MOST_TOKENS = 100
MOST_TYPES = 200
USED_EVERY = timedelta(minutes=1)
"""How often the last use of a token is written, at most."""
KEPT = timedelta(days=30)
"""How long a token that is over stays in its owner's list."""

_SHAPE = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{43}})([0-9a-z]{{6}})\Z")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

NOT_GRANTED = frozenset({Permission.PROFILE_MANAGE, Permission.USER_MANAGE})
"""What no token may do: a program that could sign people in or make tokens would outlive its own."""


@dataclass(frozen=True)
class ApiToken:
    """A token as MongoDB holds it, without itself. ``permissions`` and ``types`` None: all of its owner's."""

    id: str
    user: str
    name: str
    created_at: datetime
    expires_at: datetime
    permissions: tuple[Permission, ...] | None = None
    types: tuple[str, ...] | None = None
    used_at: datetime | None = None
    used_from: str = ""
    revoked_at: datetime | None = None
    user_document: Document | None = field(default=None, repr=False, compare=False)
    """That of its owner, where it was read with it, for `Users.read`."""

    @property
    def works(self) -> bool:
        return self.revoked_at is None and utcnow() < self.expires_at

    def of(self, owner: Person) -> Person:
        """Return its owner with no more than the token's permissions and task types."""
        chosen = set(Permission) if self.permissions is None else set(self.permissions)
        return replace(owner.narrowed(chosen - NOT_GRANTED, self.types), token=self.id)


_KNOWN = {permission.value for permission in Permission}
_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_name,
    "user": stored.is_name,
    "name": stored.is_name,
    "created_at": stored.is_time,
    "expires_at": stored.is_time,
}
_OPTIONAL: dict[str, stored.Check] = {
    "permissions": stored.maybe(stored.list_of(stored.is_text)),
    "types": stored.maybe(stored.list_of(stored.is_name)),
    "used_at": stored.maybe(stored.is_time),
    "used_from": stored.is_text,
    "revoked_at": stored.maybe(stored.is_time),
}


def _token(document: Document) -> ApiToken:
    """Raises DamagedDocumentError. A permission that this version does not know is none."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    if values.get("permissions") is not None:
        values["permissions"] = tuple(Permission(name) for name in values["permissions"] if name in _KNOWN)
    if values.get("types") is not None:
        values["types"] = tuple(values["types"])
    return ApiToken(id=values.pop("_id"), **values)


def is_api_token(text: str) -> bool:
    """Return whether a text is what a token looks like, its checksum included."""
    found = _SHAPE.match(text)
    return found is not None and _checksum(found[1]) == found[2]


def _checksum(text: str) -> str:
    """Return CRC-32 as 6 digits to the base of 36, the lowest ones."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


class ApiTokens:
    """The collection `tokens`."""

    def __init__(self, db: Mongo) -> None:
        self._tokens = db.tokens

    def create(
        self,
        owner: Person,
        name: str,
        life: timedelta,
        permissions: Collection[Permission] | None = None,
        types: Iterable[str] | None = None,
    ) -> tuple[ApiToken, str]:
        """Create a token; returns it and its text, which is stored nowhere.

        Raises Invalid, also for a permission that its owner lacks, and Conflict where there are too many.
        """
        chosen = None if types is None else sorted(set(types))
        if problems := _problems(owner, name, life, permissions, chosen):
            raise Invalid("Check the token.", problems)
        now = utcnow()
        if self._tokens.count_documents(_lasting(owner.id, now), limit=MOST_TOKENS) >= MOST_TOKENS:
            raise Conflict(f"You have {MOST_TOKENS} tokens, the most allowed. Revoke one first.")
        text = new_token()
        text = PREFIX + text + _checksum(text)
        document: Document = {
            "_id": str(ObjectId()),
            "hash": hashed(text),
            "user": owner.id,
            "name": one_line(name),
            "created_at": now,
            "expires_at": now + life,
            "permissions": None if permissions is None else sorted(permissions),
            "types": chosen,
        }
        self._tokens.insert_one(document)
        return _token(document), text

    def find(self, text: str, address: str = "") -> ApiToken | None:
        """Return the token of a text while it works, and note its use."""
        if not is_api_token(text):
            return None
        document, user = with_user(self._tokens, {"hash": hashed(text)})
        token = next(stored.readable("token", _token, [document] if document else []), None)
        if token is None or not token.works:
            return None
        now = utcnow()
        if token.used_at is None or now - token.used_at >= USED_EVERY:
            self._tokens.update_one({"_id": token.id}, {"$set": {"used_at": now, "used_from": address}})
        return replace(token, user_document=user)

    def lasting(self, token_ids: Collection[str]) -> set[str]:
        """Return those IDs whose token works."""
        if not token_ids:
            return set()
        query = {"_id": {"$in": list(token_ids)}, "revoked_at": None, "expires_at": {"$gt": utcnow()}}
        return {found["_id"] for found in self._tokens.find(query, {"_id": 1})}

    def of_user(self, user_id: str) -> list[ApiToken]:
        """Return the tokens of a user, the newest first; those that are over for `KEPT`."""
        return self._listed({"user": user_id, "expires_at": {"$gt": utcnow() - KEPT}}, 2 * MOST_TOKENS)

    def all(self, limit: int = 1_000) -> list[ApiToken]:
        """Return everybody's tokens, the newest first."""
        return self._listed({"expires_at": {"$gt": utcnow() - KEPT}}, limit)

    def _listed(self, query: Document, limit: int) -> list[ApiToken]:
        found = self._tokens.find(query).sort([("expires_at", -1)]).limit(limit)
        tokens = stored.readable("token", _token, found)
        return sorted(tokens, key=lambda token: (token.created_at, token.id), reverse=True)

    def revoke(self, token_id: str, user_id: str | None = None) -> ApiToken:
        """End a token, of this user where one is given. Raises NotFound where there is none that lasts."""
        query: Document = {"_id": token_id, "revoked_at": None}
        if user_id is not None:
            query["user"] = user_id
        if not self._tokens.update_one(query, {"$set": {"revoked_at": utcnow()}}).modified_count:
            raise NotFound("There is no such token, or it has been revoked already.")
        return _token(self._tokens.find_one({"_id": token_id}) or {})

    def revoke_all(self, user_id: str) -> int:
        """End every token of a user; returns how many."""
        lasting = {"user": user_id, "revoked_at": None}
        return int(self._tokens.update_many(lasting, {"$set": {"revoked_at": utcnow()}}).modified_count)

    def prune(self) -> None:
        """Delete the tokens that are long over."""
        self._tokens.delete_many({"expires_at": {"$lte": utcnow() - KEPT}})


def _lasting(user_id: str, now: datetime) -> Document:
    return {"user": user_id, "revoked_at": None, "expires_at": {"$gt": now}}


def _problems(
    owner: Person,
    name: str,
    life: timedelta,
    permissions: Collection[Permission] | None,
    types: list[str] | None,
) -> dict[str, str]:
    """Return what is wrong with the values of a new token, by field."""
    found = {}
    if not 1 <= len(one_line(name)) <= LONGEST_NAME:
        found["name"] = f"Use 1 to {LONGEST_NAME} characters."
    if not timedelta(0) < life <= LONGEST_LIFE:
        found["life"] = f"Choose at most {LONGEST_LIFE.days} days."
    if permissions is not None and not permissions:
        found["permissions"] = "Choose at least one permission."
    elif lacking := sorted(set(permissions or ()) - (set(owner.grants) - NOT_GRANTED)):
        found["permissions"] = f"Choose among your own permissions; you cannot give {', '.join(lacking)}."
    if types is not None and not 1 <= len(types) <= MOST_TYPES:
        found["types"] = f"Choose 1 to {MOST_TYPES} task types, or all."
    return found
