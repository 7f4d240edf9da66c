"""Signing in and what belongs to it: each way that proves who somebody is, passwords set, sessions ended.

Every entry of the audit about it is written here. What a way proves is a :class:`Proof`; the web begins a
session with it. A second step comes between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.people.audit import Event, Outcome
from app.core.people.links import Link, Purpose
from app.core.people.names import checked_name
from app.core.people.passwords import Passwords, require_good
from app.core.people.people import People
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.sign_in.throttle import Attempt, Throttle

LOCAL_LIFE = timedelta(hours=24)
BOOTSTRAP_LIFE = timedelta(hours=24)
PASSWORD_LIFE = timedelta(hours=72)

WRONG = "The name or the password is wrong."
LINK_OVER = "This link does not work. It may have been used, replaced by a newer one, or expired."


class WrongPassword(Forbidden):
    """The name or the password is wrong; which of them is not said."""

    title = "Not signed in"


class LinkOver(NotFound):
    """A link that signs in once was used before, was replaced, has expired, or never was one."""

    title = "This link does not work"


@dataclass(frozen=True)
class Proof:
    """Somebody has proved who they are, by these factors: `link`, `password`."""

    user: User
    factors: tuple[str, ...]


@dataclass(frozen=True)
class SignIn:
    """Each method writes the audit before it returns."""

    people: People
    throttle: Throttle
    passwords: Passwords

    # A password

    def by_password(self, attempt: Attempt, password: str, origin: Origin) -> Proof:
        """Raises WrongPassword, TooManyTries, Unavailable; a wrong name takes as long as a wrong password."""
        self.throttle.count(attempt)
        user = self.people.users.by_name(attempt.name)
        right = self._verify(user, password)
        if user is None or not right or not user.enabled:
            wrong = "disabled" if right else "password"
            self._failed(user, origin, wrong if user else "unknown name")
            raise WrongPassword(WRONG)
        self.throttle.forget(attempt)
        if user.password_hash and self.passwords.outdated(user.password_hash):
            self.people.users.set_password_hash(user.id, self.passwords.hashed(password))
        return Proof(user, ("password",))

    def _verify(self, user: User | None, password: str) -> bool:
        try:
            return self.passwords.verify(user.password_hash if user else None, password)
        except Invalid:  # Too long to be anybody's.
            return False

    def _failed(self, user: User | None, origin: Origin, reason: str) -> None:
        """Record it; an unknown name is left out, as people type their password there by mistake."""
        who = self.people.users.person(user) if user else ANONYMOUS
        target = user.id if user else ""
        self.people.audit.record(who, origin, Event.SIGN_IN, target, outcome=Outcome.FAILED, reason=reason)

    def change_password(self, user: User, current: str, new: str, session_id: str, origin: Origin) -> None:
        """Set a new password, which takes the current one, and end the other sessions.

        Raises Invalid, TooManyTries, Unavailable, and Forbidden for a user whom others sign in.
        """
        if user.provider:
            raise Forbidden("Your password is managed where you sign in.")
        if user.password_hash is not None:
            attempt = Attempt(user.name, origin.address, f"session {session_id}")
            self.throttle.count(attempt)
            if not self._verify(user, current):
                self._audit(user, origin, Event.PASSWORD_SET, outcome=Outcome.FAILED, reason="password")
                raise Invalid("Check the password.", {"current": "This is not your current password."})
            self.throttle.forget(attempt)
        self._set_password(user, self._good(new, user.name), origin)
        self.people.sessions.end_all(user.id, but=session_id)

    def _good(self, password: str, name: str) -> str:
        """Return the hash of a password that may be chosen. Raises Invalid, Unavailable."""
        require_good(password, name)
        return self.passwords.hashed(password)

    def _set_password(self, user: User, password_hash: str, origin: Origin) -> None:
        self.people.users.set_password_hash(user.id, password_hash)
        self._audit(user, origin, Event.PASSWORD_SET)

    # A link that works once

    def link(self, token: str) -> Link:
        """Return what a link is for. Raises LinkOver."""
        link = self.people.links.find(token)
        if link is None or (link.user and not self._enabled(link)):
            raise LinkOver(LINK_OVER)
        return link

    def _enabled(self, link: Link) -> bool:
        user = self.people.users.find(link.user)
        return user is not None and user.enabled

    def by_link(self, token: str, origin: Origin) -> Proof:
        """Sign in by a link that asks for nothing else. Raises LinkOver."""
        user = self._take(token, Purpose.LOCAL, origin)
        return Proof(user, ("link",))

    def by_link_with_password(self, token: str, password: str, origin: Origin) -> Proof:
        """Set the password that a link was made for, and end all sessions. Raises LinkOver, Invalid."""
        link = self.link(token)
        password_hash = self._good(password, self.people.users.get(link.user).name)
        user = self._take(token, Purpose.PASSWORD, origin)
        self._set_password(user, password_hash, origin)
        self.people.sessions.end_all(user.id)
        return Proof(user, ("link",))

    def by_bootstrap(self, token: str, name: str, password: str, origin: Origin) -> Proof:
        """Make the first administrator and sign them in. Raises LinkOver, Invalid, Conflict."""
        if self.link(token).purpose is not Purpose.BOOTSTRAP:
            raise LinkOver(LINK_OVER)
        password_hash = self._good(password, checked_name(name))
        if self.people.users.any():
            raise Conflict("There are users by now. Sign in, or ask an administrator for a link.")
        user = self.people.users.add(name, Role.ADMINISTRATOR, password_hash=password_hash)
        if self.people.links.take(token) is None:  # Somebody else has used it at the same moment.
            self.people.users.remove_new(user.id)
            raise LinkOver(LINK_OVER)
        self._audit(user, origin, Event.USER_ADD, after={"name": user.name, "role": user.role.value})
        return Proof(user, ("link",))

    def _take(self, token: str, purpose: Purpose, origin: Origin) -> User:
        link = self.link(token)
        user = self.people.users.find(link.user)
        if link.purpose is not purpose or user is None or self.people.links.take(token) is None:
            self._failed(user, origin, "link")
            raise LinkOver(LINK_OVER)
        return user

    # Sessions

    def begin(self, proof: Proof, origin: Origin, agent: str) -> str:
        """Begin a session; returns its token."""
        token = self.people.sessions.begin(proof.user.id, proof.factors, origin.address, agent)
        self._audit(proof.user, origin, Event.SIGN_IN, after={"factors": list(proof.factors)})
        self.people.users.note_sign_in(proof.user.id)
        return token

    def end(self, person: Person, session_id: str, origin: Origin, event: Event = Event.SESSION_END) -> bool:
        """End a session of a person; returns whether there was one."""
        ended = self.people.sessions.end(session_id, person.id)
        if ended:
            self.people.audit.record(person, origin, event, session_id)
        return ended

    def end_others(self, person: Person, session_id: str, origin: Origin) -> int:
        """End every other session of a person; returns how many."""
        count = self.people.sessions.end_all(person.id, but=session_id)
        self.people.audit.record(person, origin, Event.SESSION_END, person.id, after={"ended": count})
        return count

    def _audit(self, user: User, origin: Origin, event: Event, **about: object) -> None:
        self.people.audit.record(self.people.users.person(user), origin, event, user.id, **about)  # type: ignore[arg-type]  # passed on
