"""Durations as people write them and as they are kept: ISO 8601, exact to the microsecond."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from dtq.runtime import duration_parts
from dtq.runtime import store_duration as store

__all__ = ["EXPECTED", "UNITS", "load", "read", "store", "written"]

EXPECTED = "Enter a duration, such as 1h 30m, 2 days or 00:05:00."
UNITS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_NAMES = {
    **{name: unit for unit in UNITS for name in (unit, unit + "s")},
    **{"w": "week", "d": "day", "h": "hour", "hr": "hour", "hrs": "hour"},
    **{"m": "minute", "min": "minute", "mins": "minute", "s": "second", "sec": "second", "secs": "second"},
}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,12})?"
_PART = re.compile(rf"({_NUMBER})\s*([a-z]+)(?:\s*,\s*|\s+and\s+|\s*)", re.ASCII)
_CLOCK = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,6})?)")
_ISO = re.compile(
    rf"P(?=.)(?:({_NUMBER})W)?(?:({_NUMBER})D)?"
    rf"(?:T(?=.)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?"
)
_CALENDAR = re.compile(r"P[0-9.]+[YM]|[0-9]\s*(?:y|yr|year|month|mo)s?\b", re.IGNORECASE)


def read(text: str) -> timedelta:
    """What a person typed; a number alone is seconds. Raises ValueError."""
    if _CALENDAR.search(text):
        raise ValueError("Years and months differ in length. Please give weeks, days, hours or less.")
    sign, rest = (-1, text[1:].strip()) if text[:1] in ("-", "−") else (1, text)
    seconds = _iso(rest.upper()) or _clock(rest) or _number(rest) or _words(rest.lower())
    if seconds is None:
        raise ValueError(EXPECTED)
    return _exact(sign * seconds[0])


def load(text: str) -> timedelta:
    """A duration as it is kept. Raises ValueError for anything that is not ISO 8601."""
    seconds = _iso(text.removeprefix("-"))
    if seconds is None:
        raise ValueError("Enter a duration as ISO 8601, such as PT1H30M.")
    return _exact(-seconds[0] if text.startswith("-") else seconds[0])


def written(value: timedelta) -> str:
    """In words, which :func:`read` understands: `1 hour 30 minutes`."""
    names = ("day", "hour", "minute", "second")
    named = zip(duration_parts(value), names, strict=True)
    words = [f"{part} {name}{'' if str(part) == '1' else 's'}" for part, name in named if part]
    return ("-" if value < timedelta(0) else "") + " ".join(words) if words else "0 seconds"


def _exact(seconds: Fraction) -> timedelta:
    microseconds = seconds * 1_000_000
    if microseconds.denominator != 1:
        raise ValueError("A duration is exact to the microsecond: please give fewer digits.")
    if abs(seconds) >= 999_999_999 * 86_400:
        raise ValueError("This duration is too long.")
    return timedelta(microseconds=int(microseconds))


# Each returns the seconds as the only entry of a tuple, or None where the text is written otherwise.


def _iso(text: str) -> tuple[Fraction] | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    return (sum((Fraction(part or 0) * size for part, size in _sized(match)), Fraction(0)),)


def _sized(match: re.Match[str]) -> list[tuple[str | None, int]]:
    return list(zip(match.groups(), UNITS.values(), strict=True))


def _clock(text: str) -> tuple[Fraction] | None:
    match = _CLOCK.fullmatch(text)
    return (Fraction(match[1]) * 3600 + Fraction(match[2]) * 60 + Fraction(match[3]),) if match else None


def _number(text: str) -> tuple[Fraction] | None:
    return (Fraction(text),) if re.fullmatch(_NUMBER, text) else None


def _words(text: str) -> tuple[Fraction] | None:
    """`2 days, 1 h and 30 min`; each unit once."""
    total, at, used = Fraction(0), 0, set()
    while at < len(text):
        match = _PART.match(text, at)
        unit = _NAMES.get(match[2]) if match else None
        if match is None or unit is None or unit in used:
            return None
        used.add(unit)
        total, at = total + Fraction(match[1]) * UNITS[unit], match.end()
    return (total,) if used else None
