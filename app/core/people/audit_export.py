"""What an entry of the audit is in a file (`app.core.listing.export`)."""

from __future__ import annotations

from typing import Any

from app.core.people.audit import Entry

FIELDS = (
    "time", "event", "outcome", "person", "person_id", "target", "address", "via", "request_id", "reason",
    "before", "after",
)  # fmt: skip


def values_of(entry: Entry) -> dict[str, Any]:
    """Return the values of the `FIELDS`."""
    return {
        "time": entry.at.isoformat(timespec="milliseconds"),
        "event": entry.event,
        "outcome": entry.outcome.value,
        "person": entry.name,
        "person_id": entry.who,
        "target": entry.target,
        "address": entry.address,
        "via": entry.via,
        "request_id": entry.request,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
    }
