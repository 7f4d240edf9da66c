"""The one clock: aware UTC in milliseconds, which is what MongoDB keeps.

Hosts disagree about the time, and their clocks are set while they run. So the time is the database server's:
each process measures it now and then (:func:`synchronise`) and counts on by a clock that nobody sets. Setting
a host's own clock changes nothing here. Until the first measurement there is only the host's.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo.database import Database

EVERY_S = 30.0
DRIFT = 1e-3
"""How fast two clocks that nobody sets run apart at most: each may be slewed by 500 ppm (adjtimex)."""
RESOLUTION_S = 0.001
"""A server tells its time in whole milliseconds."""
WORTH_SAYING_S = 1.0

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)

log = logging.getLogger("app.core.clock")


@dataclass(frozen=True)
class Reading:
    """The database's time ``at`` a moment of the steady clock, right to within ``error_s``."""

    at: datetime
    steady_s: float
    error_s: float

    def at_moment(self, steady_s: float) -> datetime:
        """Return the database's time at another moment."""
        return self.at + timedelta(seconds=steady_s - self.steady_s)

    def error_at(self, steady_s: float) -> float:
        """Return how far that may be off, in seconds."""
        return self.error_s + DRIFT * abs(steady_s - self.steady_s)


_reading: Reading | None = None
_told_of_none = False


def steady() -> float:
    """Return seconds of a clock that nobody sets and that, on Linux, goes on while the host sleeps."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def known() -> bool:
    """Return whether the database's time is known; else the time is this host's."""
    return _reading is not None


def _wall() -> datetime:
    return datetime.now(timezone.utc)


def utcnow() -> datetime:
    """The database's time as this process knows it, aware UTC, whole milliseconds."""
    now = _reading.at_moment(steady()) if _reading else _wall()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def require(db: Database[dict[str, Any]]) -> None:
    """Measure the database's time unless it is known, before it decides anything. Raises PyMongoError."""
    if not known():
        synchronise(db)


def synchronise(db: Database[dict[str, Any]]) -> timedelta:
    """Measure the database's time; return by how much its clock was set since the last time, mostly zero.

    The half of the round trip is taken off, as in Cristian's algorithm (1989), and is the error of the
    reading: of two readings that agree the better one stays, and one that cannot be true any more means that
    the clock was set, or that another server answers. Raises PyMongoError.
    """
    global _reading, _told_of_none
    began = steady()
    told = db.client.admin.command("hello").get("localTime")
    ended = steady()
    if not isinstance(told, datetime):
        if _reading is None and not _told_of_none:
            log.warning("The database does not tell its time: the time of this host is used.")
            _told_of_none = True
        return timedelta(0)
    theirs = told if told.tzinfo else told.replace(tzinfo=timezone.utc)
    found = Reading(theirs, (began + ended) / 2, (ended - began) * (0.5 + DRIFT) + RESOLUTION_S)
    before, (_reading, moved) = _reading, judged(_reading, found)
    if before is None:
        _say_how_wrong_this_host_is()
    elif abs(moved).total_seconds() > WORTH_SAYING_S:
        log.warning(
            "The database's clock was set by %+.1f s, or another server answers: its time is used now.",
            moved.total_seconds(),
        )
    return moved


def judged(known: Reading | None, found: Reading) -> tuple[Reading, timedelta]:
    """Return the reading to go by, and by how much the clock was set between the two."""
    if known is None:
        return found, timedelta(0)
    off = found.at - known.at_moment(found.steady_s)
    error_s = known.error_at(found.steady_s)
    if abs(off).total_seconds() > found.error_s + error_s:
        return found, off
    return (found if found.error_s <= error_s else known), timedelta(0)


def _say_how_wrong_this_host_is() -> None:
    off_s = (_wall() - utcnow()).total_seconds()
    if abs(off_s) > WORTH_SAYING_S:
        log.warning(
            "The clock of this host is off by %+.1f s: from now on the time is the database's.", off_s
        )
