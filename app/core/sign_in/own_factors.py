"""What people do to their own second factor and passkeys: each change with its entry of the audit.

A change of factors takes somebody who proved a moment ago who they are. Adding or removing one ends the other
sessions, as a new password does: they may be those of somebody whom the change is to lock out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.errors import Conflict, Forbidden, Invalid
from app.core.mongo import Document
from app.core.people.audit import Event, Outcome
from app.core.people.passwords import Passwords
from app.core.people.people import People
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.people.sessions import Session
from app.core.people.users import User
from app.core.secrets.vault import CannotOpen
from app.core.sign_in.factors import Factors
from app.core.sign_in.passkeys import Passkey, Site
from app.core.sign_in.second_factor import Enrollment
from app.core.sign_in.second_step import attempt_of, code_factor
from app.core.sign_in.throttle import Throttle

LAST_ONE = "An administrator requires a second factor of you. Set up another one before you remove this one."
ONLY_PASSKEY = (
    "No administrator could sign in without this passkey. Set a password, or add another passkey first."
)
NOT_PROVED = "Enter your current password or a code of your app."


class ConfirmationRequired(Forbidden):
    """The session is signed in, but not proved recently enough for this."""

    title = "Confirm that it is you"


@dataclass(frozen=True)
class OwnFactors:
    """Second factor and passkeys of the person whose session it is."""

    people: People
    throttle: Throttle
    passwords: Passwords
    factors: Factors

    # Confirming the identity

    def can_confirm(self, user: User) -> bool:
        """Return whether a user has anything to confirm with: a password, or an app."""
        return user.password_hash is not None or self.factors.second_factors.active(user.id)

    def confirm(self, user: User, session: Session, proof: str, origin: Origin) -> None:
        """Take a password or a code, and remember it for a while.

        Raises Invalid, TooManyTries, Unavailable.
        """
        self._prove(user, session, proof, origin)
        self.people.sessions.proved(session.id)

    def _prove(self, user: User, session: Session, proof: str, origin: Origin) -> None:
        attempt = attempt_of(user, origin, f"session {session.id}")
        self.throttle.count(attempt)
        if not self._right(user, proof):
            self.people.audit.record(
                self.people.users.person(user), origin, Event.SIGN_IN, user.id,
                outcome=Outcome.FAILED, reason="confirmation",
            )  # fmt: skip
            raise Invalid("Check what you entered.", {"proof": NOT_PROVED})
        self.throttle.forget(attempt)

    def _right(self, user: User, proof: str) -> bool:
        return self._is_code(user, proof.strip()) or self._is_password(user, proof)

    def _is_code(self, user: User, proof: str) -> bool:
        second = self.factors.second_factors
        try:
            return second.active(user.id) and code_factor(second, user.id, proof) is not None
        except CannotOpen:  # The password still counts.
            return False

    def _is_password(self, user: User, proof: str) -> bool:
        if user.password_hash is None:
            return False
        try:
            return self.passwords.verify(user.password_hash, proof)
        except Invalid:  # Too long to be anybody's.
            return False

    # The authenticator app

    def begin_app(self, user: User, session: Session) -> Enrollment:
        """Raises ConfirmationRequired, CannotOpen."""
        _require_proved(session)
        return self.factors.second_factors.enroll(user)

    def confirm_app(self, user: User, session: Session, code: str, origin: Origin) -> list[str]:
        """Put the app in force, and return the recovery codes. Raises Invalid, Conflict."""
        codes = self.factors.second_factors.confirm(user, code)
        self._changed(user, session, origin, Event.SECOND_FACTOR_SET, after={"recovery_codes": len(codes)})
        return codes

    def fresh_codes(self, user: User, session: Session, origin: Origin) -> list[str]:
        """Replace the recovery codes. Raises ConfirmationRequired, Conflict."""
        _require_proved(session)
        codes = self.factors.second_factors.fresh_codes(user.id)
        self.people.audit.record(
            self.people.users.person(user), origin, Event.SECOND_FACTOR_SET, user.id,
            after={"recovery_codes": len(codes)},
        )  # fmt: skip
        return codes

    def remove_app(self, user: User, session: Session, proof: str, origin: Origin) -> None:
        """Remove the app and the recovery codes, which takes the password or a code at any time.

        Raises Invalid, Conflict, TooManyTries, Unavailable.
        """
        if user.second_factor_required and not self.factors.passkeys.of_user(user.id):
            raise Conflict(LAST_ONE)
        self._prove(user, session, proof, origin)
        if self.factors.second_factors.remove(user.id):
            self._changed(user, session, origin, Event.SECOND_FACTOR_REMOVE)

    # Passkeys

    def passkey_options(self, user: User, session: Session, site: Site) -> dict[str, Any]:
        """Return the options with which a browser makes a passkey. Raises ConfirmationRequired, Conflict."""
        _require_proved(session)
        return self.factors.passkeys.registration(user, site)

    def add_passkey(
        self, user: User, session: Session, site: Site, answer: str, name: str, origin: Origin
    ) -> Passkey:
        """Add the passkey that a browser made. Raises ConfirmationRequired, Invalid, Conflict."""
        _require_proved(session)
        passkey = self.factors.passkeys.register(user, site, answer, name)
        self._changed(user, session, origin, Event.PASSKEY_ADD, after={"name": passkey.name})
        return passkey

    def remove_passkey(self, user: User, session: Session, passkey_id: str, origin: Origin) -> None:
        """Raises ConfirmationRequired, NotFound, Conflict."""
        _require_proved(session)
        known = self.factors.passkeys.of_user(user.id)
        if user.second_factor_required and len(known) < 2 and not self.factors.second_factors.active(user.id):
            raise Conflict(LAST_ONE)
        removed = self.factors.passkeys.remove(passkey_id, user.id)
        if user.role is Role.ADMINISTRATOR and not user.provider:
            self._require_an_administrator(removed)
        name = next((passkey.name for passkey in known if passkey.id == passkey_id), "")
        self._changed(user, session, origin, Event.PASSKEY_REMOVE, before={"name": name})

    def _require_an_administrator(self, removed: Document) -> None:
        """Restore the passkey where no administrator could sign in without it. Raises Conflict."""
        try:
            self.people.users.require_administrator_able_to_sign_in()
        except Conflict:
            self.factors.passkeys.restore(removed)
            raise Conflict(ONLY_PASSKEY) from None

    def missing(self, user: User) -> bool:
        """Return whether a user must set up a second factor before anything else."""
        return user.second_factor_required and not (
            self.factors.second_factors.active(user.id) or self.factors.passkeys.of_user(user.id)
        )

    def _changed(
        self,
        user: User,
        session: Session,
        origin: Origin,
        event: Event,
        before: Document | None = None,
        after: Document | None = None,
    ) -> None:
        person = self.people.users.person(user)
        self.people.audit.record(person, origin, event, user.id, before=before, after=after)
        self.people.sessions.end_all(user.id, but=session.id)


def _require_proved(session: Session) -> None:
    if not session.proved_recently:
        raise ConfirmationRequired("Confirm that it is you before you change this.")
