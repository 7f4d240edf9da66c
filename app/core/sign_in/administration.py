"""What administrators do to users, by commands and pages: each change with its entry of the audit.

Disabling a user, and giving one a fresh link, ends all their sessions and links, and revokes
their tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import Conflict
from app.core.mongo import Document
from app.core.people.audit import Event
from app.core.people.links import Purpose
from app.core.people.people import People
from app.core.people.person import Origin, Person
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.sign_in.sign_in import BOOTSTRAP_LIFE, LOCAL_LIFE, PASSWORD_LIFE

if TYPE_CHECKING:
    from app.core.sign_in.factors import Factors

COMMAND = Person("", "command line")
"""Who acts in a command: somebody who can reach the database anyway."""


@dataclass(frozen=True)
class Administration:
    """``by`` is who acts, ``origin`` where from."""

    people: People
    factors: Callable[[], Factors]
    """Made when asked for, as their libraries take time to import."""

    def add(
        self, name: str, role: Role, groups: Iterable[str], by: Person, origin: Origin
    ) -> tuple[User, str]:
        """Add a user; returns them with the token of a link for their password. Raises Invalid, Conflict."""
        user = self.people.users.add(name, role, groups)
        after = {"name": user.name, "role": role.value, "groups": list(user.groups)}
        self.people.audit.record(by, origin, Event.USER_ADD, user.id, after=after)
        return user, self._password_link(user, by, origin)

    def disable(self, user: User, by: Person, origin: Origin) -> None:
        """Raises NotFound, Conflict."""
        self.people.users.disable(user.id)
        self._sign_out(user)
        self.people.audit.record(by, origin, Event.USER_DISABLE, user.id)

    def enable(self, user: User, by: Person, origin: Origin) -> None:
        """Raises NotFound."""
        self.people.users.enable(user.id)
        self.people.audit.record(by, origin, Event.USER_ENABLE, user.id)

    def reset(self, user: User, by: Person, origin: Origin) -> str:
        """Remove a user's password, second factor and passkeys, and end their sessions.

        Returns the token of a link for a new password.

        Raises Conflict for a user who is disabled, and for the only administrator who can sign in, except in
        a command, because another command makes another link.
        """
        _require_enabled(user)
        _require_own(user)
        if by != COMMAND and user.role is Role.ADMINISTRATOR:
            self.people.users.require_another_administrator(user.id)
        self.people.users.set_password_hash(user.id, None)
        self._remove_factors(user, by, origin)
        self._sign_out(user)
        return self._password_link(user, by, origin)

    def _remove_factors(self, user: User, by: Person, origin: Origin) -> None:
        factors = self.factors()
        if factors.second_factors.remove(user.id):
            self.people.audit.record(by, origin, Event.SECOND_FACTOR_REMOVE, user.id)
        for passkey in factors.passkeys.of_user(user.id):
            before: Document = {"name": passkey.name}
            self.people.audit.record(by, origin, Event.PASSKEY_REMOVE, user.id, before=before)
        factors.passkeys.remove_all(user.id)

    def require_second_factor(self, user: User, required: bool, by: Person, origin: Origin) -> None:
        """Require a second factor of a user, or no longer. Raises NotFound, Conflict.

        Requiring one ends their sessions, which may have begun without it.
        """
        if user.provider:
            raise Conflict(f"“{user.name}” signs in with “{user.provider}”. Require a second factor there.")
        if self.people.users.required_by_role(user.role):
            raise Conflict(f"SECOND_FACTOR_ROLES requires a second factor of each {user.role.value}.")
        self.people.users.require_second_factor(user.id, required)
        if required:
            self.people.sessions.end_all(user.id)
        before: Document = {"second_factor_required": user.second_factor_required}
        self._changed(user, before, {"second_factor_required": required}, by, origin)

    def set_role(self, user: User, role: Role, by: Person, origin: Origin) -> None:
        """Raises NotFound, Conflict."""
        _require_own(user)
        self.people.users.set_role(user.id, role)
        self._changed(user, {"role": user.role.value}, {"role": role.value}, by, origin)

    def set_groups(
        self, user: User, groups: Iterable[str], by: Person, origin: Origin, seen: Iterable[str] | None = None
    ) -> User:
        """Change a user's groups from those that were ``seen``. Raises NotFound, Invalid, Conflict."""
        _require_own(user)
        changed = self.people.users.set_groups(user.id, groups, seen)
        before: Document = {"groups": list(user.groups)}
        self._changed(user, before, {"groups": list(changed.groups)}, by, origin)
        return changed

    def end_sessions(self, user: User, by: Person, origin: Origin) -> int:
        """End every session of a user; returns how many."""
        ended = self.people.sessions.end_all(user.id)
        self.people.audit.record(by, origin, Event.SESSION_END, user.id, after={"ended": ended})
        return ended

    def revoke_tokens(self, user: User, by: Person, origin: Origin) -> int:
        """Revoke every token of a user; returns how many."""
        revoked = self.people.tokens.revoke_all(user.id)
        self.people.audit.record(by, origin, Event.TOKEN_REVOKE, user.id, after={"revoked": revoked})
        return revoked

    def local_link(self, user: User, by: Person, origin: Origin) -> str:
        """Return the token of a link that signs a user in and asks for nothing. Raises Conflict."""
        _require_enabled(user)
        token = self.people.links.make(Purpose.LOCAL, LOCAL_LIFE, user.id)
        self.people.audit.record(by, origin, Event.LINK_MAKE, user.id, after={"purpose": Purpose.LOCAL.value})
        return token

    def bootstrap_link(self, by: Person, origin: Origin) -> str | None:
        """Return the token of a link that makes the first administrator; None where there are users."""
        if self.people.users.any():
            return None
        token = self.people.links.make(Purpose.BOOTSTRAP, BOOTSTRAP_LIFE)
        self.people.audit.record(by, origin, Event.LINK_MAKE, after={"purpose": Purpose.BOOTSTRAP.value})
        return token

    def _password_link(self, user: User, by: Person, origin: Origin) -> str:
        token = self.people.links.make(Purpose.PASSWORD, PASSWORD_LIFE, user.id)
        self.people.audit.record(
            by, origin, Event.LINK_MAKE, user.id, after={"purpose": Purpose.PASSWORD.value}
        )
        return token

    def _sign_out(self, user: User) -> None:
        self.people.sessions.end_all(user.id)
        self.people.links.end_all(user.id)
        self.people.tokens.revoke_all(user.id)

    def _changed(self, user: User, before: Document, after: Document, by: Person, origin: Origin) -> None:
        self.people.audit.record(by, origin, Event.USER_CHANGE, user.id, before=before, after=after)


def _require_enabled(user: User) -> None:
    if not user.enabled:
        raise Conflict(f"“{user.name}” is disabled. Enable the user first.")


def _require_own(user: User) -> None:
    if user.provider:
        raise Conflict(
            f"“{user.name}” signs in with “{user.provider}”, which also says their role and groups. "
            "Change them there, or disable the user here."
        )


def link_path(token: str) -> str:
    """Return the path at which the web takes a link."""
    return f"/sign-in/link/{token}"
