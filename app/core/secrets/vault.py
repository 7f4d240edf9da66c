"""Secrets at rest: sealed with AES-256-GCM, under a key made from SECRETS_KEY with HKDF.

A token is bound to the place it was made for, a task or a form of one person, and opens nowhere else. It
names its key, so that SECRETS_KEY can change: SECRETS_KEY_FALLBACKS has the former ones, which only open.
The length of a secret is hidden up to a step of 64 bytes. By hand because Fernet binds a token to no place
and hides no length; the cryptography is a library's.
"""

from __future__ import annotations

import base64
import functools
import json
import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.secrets.secret import SEALED, Secret, is_sealed, is_secret, replaced
from config import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "1"
NONCE = 12
STEP = 64
NO_KEY = (
    "No SECRETS_KEY is set here, so a secret can be neither kept nor read. An operator can set one, "
    "the same for the web server and every worker."
)
OTHER_KEY = (
    "A secret cannot be read: it was kept under another SECRETS_KEY. Create the task again and type it anew, "
    "or have an operator add the former key to SECRETS_KEY_FALLBACKS."
)
DAMAGED = "A secret cannot be read: what was kept of it is damaged or was moved here from elsewhere."
TOO_OLD = "A secret was kept for longer than it may be. Please type it again."


class CannotOpen(Invalid):
    """A secret that cannot be read; the message says why and what to do, and nothing of the secret."""

    title = "A secret cannot be read"


class TaskSecrets(Protocol):
    """Keeps the secrets of tasks: a `Vault`, or what has another process ask one."""

    def sealed(self, params: dict[str, Any], task_id: ObjectId) -> dict[str, Any]: ...

    def opened(self, params: Any, task_id: ObjectId) -> Any: ...


class Vault:
    """Seals with the first key, opens with any of them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(key for key in keys if key)

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        return cls((settings.secrets_key, *settings.secrets_key_fallbacks))

    @property
    def usable(self) -> bool:
        """Whether there is a key to seal with."""
        return bool(self._keys)

    @property
    def key_names(self) -> list[str]:
        """The names of the keys, by which tokens say what opens them; no key can be told from its name."""
        return [_cipher(key)[0] for key in self._keys]

    # The secrets of a task

    def sealed(self, params: dict[str, Any], task_id: ObjectId) -> dict[str, Any]:
        """Parameters as they are stored with that task. Raises CannotOpen where there is no key."""
        kept: dict[str, Any] = replaced(
            params, is_secret, lambda secret: {SEALED: self.seal_of_task(secret.reveal(), task_id)}
        )
        return kept

    def opened(self, params: Any, task_id: ObjectId) -> Any:
        """Parameters of that task, or one of them, as they were given. Raises CannotOpen."""
        return replaced(params, is_sealed, lambda sealed: Secret(self.open_of_task(sealed[SEALED], task_id)))

    def seal_of_task(self, text: str, task_id: ObjectId) -> str:
        """A token of that task. Raises CannotOpen."""
        return self.seal(text, f"task:{task_id}")

    def open_of_task(self, token: str, task_id: ObjectId) -> str:
        """The text of a token of that task. Raises CannotOpen."""
        return self.open(token, f"task:{task_id}")

    def sealed_again(self, token: str, task_id: ObjectId) -> str:
        """A token of that task under the current key. Raises CannotOpen."""
        return self.seal_of_task(self.open_of_task(token, task_id), task_id)

    def is_current(self, token: str) -> bool:
        """Whether a token is under the key that seals."""
        return token.split(".")[1] == self.key_names[0]

    def require_key(self) -> None:
        """Raises CannotOpen where there is no key to seal with."""
        if not self.usable:
            raise CannotOpen(NO_KEY)

    # One secret

    def seal(self, text: str, place: str) -> str:
        """A token that only the same place opens. Raises CannotOpen where there is no key."""
        self.require_key()
        name, cipher = _cipher(self._keys[0])
        plain = json.dumps([text, int(utcnow().timestamp())]).encode()
        padded = plain + b" " * (-len(plain) % STEP)
        nonce = os.urandom(NONCE)
        content = nonce + cipher.encrypt(nonce, padded, place.encode())
        return f"{VERSION}.{name}.{base64.urlsafe_b64encode(content).decode()}"

    def open(self, token: str, place: str, max_age: timedelta | None = None) -> str:
        """The text of a token. Raises CannotOpen."""
        from cryptography.exceptions import InvalidTag

        version, _, rest = token.partition(".")
        name, _, content = rest.partition(".")
        try:
            raw = base64.urlsafe_b64decode(content)
            plain = self._named(name).decrypt(raw[:NONCE], raw[NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen(DAMAGED) from None
        text, sealed_at = json.loads(plain)
        if version != VERSION:
            raise CannotOpen(DAMAGED)
        if max_age is not None and utcnow().timestamp() - sealed_at > max_age.total_seconds():
            raise CannotOpen(TOO_OLD)
        return str(text)

    def _named(self, name: str) -> AESGCM:
        if not self.usable:
            raise CannotOpen(NO_KEY)
        for key in self._keys:
            known, cipher = _cipher(key)
            if known == name:
                return cipher
        raise CannotOpen(OTHER_KEY)


@functools.lru_cache(maxsize=32)
def _cipher(key: str) -> tuple[str, AESGCM]:
    """The name of a key and the cipher under it. Imported late: most processes never need it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    made = HKDF(SHA256(), length=36, salt=None, info=b"distributed-task-queue secrets 1").derive(key.encode())
    return made[32:].hex(), AESGCM(made[:32])
