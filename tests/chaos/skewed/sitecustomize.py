"""Loaded by each interpreter whose PYTHONPATH names this folder: its wall clock is off by CHAOS_CLOCK s.

The monotonic clock goes on as it is, as on a host whose clock is set wrongly.
"""

from __future__ import annotations

import datetime
import os
import time

_OFF = float(os.environ.get("CHAOS_CLOCK", "0"))
_real, _time = datetime.datetime, time.time


class _AnyDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)


class _Skewed(_real, metaclass=_AnyDatetime):
    """`datetime.datetime`, of which only `now` and its like are wrong."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return _real.now(tz) + datetime.timedelta(seconds=_OFF)

    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return _real.utcnow() + datetime.timedelta(seconds=_OFF)


if _OFF:
    datetime.datetime = _Skewed
    time.time = lambda: _time() + _OFF
