"""Users: who may sign in. An ID never changes; a name is unique, whatever its case.

Passwords and other factors are verified elsewhere in this room; here is the document and every write of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, NotFound
from app.core.mongo import Document, Mongo
from app.core.people.names import (
    LONGEST_NAME,
    checked_groups,
    checked_name,
    name_key,
    name_shape,
    names_of_provider,
    usable_groups,
)
from app.core.people.person import Person
from app.core.people.random_tokens import hashed
from app.core.people.roles import Role, grants_of

LOCAL_NAME = "local"
"""The person of a server that runs for one person on their own machine."""
LAST_ADMINISTRATOR = (
    "This is the only administrator who can sign in. Make another user an administrator first."
)


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
    """An administrator requires one of this user, or the settings of their role."""

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


def _identity_key(provider: str, subject: str) -> str:
    """Return what tells identities apart, of one length."""
    return hashed(f"{provider}\n{subject}")


def with_user(collection: Any, query: Document) -> tuple[Document | None, Document | None]:
    """Return a document and that of the user whom its field `user` names, if any, in one read.

    Who asks is looked up for every request, so two reads in turn are felt.
    """
    join = {"from": "users", "localField": "user", "foreignField": "_id", "as": "user_found"}
    asked = [{"$match": query}, {"$limit": 1}, {"$lookup": join}]
    document = next(iter(collection.aggregate(asked)), None)
    users = document.pop("user_found") if document else []
    return document, users[0] if users else None


class Users:
    """The collection `users`; every write is one compare-and-set."""

    def __init__(
        self,
        db: Mongo,
        *,
        own_tasks_only: bool = False,
        local: bool = True,
        second_factor_roles: Collection[str] = (),
        providers: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """``local``: links of `make up` sign the local person in. ``second_factor_roles`` need a second
        factor, ``providers`` are those that sign people in now."""
        self._users, self._passkeys = db.users, db.passkeys
        self._own_tasks_only, self._local = own_tasks_only, local
        self._second_factor_roles, self._providers = second_factor_roles, providers

    def _user(self, document: Document) -> User:
        """Raises DamagedDocumentError."""
        user = _user(document)
        required = user.second_factor_required or user.role.value in self._second_factor_roles
        # A provider asks for factors of its own, and there are none here besides.
        return replace(user, second_factor_required=required and not user.provider)

    def _only(self, document: Document | None) -> User | None:
        """Return the user of a document; None where there is none, or it is damaged."""
        return next(stored.readable("user", self._user, [document] if document else []), None)

    def required_by_role(self, role: Role) -> bool:
        """Return whether the settings require a second factor of everybody of a role."""
        return role.value in self._second_factor_roles

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
            "name_shape": name_shape(name),
            "role": role.value,
            "groups": list(user.groups),
            "created_at": user.created_at,
            "password_hash": password_hash,
        }
        self._add_shapes()
        try:
            self._users.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(
                f"There is a user “{name}” already, or one whose name looks the same. Choose another name."
            ) from None
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
        return self._only(self._users.find_one({"identity_key": _identity_key(provider, subject)}))

    def _add_external(self, provider: str, subject: str, name: str, values: Document) -> None:
        self._add_shapes()
        for candidate in names_of_provider(name, provider):
            document = {
                "_id": str(ObjectId()),
                "name": candidate,
                "name_key": name_key(candidate),
                "name_shape": name_shape(candidate),
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

    def _add_shapes(self) -> None:
        """Store the shapes of names that were added before shapes were stored."""
        for user in self._users.find({"name_shape": {"$exists": False}}, {"name": 1}):
            if isinstance(user.get("name"), str):
                shape = {"name_shape": name_shape(user["name"])}
                with contextlib.suppress(DuplicateKeyError):  # Two of old that look the same both stay.
                    self._users.update_one({"_id": user["_id"]}, {"$set": shape})

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

    def read(self, document: Document | None) -> User | None:
        """Return the user of a document from `with_user`; None where there is none, or it is damaged."""
        return self._only(document)

    def find(self, user_id: str) -> User | None:
        return self._only(self._users.find_one({"_id": user_id}))

    def by_name(self, name: str) -> User | None:
        return self._only(self._users.find_one({"name_key": name_key(name)[: 4 * LONGEST_NAME]}))

    def among(self, ids: Iterable[str]) -> list[User]:
        """Return those IDs that are users."""
        found = self._users.find({"_id": {"$in": list(ids)}})
        return list(stored.readable("user", _user, found))

    def any(self) -> bool:
        """Return whether there is a user at all."""
        return self._users.find_one({}, {"_id": 1}) is not None

    def all(self) -> list[User]:
        """Return the users by name."""
        return list(stored.readable("user", self._user, self._users.find().sort([("name_key", 1)])))

    def page(self, prefix: str, after: str, limit: int) -> list[User]:
        """Return users by name: those whose name begins with ``prefix`` and comes after ``after``."""
        key = name_key(prefix)
        names: Document = {"$gte": key, "$lt": f"{key}\U0010ffff"}
        if after:
            names["$gt"] = name_key(after)
        found = self._users.find({"name_key": names}).sort([("name_key", 1)]).limit(limit)
        return list(stored.readable("user", self._user, found))

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
            if found := self._only(changed):
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
        """Return those IDs of users who have set up an authenticator app or a passkey."""
        wanted = list(ids)
        found = self._users.find({"_id": {"$in": wanted}, "totp": {"$exists": True}}, {"_id": 1})
        with_app = frozenset(user["_id"] for user in found)
        return with_app.union(self._passkeys.distinct("user", {"user": {"$in": wanted}}))

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
        user = self._only(changed)
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
        self.require_another_administrator(user_id)
        able = self._administrators_able_to_sign_in()
        changed = self._set(user_id, values)
        if not (self._administrators_able_to_sign_in() if able else self._administrators()):
            self._set(user_id, {"role": user.role.value, "disabled_at": None})
            raise Conflict(LAST_ADMINISTRATOR)
        return changed

    def is_only_administrator(self, user: User) -> bool:
        """Return whether there would be no administrator without a user, or none who can sign in."""
        if not (user.role is Role.ADMINISTRATOR and user.enabled):
            return False
        try:
            self.require_another_administrator(user.id)
        except Conflict:
            return True
        return False

    def require_another_administrator(self, user_id: str) -> None:
        """Raises Conflict where a user is the only administrator who can sign in, or the only one."""
        able = self._administrators_able_to_sign_in()
        if able <= {user_id} and (able or not self._administrators(but=user_id)):
            raise Conflict(LAST_ADMINISTRATOR)

    def require_administrator_able_to_sign_in(self) -> None:
        """Raises Conflict where no administrator can."""
        if not self._administrators_able_to_sign_in():
            raise Conflict(LAST_ADMINISTRATOR)

    def _administrators(self, but: str = "") -> list[Document]:
        """Return the administrators who are not disabled, besides the user with the ID ``but``."""
        query = {"_id": {"$ne": but}, "role": Role.ADMINISTRATOR.value, "disabled_at": None}
        return list(self._users.find(query, {"password_hash": 1, "identity": 1, "name_key": 1}))

    def _administrators_able_to_sign_in(self) -> set[str]:
        """Return the IDs of administrators with a password, a passkey, or an identity provider that there is.

        Somebody who was sent a link for a password may never use it. The local person is signed in by links
        that `make up` prints.
        """
        found = self._administrators()
        with_passkey = self._passkeys.distinct("user", {"user": {"$in": [user["_id"] for user in found]}})
        return {user["_id"] for user in found if self._may_come(user)}.union(with_passkey)

    def _may_come(self, user: Document) -> bool:
        """Return whether a password, a provider that there is now, or a link of `make up` signs a user in."""
        if identity := user.get("identity"):
            return isinstance(identity, dict) and identity.get("provider") in self._providers()
        return bool(user.get("password_hash")) or (self._local and user.get("name_key") == LOCAL_NAME)
