"""Which running attempts nobody renews any more, as this process sees it.

A lease names the time until which it holds, and that is only as good as two clocks: one wrote it, another
reads it, and the database's own may be set in between. So no clock takes an attempt from its worker by
itself. A lease is run out when it looks so *and* nobody has renewed it while this process was watching; and
one that stays as it is for long enough is run out whatever it says, or does not say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.stored import is_time
from app.core.tasks.queries import Queries
from app.core.tasks.states import Status
from app.core.tasks.store import LEASE
from app.core.tasks.task import Task

UNRENEWED_S = LEASE.total_seconds() / 2
"""A worker renews every 10 s; 5 more are for a look of its supervisor that still waits."""
ABANDONED_S = 2 * LEASE.total_seconds()


@dataclass(frozen=True)
class _SeenLease:
    """An attempt with its lease, as stored, and since when it has been so (monotonic)."""

    state: tuple[Any, Any]
    since: float

    @property
    def looks_over(self) -> bool:
        lease = self.state[1]
        until = lease.get("until") if isinstance(lease, dict) else None
        return isinstance(until, datetime) and is_time(until) and until < utcnow()


class LeaseWatch:
    """Remembers between two looks; one for each process that rescues. ``now`` counts seconds."""

    def __init__(self, queries: Queries, now: Callable[[], float] = time.monotonic) -> None:
        self._queries, self._now = queries, now
        self._seen: dict[ObjectId, _SeenLease] = {}
        self.unrenewed_s = UNRENEWED_S

    def lost(self) -> list[Task]:
        """Look at all that run; return those whose worker is lost, the longest lost first."""
        now = self._now()
        seen = {task_id: _SeenLease(state, now) for task_id, state in self._queries.running_leases()}
        for task_id in seen.keys() & self._seen.keys():
            if self._seen[task_id].state == seen[task_id].state:
                seen[task_id] = self._seen[task_id]
        self._seen = seen
        lost = sorted((one.since, task_id) for task_id, one in seen.items() if self._is_lost(one, now))
        tasks = self._queries.among([task_id for _, task_id in lost])
        return [task for task in tasks if self._is_as_seen(task)]

    def _is_lost(self, one: _SeenLease, now: float) -> bool:
        unrenewed_s = now - one.since
        return unrenewed_s >= ABANDONED_S or (unrenewed_s >= self.unrenewed_s and one.looks_over)

    def _is_as_seen(self, task: Task) -> bool:
        """Whether nothing has happened to it since the look."""
        return task.status is Status.RUNNING and (task.attempt, task.lease) == self._seen[task.id].state
