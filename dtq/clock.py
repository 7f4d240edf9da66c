"""The time that all hosts of an installation agree on."""

from __future__ import annotations

from datetime import datetime, timezone

from dtq import _program


def utcnow() -> datetime:
    """Return the time, aware UTC: in a worker the database's, elsewhere this host's.

    from dtq import utcnow

    age_s = (utcnow() - modified_at).total_seconds()
    """
    return _program.clock() if _program.clock else datetime.now(timezone.utc)
