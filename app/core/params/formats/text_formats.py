"""Decimals and addresses: a typed text checked and as it is stored."""

from __future__ import annotations

import re
from decimal import Decimal

from email_validator import EmailNotValidError, validate_email
from pydantic_core import Url, ValidationError

DECIMAL = "Enter a decimal number, such as 12.50."
EMAIL = "Enter an e-mail address, such as ada@example.com."
URL = "Enter a complete URL, such as https://example.com/page."
MOST_EMAIL = 2048
MOST_URL = 8192
SCRIPTS = ("javascript", "vbscript", "data")


def decimal(text: str) -> Decimal:
    """An exact number. Raises ValueError."""
    number = re.fullmatch(r"[+-]?([0-9]{1,200}\.?[0-9]{0,200}|\.[0-9]{1,200})(e[+-]?[0-9]{1,2})?", text, re.I)
    if number is None:
        raise ValueError(DECIMAL)
    return Decimal(text)


def plain(value: Decimal) -> str:
    """All its digits, without an exponent."""
    return format(value, "f")


def email(text: str) -> str:
    """The address, normalized; nothing is looked up. Raises ValueError."""
    try:
        if len(text) > MOST_EMAIL:
            raise EmailNotValidError("It is too long.")
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"{EMAIL} {error}") from None


def url(text: str) -> str:
    """The address as it was typed. Raises ValueError."""
    try:
        parsed = Url(text) if len(text) <= MOST_URL and not re.search(r"\s", text) else None
    except ValidationError:
        parsed = None
    if parsed is None or parsed.scheme in SCRIPTS:
        raise ValueError(URL)
    return text
