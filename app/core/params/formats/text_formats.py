"""Kinds of values that are stored as text: decimals, dates, times, moments, durations, addresses.

For each of them how a typed text is read, how it is kept, and how it is written again. `parsers` has the
readers of every kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from email_validator import EmailNotValidError, validate_email
from pydantic_core import Url, ValidationError

from app.core.params.formats import datetimes, durations

DECIMAL = "Enter a decimal number, such as 12.50."
EMAIL = "Enter an e-mail address, such as ada@example.com."
URL = "Enter a complete URL, such as https://example.com/page."
MOST_EMAIL = 2048
MOST_URL = 8192
SCRIPTS = ("javascript", "vbscript", "data")


@dataclass(frozen=True)
class Written:
    """``read`` is for what a person typed, ``load`` for what is kept; both raise ValueError with a sentence.

    ``write`` gives a text that ``read`` understands. ``later`` says that such values are points in time.
    """

    noun: str
    expected: str
    read: Callable[[str], Any]
    store: Callable[[Any], str]
    load: Callable[[str], Any]
    write: Callable[[Any], str]
    later: bool = False


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


WRITTEN = {
    "decimal": Written("A number", DECIMAL, decimal, plain, decimal, plain),
    "date": Written(
        "A date",
        datetimes.DATE,
        datetimes.read_date,
        date.isoformat,
        datetimes.read_date,
        date.isoformat,
        True,
    ),
    "time": Written(
        "A time",
        datetimes.TIME,
        datetimes.read_time,
        time.isoformat,
        datetimes.read_time,
        datetimes.write_time,
        True,
    ),
    "datetime": Written(
        "A date and time",
        datetimes.MOMENT,
        datetimes.read_moment,
        datetime.isoformat,
        datetimes.load_moment,
        datetimes.write_moment,
        True,
    ),
    "duration": Written(
        "A duration",
        durations.EXPECTED,
        durations.read,
        durations.store,
        durations.load,
        durations.written,
    ),
    "email": Written("An e-mail address", EMAIL, email, str, email, str),
    "url": Written("An address", URL, url, str, url, str),
}
FORMATS = {
    **{kind: kind for kind in ("decimal", "date", "time", "duration", "email")},
    "date-time": "datetime",
    "uri": "url",
}


def rewritten(kind: str, value: Any) -> str | None:
    """A kept value as a person writes it; None where this kind is not written so, or the value is no such."""
    if kind not in WRITTEN or not isinstance(value, str):
        return None
    try:
        return WRITTEN[kind].write(WRITTEN[kind].load(value))
    except ValueError:
        return None
