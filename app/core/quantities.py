"""Sizes, durations, numbers and relative times in words, for pages, commands and logs.

Written by hand because no library has these words: humanize says "3 minutes and 20 seconds", "4.2 MiB" and
"1203rd"; Babel knows no sizes of files, and one unit per duration.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from app.core.clock import utcnow

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
PAST, FUTURE, NOW, SOON, SINCE = "{} ago", "in {}", "just now", "in a moment", "since {}"
ROUGHLY = ((10, 1), (60, 5), (600, 60), (3_600, 300), (172_800, 3_600), (1e12, 86_400))


def duration(value: float | timedelta | None) -> str:
    """Seconds in at most two units: `340 ms`, `2.5 s`, `42 s`, `3 min 20 s`, `2 d 4 h`."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not isfinite(seconds):
        return "–"
    if seconds < 1:
        return f"{max(round(seconds * 1000), 0)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    left = int(round(seconds))
    for index, (unit, size) in enumerate(UNITS):
        if left >= size:
            whole, rest = divmod(left, size)
            lower = UNITS[index + 1] if index + 1 < len(UNITS) else None
            part = rest // lower[1] if lower else 0
            return f"{whole} {unit} {part} {lower[0]}" if lower and part else f"{whole} {unit}"
    return "0 s"


def about(seconds: float) -> str:
    """A guess, as exact as guesses are: `about 4 s`, `about 20 s`, `about 3 min`, `about 2 h`."""
    for below, step in ROUGHLY:
        rounded = max(1, round(seconds / step)) * step
        if rounded < below:
            break
    unit, length = next((name, length) for name, length in UNITS if rounded >= length)
    return f"about {rounded // length:,} {unit}"


def ordinal(place: int) -> str:
    """`1st`, `2nd`, `11th`, `1,203rd`."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def relative(moment: datetime, now: datetime | None = None) -> str:
    """`just now`, `3 min ago`, `in 2 h`. The script of the pages counts on in the same words."""
    seconds = ((now or utcnow()) - moment).total_seconds()
    size = abs(seconds)
    if size < 5:
        return NOW if seconds >= 0 else SOON
    unit, length = next((name, length) for name, length in UNITS if size >= length)
    text = f"{int(size // length)} {unit}"
    return (PAST if seconds > 0 else FUTURE).format(text)


def size(count: int) -> str:
    """Bytes in units of 1,024: `812 bytes`, `4.2 MB`."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1024
        if amount < 1024 or unit == "TB":
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def number(value: Any) -> str:
    """A number with separators, never in powers of ten below 1e15; anything else as it is.

    Fractions have six digits, and two decimals where that is more.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if not isinstance(value, float) or not abs(value) < 1e15:
        return str(value)
    if value.is_integer():
        return f"{value + 0.0:,.0f}"  # Adding zero makes -0.0 zero.
    return f"{value:,.6g}" if abs(value) < 10_000 else f"{value:,.2f}".rstrip("0").rstrip(".")


def rate(value: float) -> str:
    """How many a second, in three digits or whole: `0.25`, `12.3`, `1,234,567`."""
    return f"{value:.3g}" if value < 100 else number(float(round(value)))


def plural(count: int, word: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
