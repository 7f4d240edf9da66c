"""Users: who may sign in. An ID never changes; a name is unique, whatever its case.

Passwords and other factors are verified elsewhere in this room; here is the document and every write of it.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, Invalid, NotFound
from app.core.mongo import Document, Mongo
from app.core.people.person import Person
from app.core.people.random_tokens import hashed
from app.core.people.roles import Role, grants_of

LOCAL_NAME = "local"
"""The person of a server that runs for one person on their own machine."""
LONGEST_NAME = 80
MOST_GROUPS = 50
LAST_ADMINISTRATOR = (
    "This is the only administrator who can sign in. Make another user an administrator first."
)
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Alphabets with letters that look the same: UTS 39 calls a name of two of them not single-script."""
_NAME = re.compile(rf"[\w.@+-](?:[\w .@+-]{{0,{LONGEST_NAME - 2}}}[\w.@+-])?\Z")
_GROUP = re.compile(r"[\w.@:/+-]{1,80}\Z")


@dataclass(frozen=True)
class User:
    """A user as MongoDB holds them. Times are aware UTC; ``disabled_at`` None: may sign in."""

    id: str
    name: str
    role: Role
    created_at: datetime
    groups: tuple[str, ...] = ()
    signed_in_at: datetime | None = None
    disabled_at: datetime | None = None
    password_hash: str | None = None
    provider: str = ""
    """Who signs them in instead of a password here, and says their role and groups; empty for nobody."""
    second_factor_required: bool = False

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_name,
    "name": stored.is_name,
    "role": stored.one_of(*(role.value for role in Role)),
    "created_at": stored.is_time,
}
_OPTIONAL: dict[str, stored.Check] = {
    "groups": stored.list_of(stored.is_name),
    "signed_in_at": stored.maybe(stored.is_time),
    "disabled_at": stored.maybe(stored.is_time),
    "password_hash": stored.maybe(stored.is_name),
    "identity": stored.shaped({"provider": stored.is_name, "subject": stored.is_name}, {}),
    "second_factor_required": stored.is_flag,
}


def _user(document: Document) -> User:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    values["role"] = Role(values["role"])
    values["groups"] = tuple(values.get("groups", ()))
    values["provider"] = values.pop("identity", {}).get("provider", "")
    return User(id=values.pop("_id"), **values)


def _only(document: Document | None) -> User | None:
    """Return the user of a document; None where there is none, or it is damaged."""
    return next(stored.readable("user", _user, [document] if document else []), None)


def name_key(name: str) -> str:
    """Return what tells names apart: two that look alike but for case or width are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def checked_name(name: str) -> str:
    """Return a name as it is stored. Raises Invalid."""
    name = unicodedata.normalize("NFC", name).strip()
    if not _NAME.match(name):
        raise Invalid(
            "Check the name.",
            {"name": f"Use 1 to {LONGEST_NAME} letters, digits, spaces, and the signs . @ + - _ only."},
        )
    if _mixes_alphabets(name):
        raise Invalid(
            "Check the name.",
            {"name": "Use letters of one alphabet: letters of another one can look the same."},
        )
    return name


def _mixes_alphabets(name: str) -> bool:
    """Return whether a name has letters of two alphabets, as a Latin name with a Cyrillic a has."""
    first_words = {unicodedata.name(letter, "").partition(" ")[0] for letter in name}
    return len(first_words.intersection(_ALPHABETS)) > 1


def checked_groups(groups: Iterable[str]) -> list[str]:
    """Return names of groups, sorted, without repeats. Raises Invalid."""
    found = sorted(set(groups))
    if len(found) > MOST_GROUPS or not all(_GROUP.match(group) for group in found):
        raise Invalid(
            "Check the groups.",
            {"groups": f"Use up to {MOST_GROUPS} names of letters, digits, and . @ : / + - _ only."},
        )
    return found


def _identity_key(provider: str, subject: str) -> str:
    """Return what tells identities apart, of one length."""
    return hashed(f"{provider}\n{subject}")


def usable_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Return those names of groups that can be used, sorted; what a provider sends may be anything."""
    return tuple(sorted({group for group in groups if _GROUP.match(group)})[:MOST_GROUPS])


def _names(name: str, provider: str) -> Iterator[str]:
    """Yield what a user of a provider may be called, until a name is free."""
    plain = re.sub(r"[^\w .@+-]", "", unicodedata.normalize("NFC", name)).strip()[: LONGEST_NAME - 50].strip()
    plain = plain or "user"
    if not _mixes_alphabets(plain):
        yield plain
    yield f"{plain}@{provider}"
    for number in itertools.count(2):
        yield f"{plain}@{provider}-{number}"


