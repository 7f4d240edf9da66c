"""How a list looks: which columns it has, and how much room its rows take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.errors import BadQuery

COLUMNS = {
    "status": "Status",
    "priority": "Priority",
    "created": "Created",
    "started": "Started",
    "finished": "Finished",
    "queue_time": "Queue time",
    "duration": "Duration",
    "attempts": "Attempts",
    "owner": "Owner",
    "worker": "Worker",
    "id": "ID",
}
"""The columns that can be chosen, in the order in which they are shown; the task itself always is."""
USUAL = ("status", "priority", "created", "finished", "duration", "id")
DENSITIES = {"comfortable": "Comfortable", "compact": "Compact"}


@dataclass(frozen=True)
class Look:
    """The columns and the density of a list."""

    columns: tuple[str, ...] = USUAL
    density: str = "comfortable"

    @classmethod
    def parse(cls, columns: Iterable[str], density: str) -> Look:
        """Return a look of these names, in whatever order. Raises BadQuery for one that is not offered."""
        chosen = {name for name in columns if name}
        if unknown := sorted(chosen - COLUMNS.keys()):
            raise BadQuery(f"There is no column “{unknown[0][:60]}”. There are: {', '.join(COLUMNS)}.")
        if density not in DENSITIES:
            raise BadQuery(f"There is no density “{density[:60]}”. There are: {', '.join(DENSITIES)}.")
        return cls(tuple(name for name in COLUMNS if name in chosen), density)
