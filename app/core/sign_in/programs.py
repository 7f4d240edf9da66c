"""Programs that act for a person: their tokens are created, used and revoked here, with entries of the audit.

Wrong tokens are counted per address. Nobody can guess among 2**256, so this saves work and keeps the audit
short; a right token is never refused for wrong ones that came from the same address.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from app.core.errors import TokenRefused, TooManyTries
from app.core.mongo import Document
from app.core.people.api_tokens import ApiToken
from app.core.people.audit import Event, Outcome
from app.core.people.people import People
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.people.quotas import Rates
from app.core.people.roles import Permission
from app.core.sign_in.throttle import network
from setting_values import Rate

AUDITED_S = 3_600
"""How often wrong tokens of one address are recorded, at most."""


@dataclass(frozen=True)
class Programs:
    """``most`` is how many wrong tokens an address may send."""

    people: People
    rates: Rates
    most: Rate

    def person(self, text: str, origin: Origin) -> Person:
        """Return the owner of a token, with the rights of the token. Raises TokenRefused, TooManyTries."""
        token = self.people.tokens.find(text, origin.address)
        owner = self.people.users.read(token.user_document) if token else None
        if token is None or owner is None or not owner.enabled:
            who = self.people.users.person(owner) if owner else ANONYMOUS
            raise self._refused(who, token.id if token else "", origin)
        return token.of(self.people.users.person(owner))

    def _refused(self, who: Person, target: str, origin: Origin) -> TokenRefused | TooManyTries:
        address = network(origin.address)
        wait_s = self.rates.hit("wrong-tokens", address, self.most.count, self.most.seconds)
        if self.rates.hit("wrong-tokens-audited", address, 1, AUDITED_S) == 0:
            self.people.audit.record(
                who, origin, Event.SIGN_IN, target, outcome=Outcome.FAILED, reason="token"
            )
        return TooManyTries(wait_s) if wait_s else TokenRefused()

    def create_token(
        self,
        owner: Person,
        name: str,
        life: timedelta,
        permissions: Collection[Permission] | None,
        types: Collection[str] | None,
        origin: Origin,
    ) -> tuple[ApiToken, str]:
        """Create a token; returns it and its text, which is stored nowhere. Raises Invalid, Conflict."""
        token, text = self.people.tokens.create(owner, name, life, permissions, types)
        self.people.audit.record(owner, origin, Event.TOKEN_CREATE, token.id, after=_described(token))
        return token, text

    def revoke_token(self, token_id: str, by: Person, origin: Origin, owner: str | None = None) -> ApiToken:
        """End a token, of this owner where one is given. Raises NotFound."""
        token = self.people.tokens.revoke(token_id, owner)
        self.people.audit.record(by, origin, Event.TOKEN_REVOKE, token.id, before=_described(token))
        return token


def _described(token: ApiToken) -> Document:
    """Return what the audit keeps of a token; an empty list stands for all."""
    return {
        "name": token.name,
        "owner": token.user,
        "permissions": [permission.value for permission in token.permissions or ()],
        "types": list(token.types or ()),
        "expires_at": token.expires_at,
    }
