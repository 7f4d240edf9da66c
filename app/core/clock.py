"""The one clock: aware UTC in milliseconds, which is what MongoDB keeps.

Hosts disagree about the time, so each process measures how far it is from the database once in a
while (:func:`synchronise`) and every time it writes is the database's.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo.database import Database

_offset = timedelta(0)


def utcnow() -> datetime:
    """The database's time as this process knows it, aware UTC, whole milliseconds."""
    now = datetime.now(timezone.utc) + _offset
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def synchronise(db: Database[dict[str, Any]]) -> timedelta:
    """Measure the offset to the database's clock and keep it; returns it.

    The half of the round trip is taken off, as in Cristian's algorithm (1989). An offset below
    50 ms is within the measurement and counts as none.
    """
    global _offset
    before = datetime.now(timezone.utc)
    theirs = db.client.admin.command("hello").get("localTime")
    after = datetime.now(timezone.utc)
    if isinstance(theirs, datetime):
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=timezone.utc)
        found = theirs - (before + (after - before) / 2)
        _offset = found if abs(found) > timedelta(milliseconds=50) else timedelta(0)
    return _offset