class Users:
    """The collection `users`; every write is one compare-and-set."""

    def __init__(self, db: Mongo, *, own_tasks_only: bool = False) -> None:
        self._users, self._passkeys = db.users, db.passkeys
        self._own_tasks_only = own_tasks_only

    def person(self, user: User) -> Person:
        """Return who acts when this user does."""
        grants = grants_of(user.role, own_tasks_only=self._own_tasks_only)
        return Person(user.id, user.name, user.role, frozenset(user.groups), grants)

    def add(
        self, name: str, role: Role, groups: Iterable[str] = (), password_hash: str | None = None
    ) -> User:
        """Add a user. Raises Invalid for a name that cannot be used, Conflict for one that is taken."""
        name = checked_name(name)
        user = User(
            str(ObjectId()), name, role, utcnow(), tuple(checked_groups(groups)), password_hash=password_hash
        )
        document = {
            "_id": user.id,
            "name": name,
            "name_key": name_key(name),
            "role": role.value,
            "groups": list(user.groups),
            "created_at": user.created_at,
            "password_hash": password_hash,
        }
        try:
            self._users.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a user “{name}” already. Choose another name.") from None
        return user

    def external(self, provider: str, subject: str, name: str, role: Role, groups: Iterable[str]) -> User:
        """Return the user whom an identity provider knows as ``subject``; added at the first sign-in.

        Role and groups are the provider's, each time; groups that cannot be used are left out. A name that
        another user has makes nobody that user: the new one is called `name@provider`, or with a number.
        """
        identity = {"identity_key": _identity_key(provider, subject)}
        values = {"role": role.value, "groups": list(usable_groups(groups))}
        if self._users.update_one(identity, {"$set": values}).matched_count == 0:
            self._add_external(provider, subject, name, values)
        if user := self.by_identity(provider, subject):
            return user
        raise NotFound("There is no such user.")

    def by_identity(self, provider: str, subject: str) -> User | None:
        """Return the user whom an identity provider knows as ``subject``."""
        return _only(self._users.find_one({"identity_key": _identity_key(provider, subject)}))

    def _add_external(self, provider: str, subject: str, name: str, values: Document) -> None:
        for candidate in _names(name, provider):
            document = {
                "_id": str(ObjectId()),
                "name": candidate,
                "name_key": name_key(candidate),
                "created_at": utcnow(),
                "identity": {"provider": provider, "subject": subject},
                "identity_key": _identity_key(provider, subject),
                **values,
            }
            try:
                self._users.insert_one(document)
                return
            except DuplicateKeyError:  # The name is taken, or another request of the same person was first.
                if self._users.find_one({"identity_key": _identity_key(provider, subject)}):
                    return

    def local(self) -> User:
        """Return the one person of a server on their own machine; added at the first call."""
        while True:
            if known := self.by_name(LOCAL_NAME):
                return known
            try:
                return self.add(LOCAL_NAME, Role.ADMINISTRATOR)
            except Conflict:  # Another process was first.
                continue

    def get(self, user_id: str) -> User:
        """Raises NotFound."""
        if user := self.find(user_id):
            return user
        raise NotFound("There is no such user.")

    def find(self, user_id: str) -> User | None:
        return _only(self._users.find_one({"_id": user_id}))

    def by_name(self, name: str) -> User | None:
        return _only(self._users.find_one({"name_key": name_key(name)[: 4 * LONGEST_NAME]}))

    def among(self, ids: Iterable[str]) -> list[User]:
        """Return those IDs that are users."""
        found = self._users.find({"_id": {"$in": list(ids)}})
        return list(stored.readable("user", _user, found))

    def any(self) -> bool:
        """Return whether there is a user at all."""
        return self._users.find_one({}, {"_id": 1}) is not None

    def all(self) -> list[User]:
        """Return the users by name."""
        return list(stored.readable("user", _user, self._users.find().sort([("name_key", 1)])))

    def page(self, prefix: str, after: str, limit: int) -> list[User]:
        """Return users by name: those whose name begins with ``prefix`` and comes after ``after``."""
        key = name_key(prefix)
        names: Document = {"$gte": key, "$lt": f"{key}\U0010ffff"}
        if after:
            names["$gt"] = name_key(after)
        found = self._users.find({"name_key": names}).sort([("name_key", 1)]).limit(limit)
        return list(stored.readable("user", _user, found))

    def names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the names of those IDs that are users."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        found = self._users.find({"_id": {"$in": wanted}}, {"name": 1})
        return {user["_id"]: str(user.get("name", user["_id"])) for user in found}

    def set_role(self, user_id: str, role: Role) -> User:
        """Raises NotFound, and Conflict where nobody else could administer then."""
        values = {"role": role.value}
        return self._set(user_id, values) if role is Role.ADMINISTRATOR else self._step_down(user_id, values)

    def set_groups(self, user_id: str, groups: Iterable[str], seen: Iterable[str] | None = None) -> User:
        """``seen`` are the groups that were there when somebody made the change.

        Raises NotFound, Invalid, and Conflict where the groups are no longer those that were seen.
        """
        values = {"groups": checked_groups(groups)}
        if seen is None:
            return self._set(user_id, values)
        user = self.get(user_id)
        if user.groups == tuple(sorted(seen)):
            # A user without groups may have been stored without the field.
            as_seen = {"groups": list(user.groups)} if user.groups else {"groups.0": {"$exists": False}}
            changed = self._users.find_one_and_update(
                {"_id": user_id, **as_seen}, {"$set": values}, return_document=ReturnDocument.AFTER
            )
            if found := _only(changed):
                return found
        now = ", ".join(self.get(user_id).groups) or "none"
        raise Conflict(
            f"Somebody else has changed the groups of “{user.name}” to: {now}. Check yours and save again."
        )

    def set_password_hash(self, user_id: str, password_hash: str | None) -> User:
        """Raises NotFound."""
        return self._set(user_id, {"password_hash": password_hash, "password_set_at": utcnow()})

    def require_second_factor(self, user_id: str, required: bool) -> User:
        """Raises NotFound."""
        return self._set(user_id, {"second_factor_required": required})

    def note_sign_in(self, user_id: str) -> None:
        """Keep when a user has signed in last."""
        self._users.update_one({"_id": user_id}, {"$set": {"signed_in_at": utcnow()}})

    def with_second_factor(self, ids: Iterable[str]) -> frozenset[str]:
        """Return those IDs of users who have set up an authenticator app."""
        found = self._users.find({"_id": {"$in": list(ids)}, "totp": {"$exists": True}}, {"_id": 1})
        return frozenset(user["_id"] for user in found)

    def remove_new(self, user_id: str) -> None:
        """Take back a user who was added a moment ago and owns nothing yet."""
        self._users.delete_one({"_id": user_id})

    def disable(self, user_id: str) -> User:
        """Keep a user from signing in; who calls this ends their sessions. Raises NotFound, Conflict."""
        return self._step_down(user_id, {"disabled_at": utcnow()})

    def enable(self, user_id: str) -> User:
        """Raises NotFound."""
        return self._set(user_id, {"disabled_at": None})

    def _set(self, user_id: str, values: Document) -> User:
        changed = self._users.find_one_and_update(
            {"_id": user_id}, {"$set": values}, return_document=ReturnDocument.AFTER
        )
        user = _only(changed)
        if user is None:
            raise NotFound("There is no such user.")
        return user

    def _step_down(self, user_id: str, values: Document) -> User:
        """Change a user who may be the last administrator. Raises NotFound, and Conflict where it is so.

        Two administrators may do this to each other at once. So it is looked again afterwards, and the change
        undone where nobody is left.
        """
        user = self.get(user_id)
        if not (user.role is Role.ADMINISTRATOR and user.enabled):
            return self._set(user_id, values)
        able = self._administrators_able_to_sign_in()
        if able <= {user_id} and (able or not self._administrators(but=user_id)):
            raise Conflict(LAST_ADMINISTRATOR)
        changed = self._set(user_id, values)
        if not (self._administrators_able_to_sign_in() if able else self._administrators()):
            self._set(user_id, {"role": user.role.value, "disabled_at": None})
            raise Conflict(LAST_ADMINISTRATOR)
        return changed

    def _administrators(self, but: str = "") -> list[Document]:
        """Return the administrators who are not disabled, besides the user with the ID ``but``."""
        query = {"_id": {"$ne": but}, "role": Role.ADMINISTRATOR.value, "disabled_at": None}
        return list(self._users.find(query, {"password_hash": 1, "identity_key": 1, "name_key": 1}))

    def _administrators_able_to_sign_in(self) -> set[str]:
        """Return the IDs of administrators with a password, a passkey or an identity provider.

        Somebody who was sent a link for a password may never use it. The local person is signed in by links
        that `make up` prints.
        """
        found = self._administrators()
        with_passkey = self._passkeys.distinct("user", {"user": {"$in": [user["_id"] for user in found]}})
        able = {
            user["_id"]
            for user in found
            if user.get("password_hash") or user.get("identity_key") or user.get("name_key") == LOCAL_NAME
        }
        return able.union(with_passkey)
