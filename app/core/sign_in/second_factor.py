"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

A code works once: the time step of the last one is stored and only grows, so of several who send the same
code, one gets in. The shared secret is sealed under a key that only the web server has; recovery codes are
80 random bits, of which MongoDB holds hashes.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

import pyotp

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, Invalid
from app.core.mongo import Document, Mongo
from app.core.people.random_tokens import hashed
from app.core.people.users import User
from app.core.secrets.vault import CannotOpen, Vault

ISSUER = "Task Queue"
STEP_S = 30
SKEW = 1
"""Steps before and after the current one whose codes are accepted, because clocks of phones differ."""
PENDING_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
_CODE = re.compile(r"[0-9]{6}\Z")
WRONG_CODE = "Enter the 6 digits that the app shows now."


@dataclass(frozen=True)
class Enrollment:
    """What a person puts into the app: the secret as text, and an address that a QR code holds."""

    secret: str
    uri: str


class SecondFactors:
    """Second factors of users, in their documents: `totp`, `totp_pending` and `recovery_codes`."""

    def __init__(self, db: Mongo, vault: Vault) -> None:
        self._users = db.users
        self._vault = vault

    def active(self, user_id: str) -> bool:
        """Return whether a user signs in with a second factor, also where what is stored of it is damaged."""
        return self._users.find_one({"_id": user_id, "totp": {"$exists": True}}, {"_id": 1}) is not None

    def codes_left(self, user_id: str) -> int:
        """Return how many recovery codes a user has."""
        found = self._users.find_one({"_id": user_id}, {"recovery_codes": 1}) or {}
        codes = found.get("recovery_codes", [])
        return len(codes) if isinstance(codes, list) else 0

    def enroll(self, user: User) -> Enrollment:
        """Begin: a fresh secret, which is in force once :meth:`confirm` gets a code of it.

        Raises CannotOpen where the server has no key.
        """
        secret = pyotp.random_base32()
        sealed = self._vault.seal(secret, _place(user.id))
        self._users.update_one({"_id": user.id}, {"$set": {"totp_pending": sealed}})
        return _enrollment(secret, user)

    def pending(self, user: User) -> Enrollment | None:
        """Return what was begun and not confirmed yet, while there is time."""
        found = self._users.find_one({"_id": user.id}, {"totp_pending": 1}) or {}
        try:
            secret = self._vault.open(str(found.get("totp_pending", "")), _place(user.id), PENDING_FOR)
        except CannotOpen:
            return None
        return _enrollment(secret, user)

    def confirm(self, user: User, code: str) -> list[str]:
        """Put the secret that was begun in force; returns fresh recovery codes, which are stored nowhere.

        Raises Invalid for a wrong code, Conflict where nothing was begun or the time for it is over.
        """
        begun = self.pending(user)
        if begun is None:
            raise Conflict("The time to set up the app is over. Start again.")
        step = _step_of(begun.secret, code)
        if step is None:
            raise Invalid("Check the code.", {"code": WRONG_CODE})
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        totp = {
            "secret": self._vault.seal(begun.secret, _place(user.id)),
            "last_step": step,
            "set_at": utcnow(),
        }
        values = {"totp": totp, "recovery_codes": [hashed(_plain(code)) for code in codes]}
        self._users.update_one({"_id": user.id}, {"$set": values, "$unset": {"totp_pending": ""}})
        return codes

    def verify(self, user_id: str, code: str) -> bool:
        """Return whether a code of the app is right, and was not used before.

        Raises CannotOpen where the secret cannot be read: nobody gets in by that.
        """
        totp = (self._users.find_one({"_id": user_id}, {"totp": 1}) or {}).get("totp")
        if not isinstance(totp, dict) or not stored.is_count(totp.get("last_step")):
            return False
        step = _step_of(self._vault.open(str(totp.get("secret", "")), _place(user_id)), code)
        if step is None:
            return False
        unused: Document = {"_id": user_id, "totp.secret": totp["secret"], "totp.last_step": {"$lt": step}}
        return self._users.update_one(unused, {"$set": {"totp.last_step": step}}).modified_count == 1

    def use_recovery_code(self, user_id: str, code: str) -> bool:
        """Return whether a recovery code is right; it does not work again."""
        code_hash = hashed(_plain(code))
        used = self._users.update_one(
            {"_id": user_id, "recovery_codes": code_hash}, {"$pull": {"recovery_codes": code_hash}}
        )
        return used.modified_count == 1

    def fresh_codes(self, user_id: str) -> list[str]:
        """Replace the recovery codes. Raises Conflict without a second factor."""
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        changed = self._users.update_one(
            {"_id": user_id, "totp": {"$exists": True}},
            {"$set": {"recovery_codes": [hashed(_plain(code)) for code in codes]}},
        )
        if not changed.matched_count:
            raise Conflict("There is no second factor. Set up an authenticator app first.")
        return codes

    def remove(self, user_id: str) -> bool:
        """Remove a user's second factor and recovery codes; returns whether there was one."""
        gone = {"totp": "", "totp_pending": "", "recovery_codes": ""}
        had = self._users.update_one({"_id": user_id, "totp": {"$exists": True}}, {"$unset": gone})
        return had.modified_count == 1


def _place(user_id: str) -> str:
    return f"totp:{user_id}"


def _enrollment(secret: str, user: User) -> Enrollment:
    return Enrollment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER))


def _step_of(secret: str, code: str) -> int | None:
    """Return the time step whose code this is, among those that are accepted now."""
    code = code.replace(" ", "")
    if not _CODE.match(code):
        return None
    totp, now = pyotp.TOTP(secret), int(utcnow().timestamp()) // STEP_S
    return next(
        (
            step
            for step in range(now - SKEW, now + SKEW + 1)
            if secrets.compare_digest(totp.generate_otp(step), code)
        ),
        None,
    )


def _recovery_code() -> str:
    """Return 80 random bits as four groups of four letters and digits."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _plain(code: str) -> str:
    """Return a recovery code as it is hashed, however it was typed."""
    return re.sub(r"[\s-]", "", code).lower()[:64]
