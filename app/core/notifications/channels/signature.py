"""Signatures of webhooks, as the Standard Webhooks specification 1.0.0 has them (symmetric, `v1`).

By hand because it is one HMAC; tests verify it with the public library `standardwebhooks`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret of 256 random bits as receivers enter it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(secret: str, message_id: str, at: int, body: bytes) -> str:
    """Return the signature of a body; ``at`` is the time of sending in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = b".".join((message_id.encode(), str(at).encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


def headers(keys: Iterable[str], message_id: str, at: datetime, body: bytes) -> list[tuple[str, str]]:
    """Return the three headers; with several secrets, as after a rotation, one signature per secret."""
    stamp = int(at.timestamp())
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(stamp)),
        ("webhook-signature", " ".join(signed(key, message_id, stamp, body) for key in keys)),
    ]
