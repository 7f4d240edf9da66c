"""Passkeys (WebAuthn Level 3): sign in with a device that holds a private key and knows its person.

A device verifies its person itself, by PIN, finger or face, so a passkey is both factors at once. A challenge
works once and for five minutes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, Invalid, NotFound
from app.core.mongo import Document, Mongo
from app.core.people.users import User
from app.core.sign_in.challenges import Challenges
from app.core.tasks.task import one_line

CHALLENGE_FOR = timedelta(minutes=5)
MOST_PASSKEYS = 20
LONGEST_NAME = 80
LONGEST_ANSWER = 64 * 1024
NOT_ACCEPTED = "The passkey was not accepted. Try again, or sign in another way."


@dataclass(frozen=True)
class Site:
    """Where browsers reach this server: ``host`` without port names the passkeys' party, ``origin`` has all.

    Browsers allow no IP address as a host here, but `localhost`.
    """

    host: str
    origin: str


@dataclass(frozen=True)
class Passkey:
    """A passkey as MongoDB holds it; ``id`` is that of the credential, in base64url."""

    id: str
    user: str
    name: str
    created_at: datetime
    public_key: bytes
    sign_count: int
    used_at: datetime | None = None


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_name,
    "user": stored.is_name,
    "name": stored.is_name,
    "created_at": stored.is_time,
    "public_key": lambda value: isinstance(value, bytes),
    "sign_count": stored.is_size,
}
_OPTIONAL: dict[str, stored.Check] = {"used_at": stored.maybe(stored.is_time)}


def _passkey(document: Document) -> Passkey:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    return Passkey(id=values.pop("_id"), **values)


class Passkeys:
    """The collection `passkeys`, and the challenges that they answer."""

    def __init__(self, db: Mongo) -> None:
        self._passkeys = db.passkeys
        self._challenges = Challenges(db, "passkey", CHALLENGE_FOR)

    def of_user(self, user_id: str) -> list[Passkey]:
        """Return the passkeys of a user, the oldest first."""
        found = self._passkeys.find({"user": user_id}).limit(MOST_PASSKEYS)
        return sorted(stored.readable("passkey", _passkey, found), key=lambda passkey: passkey.created_at)

    def registration(self, user: User, site: Site) -> dict[str, Any]:
        """Return the options with which a browser makes a passkey. Raises Conflict at the most."""
        known = self.of_user(user.id)
        if len(known) >= MOST_PASSKEYS:
            raise Conflict(f"You have {MOST_PASSKEYS} passkeys, the most allowed. Remove one first.")
        options = generate_registration_options(
            rp_id=site.host,
            rp_name="Task Queue",
            user_id=user.id.encode(),
            user_name=user.name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(key.id)) for key in known],
        )
        self._keep(options.challenge, user.id)
        return dict(json.loads(options_to_json(options)))

    def register(self, user: User, site: Site, answer: str, name: str) -> Passkey:
        """Add the passkey that a browser made. Raises Invalid for an answer that does not prove it."""
        credential = _credential(answer)
        challenge = self._take(_challenge_of(credential), user.id)
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Invalid(NOT_ACCEPTED) from error
        passkey = Passkey(
            id=bytes_to_base64url(verified.credential_id),
            user=user.id,
            name=one_line(name)[:LONGEST_NAME] or "Passkey",
            created_at=utcnow(),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
        )
        try:
            self._passkeys.insert_one(
                {
                    "_id": passkey.id,
                    "user": passkey.user,
                    "name": passkey.name,
                    "created_at": passkey.created_at,
                    "public_key": passkey.public_key,
                    "sign_count": passkey.sign_count,
                }
            )
        except DuplicateKeyError:
            raise Conflict("This passkey is registered already.") from None
        return passkey

    def authentication(self, site: Site) -> dict[str, Any]:
        """Return the options with which a browser asks for any passkey of this site."""
        options = generate_authentication_options(
            rp_id=site.host, user_verification=UserVerificationRequirement.REQUIRED
        )
        self._keep(options.challenge, "")
        return dict(json.loads(options_to_json(options)))

    def authenticate(self, site: Site, answer: str) -> Passkey:
        """Return the passkey that an answer proves. Raises Invalid.

        A counter that does not grow means a copied device (WebAuthn, 6.1.1); it is refused.
        """
        credential = _credential(answer)
        challenge = self._take(_challenge_of(credential), "")
        document = self._passkeys.find_one({"_id": str(credential.get("id", ""))[:2_000]})
        passkey = next(stored.readable("passkey", _passkey, [document] if document else []), None)
        if passkey is None:
            raise Invalid(NOT_ACCEPTED)
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Invalid(NOT_ACCEPTED) from error
        used = {"sign_count": verified.new_sign_count, "used_at": utcnow()}
        guard = {"_id": passkey.id, "sign_count": passkey.sign_count}
        if not self._passkeys.update_one(guard, {"$set": used}).matched_count:
            raise Invalid(NOT_ACCEPTED)
        return passkey

    def remove(self, passkey_id: str, user_id: str) -> Document:
        """Remove a passkey; returns it for `restore`. Raises NotFound."""
        found = self._passkeys.find_one_and_delete({"_id": passkey_id, "user": user_id})
        if found is None:
            raise NotFound("There is no such passkey.")
        return found

    def restore(self, passkey: Document) -> None:
        """Take back that a passkey was removed."""
        self._passkeys.insert_one(passkey)

    def remove_all(self, user_id: str) -> None:
        """Remove every passkey of a user."""
        self._passkeys.delete_many({"user": user_id})

    def _keep(self, challenge: bytes, user_id: str) -> None:
        self._challenges.keep(bytes_to_base64url(challenge), user=user_id)

    def _take(self, challenge: str, user_id: str) -> bytes:
        """Return a challenge of ours and end it. Raises Invalid for any other."""
        if self._challenges.take(challenge, user=user_id) is None:
            raise Invalid("The time to answer is over. Try again.")
        return base64url_to_bytes(challenge)


def _credential(answer: str) -> dict[str, Any]:
    """Return the answer of a browser as JSON. Raises Invalid."""
    try:
        credential = json.loads(answer) if len(answer) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        credential = None
    if not isinstance(credential, dict):
        raise Invalid(NOT_ACCEPTED)
    return credential


def _challenge_of(credential: dict[str, Any]) -> str:
    """Return the challenge that an answer names; the library compares it with what was signed."""
    try:
        client_data = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return str(client_data["challenge"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Invalid(NOT_ACCEPTED) from None
