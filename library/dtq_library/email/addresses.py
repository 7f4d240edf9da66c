"""E-mail addresses: by syntax only. Whether somebody is there, the mail server says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dtq import Fail

MOST = 50
_LOCAL_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.)*(?:local|localhost)", re.IGNORECASE)


def addresses(given: Iterable[str], what: str) -> list[str]:
    """Addresses as the envelope has them, each once. Raises Fail naming the one that is none."""
    found = [_address(text.strip(), what) for text in given if text.strip()]
    return list(dict.fromkeys(found))


def require_few(recipients: list[str]) -> None:
    """Raises Fail for no recipient or too many."""
    if not recipients:
        raise Fail("There is no recipient: give at least one address.")
    if len(recipients) > MOST:
        raise Fail(
            f"At most {MOST} recipients can be given; there are {len(recipients)}. Use a mailing list."
        )


def _address(text: str, what: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    name, _, domain = text.rpartition("@")
    inside = _LOCAL_DOMAIN.fullmatch(domain) is not None
    try:
        # Public mail never goes to .local, and the library says so; mail inside a house may.
        found = validate_email(
            f"{name}@example.org" if inside else text, check_deliverability=False, strict=True
        )
    except EmailNotValidError as error:
        raise Fail(f"“{_shown(text)}” ({what}) is no e-mail address: {error}") from None
    if inside:
        return f"{found.local_part}@{domain.lower()}"
    return f"{found.local_part}@{found.ascii_domain}"


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:100])
