"""The figures of Home by the rights of a person: what they may not read is not counted.

The lengths of queues and the pace of the workers say nothing of a task; everybody signed in may see them, so
they are not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from app.core.access.engine import Engine
from app.core.access.rights import Rights
from app.core.listing.listing import Count
from app.core.listing.stats import FailureGroup, RunsByType, Stats
from app.core.tasks.states import Status


@dataclass(frozen=True)
class Figures:
    """Counts and groups over the tasks that a person may read."""

    _engine: Engine
    _rights: Rights

    def ended(self, within: timedelta) -> dict[Status, Count]:
        """Return how many tasks ended with each outcome, within one of `ENDED_WITHIN`."""
        return self._stats().ended(within)

    def runs(self, within: timedelta) -> RunsByType:
        """Return how the newest runs ended and how long they took, by type."""
        return self._stats().runs(within)

    def ended_of(self, kind: str, within: timedelta) -> dict[Status, Count]:
        """Return how many tasks of a type ended with each outcome, within one of `ENDED_WITHIN`."""
        return self._stats().ended_of(kind, within)

    def durations(self, kind: str, within: timedelta) -> list[timedelta]:
        """Return how long the newest runs of a type took that succeeded, sorted."""
        return self._stats().durations(kind, within)

    def waiting_of(self, types: Iterable[str]) -> dict[str, dict[Status, Count]]:
        """Return how many tasks of each type wait in which status; what has none is left out."""
        found = {kind: self._stats().waiting_of(kind) for kind in types}
        return {kind: counts for kind, counts in found.items() if counts}

    def failures(self, within: timedelta) -> list[FailureGroup]:
        """Return the newest failures by type and kind of error, the most frequent first."""
        return self._stats().failures(within)

    def _stats(self) -> Stats:
        return self._engine.stats.over(self._engine.listing.within(self._rights.readable()))
