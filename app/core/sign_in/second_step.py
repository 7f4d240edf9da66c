"""The second step of signing in, and passkeys, which need no second one.

Between the steps there is no session: MongoDB holds what was proved until now, for ten minutes, and the
browser a random token. A stolen password alone leads no further than this.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core import stored
from app.core.errors import Conflict, Forbidden, Invalid, QueueUnavailable
from app.core.mongo import Document, Mongo
from app.core.people.audit import Event, Outcome
from app.core.people.people import People
from app.core.people.person import ANONYMOUS, Origin
from app.core.people.random_tokens import hashed, is_token, new_token
from app.core.people.users import User
from app.core.secrets.vault import CannotOpen
from app.core.sign_in.challenges import Challenges
from app.core.sign_in.factors import Factors
from app.core.sign_in.passkeys import NOT_ACCEPTED, Site
from app.core.sign_in.second_factor import SecondFactors
from app.core.sign_in.sign_in import Proof
from app.core.sign_in.throttle import Attempt, Throttle

STEP_FOR = timedelta(minutes=10)
WRONG_CODE = (
    "This code is wrong, or was used before. Enter the code that the app shows now, or a recovery code."
)
UNREADABLE = (
    "The server cannot read the secret of your app, as its key has changed. Enter a recovery code, or ask an "
    "administrator to reset your account."
)
STEP_OVER = "The time to enter the code is over. Sign in again."
_APP_CODE = re.compile(r"[\d\s]+\Z")


_FIELDS = stored.shaped(
    {
        "_id": stored.is_name,
        "user": stored.is_name,
        "password": stored.is_name,
        "factors": stored.list_of(stored.is_name),
        "expires_at": stored.is_time,
    },
    {},
)


class WrongCode(Forbidden):
    """The code is wrong, or was used before; which of them is not said."""

    title = "Not signed in"


class StepOver(Conflict):
    """The second step has taken too long, was taken, or the user has changed meanwhile."""

    title = "Sign in again"


class CodeUnreadable(Conflict):
    """The secret of the app cannot be read, so no code of it can be checked."""

    title = "No code can be checked"


class PendingSteps:
    """What was proved so far."""

    def __init__(self, db: Mongo) -> None:
        self._steps = Challenges(db, "second step", STEP_FOR)

    def begin(self, proof: Proof) -> str:
        """Keep a proof; returns the token for the browser, which is stored nowhere."""
        token = new_token()
        self._steps.keep(token, user=proof.user.id, factors=list(proof.factors), password=_mark(proof.user))
        return token

    def find(self, token: str) -> Document | None:
        """Return what was kept, while there is time."""
        if not is_token(token):
            return None
        found = self._steps.find(token)
        return found if found and _FIELDS(found) else None

    def take(self, token: str) -> bool:
        """End a step; returns whether it was there, so of several who try at once, one gets it."""
        return self._steps.take(token) is not None


@dataclass(frozen=True)
class SecondStep:
    """Each method writes the audit before it returns."""

    people: People
    throttle: Throttle
    factors: Factors
    pending: PendingSteps

    def needed(self, user: User) -> bool:
        """Return whether a password is not enough for a user.

        Somebody who has set up an app always uses it. Passkeys alone are a choice, unless an administrator
        requires a second factor: then a password does not get past them.
        """
        if self.factors.second_factors.active(user.id):
            return True
        return user.second_factor_required and bool(self.factors.passkeys.of_user(user.id))

    def user(self, token: str) -> User:
        """Return whose step is pending. Raises StepOver."""
        return self._pending(token).user

    def by_code(self, token: str, code: str, origin: Origin, device: str = "") -> Proof:
        """Return the proof of both steps. ``device`` is the browser, where it is known for the user.

        Raises WrongCode, StepOver, CodeUnreadable, TooManyTries, Unavailable.
        """
        first = self._pending(token)
        user = first.user
        attempt = attempt_of(user, origin, device)
        self.throttle.count(attempt)
        factor = self._factor(user, code, origin)
        if factor is None:
            self._failed(user, origin, "code")
            raise WrongCode(WRONG_CODE)
        if not self.pending.take(token):
            raise StepOver(STEP_OVER)
        self.throttle.forget(attempt)
        return Proof(user, (*first.factors, factor))

    def _factor(self, user: User, code: str, origin: Origin) -> str | None:
        try:
            return code_factor(self.factors.second_factors, user.id, code)
        except CannotOpen:
            self._failed(user, origin, "key")
            raise CodeUnreadable(UNREADABLE) from None

    def _pending(self, token: str) -> Proof:
        found = self.pending.find(token)
        user = self.people.users.find(found["user"]) if found else None
        if found is None or user is None or not user.enabled or found["password"] != _mark(user):
            raise StepOver(STEP_OVER)
        return Proof(user, tuple(found["factors"]))

    # Passkeys

    def passkey_options(self, site: Site, origin: Origin) -> dict[str, Any]:
        """Return the options with which a browser asks for a passkey. Raises TooManyTries.

        A passkey cannot be guessed. Tries are counted so that nobody fills the database with challenges,
        and not while Redis is away.
        """
        with contextlib.suppress(QueueUnavailable):
            self.throttle.count_visit("passkey", origin.address)
        return self.factors.passkeys.authentication(site)

    def by_passkey(self, site: Site, answer: str, origin: Origin) -> Proof:
        """Sign in by a passkey, which is both factors at once. Raises Invalid."""
        try:
            user_id = self.factors.passkeys.authenticate(site, answer).user
        except Invalid:
            self._failed(None, origin, "passkey")
            raise
        user = self.people.users.find(user_id)
        if user is None or not user.enabled:
            self._failed(user, origin, "disabled")
            raise Invalid(NOT_ACCEPTED)
        return Proof(user, ("passkey",))

    def _failed(self, user: User | None, origin: Origin, reason: str) -> None:
        who = self.people.users.person(user) if user else ANONYMOUS
        self.people.audit.record(who, origin, Event.SIGN_IN, who.id, outcome=Outcome.FAILED, reason=reason)


def attempt_of(user: User, origin: Origin, device: str) -> Attempt:
    """Return whose tries of codes are counted: not among those of passwords, which a right one gives back."""
    return Attempt(f"code:{user.id}", origin.address, device)


def code_factor(factors: SecondFactors, user_id: str, code: str) -> str | None:
    """Return which factor a code proves, `totp` or `recovery`, and use it up; None for a wrong one.

    Raises CannotOpen.
    """
    if _APP_CODE.match(code):
        return "totp" if factors.verify(user_id, code) else None
    return "recovery" if factors.use_recovery_code(user_id, code) else None


def _mark(user: User) -> str:
    """Return what changes with the password, so that a new one ends what an old one began."""
    return hashed(user.password_hash or "")
