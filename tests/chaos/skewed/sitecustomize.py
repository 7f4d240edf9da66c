"""Loaded by each interpreter whose PYTHONPATH names this folder: its wall clock is off by so many seconds.

They stand in CHAOS_CLOCK, or in the file that CHAOS_CLOCK_FILE names, which is read each time: to write there
is to set the clock of a host that runs. The monotonic clock goes on as it is, as on such a host.
"""

from __future__ import annotations

import datetime
import os
import time

_FIXED, _FILE = os.environ.get("CHAOS_CLOCK", ""), os.environ.get("CHAOS_CLOCK_FILE", "")
_real, _time = datetime.datetime, time.time


def _off() -> float:
    if not _FILE:
        return float(_FIXED or 0)
    with open(_FILE, encoding="ascii") as file:
        return float(file.read() or 0)


class _AnyDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)


class _Skewed(_real, metaclass=_AnyDatetime):
    """`datetime.datetime`, of which only `now` and its like are wrong."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return _real.now(tz) + datetime.timedelta(seconds=_off())

    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return _real.utcnow() + datetime.timedelta(seconds=_off())


if _FIXED or _FILE:
    datetime.datetime = _Skewed
    time.time = lambda: _time() + _off()
