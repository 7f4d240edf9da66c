"""Random tokens of 256 bits that prove something: a session, a link, an API token.

Only a hash is stored, so that who reads the database cannot use it. SHA-256 without salt or stretching
suffices, because nobody can guess among 2**256 (OWASP ASVS 5.0, 11.4).
"""

from __future__ import annotations

import hashlib
import re
import secrets

BYTES = 32
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def new_token() -> str:
    """Return 43 characters that are safe in an address and a header."""
    return secrets.token_urlsafe(BYTES)


def is_token(text: str) -> bool:
    """Return whether a text has the shape of a token; anything else is not looked up."""
    return _SHAPE.match(text) is not None


def hashed(token: str) -> str:
    """Return what is stored in place of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
