"""Dates, times of day and moments with a zone: as people write them and as they are kept (ISO 8601).

A moment is kept with its offset. A local time that a zone skips is refused, and one that comes twice has
to be given with its offset, so that nothing is guessed. With zoneinfo because what `whenever` would spare,
one comparison of two offsets, is shorter than the conversions to its types and back.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DATE = "Enter a date, such as 2026-12-31."
TIME = "Enter a time of day, such as 08:30."
MOMENT = "Enter a date and a time, such as 2026-12-31 08:30 Europe/Berlin."
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")
_MOMENT = re.compile(rf"({_DATE})[T ]\s*({_TIME})\s*([^0-9\s.:].*)?", re.IGNORECASE)
_KEPT = re.compile(rf"{_DATE}T{_TIME}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})")


# Dates and times of day


def read_date(text: str) -> date:
    """Raises ValueError."""
    if not re.fullmatch(_DATE, text):
        raise ValueError(DATE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no day {text}. {DATE}") from None


def read_time(text: str) -> time:
    """A time of day, without a zone. Raises ValueError."""
    if not re.fullmatch(_TIME, text):
        raise ValueError(TIME)
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no time {text}. {TIME}") from None


def write_time(value: time) -> str:
    """Without seconds where there are none."""
    return _short(value.isoformat())


def _short(text: str) -> str:
    if "." in text:
        return text.rstrip("0")
    return text.removesuffix(":00") if text.count(":") == 2 else text


# Moments


def read_moment(text: str) -> datetime:
    """A local date and time, and behind it an offset or the name of a zone, else UTC. Raises ValueError."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(MOMENT)
    local = datetime.combine(read_date(match[1]), read_time(match[2]))
    zone = (match[3] or "UTC").strip()
    return _plain(_placed(local, zone))


def load_moment(text: str) -> datetime:
    """A moment as it is kept, with its offset. Raises ValueError."""
    if not _KEPT.fullmatch(text):
        raise ValueError("Enter a moment with its offset, such as 2026-12-31T08:30:00+01:00.")
    return read_moment(text)


def write_moment(value: datetime) -> str:
    """`2026-12-31 08:30 +01:00`, which :func:`read_moment` understands."""
    local = value.replace(tzinfo=None)
    return f"{local.date()} {write_time(local.time())} {zone_of(value)}"


def zone_of(value: datetime) -> str:
    """The offset of a moment as a person writes it: `UTC`, `+01:00`."""
    return value.isoformat()[-6:] if value.utcoffset() else "UTC"


def moments_at(local: datetime, name: str) -> tuple[datetime, ...]:
    """Return the moments at which clocks of a zone show a local time: one, or two where it occurs twice.

    ``name`` is that of a zone, or an offset. Raises ValueError where clocks skip the time, and for an
    unknown zone.
    """
    zone = _fixed(name)
    if zone is not None:
        return (local.replace(tzinfo=zone),)
    first, second = (local.replace(tzinfo=_zone(name), fold=fold) for fold in (0, 1))
    before, after = first.utcoffset() or timedelta(0), second.utcoffset() or timedelta(0)
    if before < after:
        raise ValueError(f"{spoken(local)} does not exist in {name}: clocks go forward over it.")
    return (first, second) if before > after else (first,)


def _placed(local: datetime, name: str) -> datetime:
    """Return the only moment at which clocks of a zone show this time. Raises ValueError."""
    found = moments_at(local, name)
    if len(found) == 2:
        offsets = f"{zone_of(found[0])} for the first or {zone_of(found[1])} for the second"
        raise ValueError(f"{spoken(local)} occurs twice in {name}. Enter {offsets} as the zone.")
    return found[0]


def spoken(local: datetime) -> str:
    """Return a local time in the words of a sentence: `02:30 on 2026-03-29`."""
    return f"{write_time(local.time())} on {local.date()}"


def _fixed(name: str) -> tzinfo | None:
    if name.upper() in ("UTC", "Z", "GMT"):
        return timezone.utc
    match = _OFFSET.fullmatch(name)
    if match is None:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-ahead if match[1] == "-" else ahead)


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(_names()[name.lower()])
    except (KeyError, ZoneInfoNotFoundError):
        wrong = f"There is no time zone “{name[:40]}”."
        raise ValueError(f"{wrong} Give a name such as Europe/Berlin, or an offset such as +02:00.") from None


def _plain(moment: datetime) -> datetime:
    """With a fixed offset of whole minutes, as ISO 8601 has it; historic ones with seconds become UTC."""
    offset = moment.utcoffset() or timedelta(0)
    try:
        if offset % timedelta(minutes=1):
            return moment.astimezone(timezone.utc)
        moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("This moment is too far away.") from None
    return moment.replace(tzinfo=timezone(offset), fold=0)
