"""Second factors and passkeys over one database; apart, because their libraries take time to import."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.mongo import Mongo
from app.core.secrets.vault import Vault
from app.core.sign_in.passkeys import Passkeys
from app.core.sign_in.second_factor import SecondFactors
from config import Settings


@dataclass(frozen=True)
class Factors:
    """What proves who somebody is, besides a password."""

    second_factors: SecondFactors
    passkeys: Passkeys

    @classmethod
    def of(cls, db: Mongo, settings: Settings) -> Factors:
        """Secrets of authenticator apps are sealed under the key of sessions, which workers do not have."""
        vault = Vault((settings.secret_key, *settings.secret_key_fallbacks))
        return cls(SecondFactors(db, vault), Passkeys(db))
