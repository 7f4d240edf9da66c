"""Single sign-on: an identity provider or a reverse proxy signs people in, and they are users here by that.

Their role and groups are what the others say, each time. Every entry of the audit about it is written here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.core.errors import Forbidden, TaskQueueError, Unavailable
from app.core.people.audit import Event, Outcome
from app.core.people.names import usable_groups
from app.core.people.people import People
from app.core.people.person import ANONYMOUS, Origin
from app.core.people.random_tokens import new_token
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.sign_in.sign_in import Proof
from app.core.sign_in.throttle import Throttle
from app.core.single_sign_on.openid import NoRole, OpenID, Over, Refused
from app.core.single_sign_on.providers import Provider, SignOut

DISABLED = "Your account here is disabled. Ask your administrator."
FACTOR = "oidc"
KIND = "single sign-on"

log = logging.getLogger("app.core.single_sign_on.single_sign_on")


class Disabled(Forbidden):
    """Another has said who somebody is, and an administrator here has disabled the user."""

    title = "Not signed in"


REASONS: Mapping[type[TaskQueueError], str] = {
    Over: "state",
    Refused: "provider",
    NoRole: "no_role",
    Disabled: "disabled",
    Unavailable: "away",
}
"""The codes of failures in the audit."""


@dataclass(frozen=True)
class ExternalUsers:
    """Users whom others sign in."""

    people: People

    def user(
        self, provider: str, subject: str, name: str, role: Role, groups: Iterable[str], origin: Origin
    ) -> User:
        """Return the user whom a provider knows as ``subject``, as the provider describes them now.

        Writes only where something has changed. Raises Disabled, NotFound for a damaged user.
        """
        kept = usable_groups(groups)
        before = self.people.users.by_identity(provider, subject)
        user = before
        if before is None or (before.role, before.groups) != (role, kept):
            user = self.people.users.external(provider, subject, name, role, kept)
            self._audit(before, user, origin)
        assert user is not None  # noqa: S101 - one of the two
        if not user.enabled:
            raise Disabled(DISABLED)
        return user

    def _audit(self, before: User | None, user: User, origin: Origin) -> None:
        after = {"name": user.name, "role": user.role.value, "groups": list(user.groups)}
        who = self.people.users.person(user)
        if before is None:
            after["provider"] = user.provider
            self.people.audit.record(who, origin, Event.USER_ADD, user.id, after=after)
            return
        old = {"name": before.name, "role": before.role.value, "groups": list(before.groups)}
        self.people.audit.record(who, origin, Event.USER_CHANGE, user.id, before=old, after=after)


@dataclass(frozen=True)
class SignOutThere:
    """Where to sign out at a provider. ``state`` is what it sends back; empty where it does not lead back."""

    provider: Provider
    address: str
    state: str


@dataclass(frozen=True)
class SingleSignOn:
    """Sign-in with the identity providers of one installation."""

    people: People
    throttle: Throttle
    openid: OpenID

    @property
    def providers(self) -> Mapping[str, Provider]:
        return self.openid.providers

    def begin(self, provider: str, redirect_uri: str) -> tuple[str, str]:
        """Return where to send the browser, and the `state` that it has to keep. Raises Unavailable."""
        return self.openid.begin(provider, redirect_uri)

    def sign_out_there(self, user: User, signed_out_uri: Callable[[str], str]) -> SignOutThere | None:
        """Return where a user signs out at the provider that signed them in; None for nowhere.

        ``signed_out_uri`` makes the address that a provider of a name leads back to.
        """
        provider = self.providers.get(user.provider)
        if provider is None or provider.sign_out is SignOut.HERE:
            return None
        leads = provider.sign_out is SignOut.PROVIDER
        state = new_token() if leads else ""
        back = {"post_logout_redirect_uri": signed_out_uri(provider.name), "state": state} if leads else {}
        address = self.openid.end_address(provider.name, **back)
        return SignOutThere(provider, address, state) if address else None

    def finish(
        self, provider: str, redirect_uri: str, answer: Mapping[str, str], state: str, origin: Origin
    ) -> Proof:
        """Return who signed in. Raises Over, Refused, NoRole, Disabled, Unavailable, TooManyTries."""
        try:
            found = self.openid.finish(provider, redirect_uri, answer, state)
            user = ExternalUsers(self.people).user(
                provider, found.subject, found.name, found.role, found.groups, origin
            )
        except TaskQueueError as error:
            self._failed(provider, error, answer, origin)
            raise
        return Proof(user, (FACTOR,))

    def _failed(
        self, provider: str, error: TaskQueueError, answer: Mapping[str, str], origin: Origin
    ) -> None:
        """Write a failure down. Anybody may cause one, so each address may cause so many.

        Raises TooManyTries.
        """
        try:
            self.throttle.count_visit(KIND, origin.address)
        except Unavailable:  # Without Redis nothing is counted, and this is no reason to hide the failure.
            log.debug("A failed sign-in could not be counted.")
        reason = next((code for kind, code in REASONS.items() if isinstance(error, kind)), "user")
        said = answer.get("error", "")
        log.warning(
            "Sign-in with the identity provider %s failed: %s%s%s",
            provider,
            reason,
            f", {type(error.__cause__).__name__}" if error.__cause__ else "",
            f", it said {said}" if re.fullmatch(r"[\w.]{1,60}", said, re.ASCII) else "",
        )
        self.people.audit.record(
            ANONYMOUS, origin, Event.SIGN_IN, provider, outcome=Outcome.FAILED, reason=reason
        )
