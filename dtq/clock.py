"""The time that all hosts of an installation agree on."""

from __future__ import annotations

from datetime import datetime, timezone

from dtq import _program


def utcnow() -> datetime:
    """Return the time, aware UTC.

        age_s = (utcnow() - modified_at).total_seconds()

    In a worker it is the database's, so that all hosts agree; elsewhere it is this host's.
    """
    return _program.clock() if _program.clock else datetime.now(timezone.utc)
