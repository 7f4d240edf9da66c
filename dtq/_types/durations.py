"""Durations as they are stored: ISO 8601 in days, hours, minutes and seconds, exact to the microsecond."""

from __future__ import annotations

from datetime import timedelta


def store(value: timedelta) -> str:
    """ISO 8601 in days, hours, minutes and seconds: `P1DT2H`, `-PT0.5S`."""
    days, hours, minutes, seconds = parts(value)
    date = f"{days}D" if days else ""
    time = "".join(f"{part}{unit}" for part, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if part)
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}P{date}{'T' + time if time else ''}" if value else "PT0S"


def parts(value: timedelta) -> tuple[int, int, int, int | str]:
    """Days, hours, minutes and seconds of its size; the seconds with their fraction."""
    size = abs(value)
    minutes, seconds = divmod(size.seconds, 60)
    fraction = f".{size.microseconds:06}".rstrip("0") if size.microseconds else ""
    return size.days, minutes // 60, minutes % 60, f"{seconds}{fraction}" if fraction else seconds
