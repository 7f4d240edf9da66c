"""When a task that waits is likely to start: from what runs, what is ahead of it, and which workers are idle.

The workers are simulated: each takes the next task of the line when it is free, strictly by priority. Tasks
that are created later with a higher priority are not foreseen, so an estimate is no promise.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median

from app.core.clock import utcnow

SOON_S = 1.0
"""An idle worker has taken the next task by then."""


@dataclass(frozen=True)
class Running:
    """A task that runs, on which worker, and how far it is: a fraction, None where it does not say."""

    type: str
    worker: str
    started_at: datetime
    timeout_s: float
    progress: float | None = None


def _nothing_known(kind: str) -> Sequence[float]:
    return ()


@dataclass(frozen=True)
class Line:
    """What runs, and the types of what waits in the order of its turn; None for one that was not read.

    ``recent`` returns the durations of the latest runs of a type, in seconds.
    """

    running: tuple[Running, ...] = ()
    ahead: tuple[str | None, ...] = ()
    recent: Callable[[str], Sequence[float]] = _nothing_known

    def starts_in_s(self, place: int, workers: Collection[str]) -> float | None:
        """Return in about how many seconds one of ``workers`` starts the task at a place, 1 being next.

        None where nobody can tell.
        """
        busy = {task.worker: task for task in self.running if task.worker in workers}
        if not workers:
            return None
        if place <= len(workers) - len(busy):
            return SOON_S
        left = [self._left_s(task) for task in busy.values()]
        waits = self._durations_s(place - 1)
        if waits is None or None in left:
            return None
        free = [0.0] * (len(workers) - len(busy)) + [seconds for seconds in left if seconds is not None]
        return max(SOON_S, start_s(free, waits))

    def _left_s(self, task: Running) -> float | None:
        ran = (utcnow() - task.started_at).total_seconds()
        return left_s(max(ran, 0.0), self.recent(task.type), task.timeout_s, task.progress)

    def _durations_s(self, count: int) -> list[float] | None:
        """Return how long each of those ahead takes on average; of an unknown type as long as the others."""
        ahead = [*self.ahead[:count], *[None] * (count - len(self.ahead))]
        if not ahead:
            return []
        kinds = {kind for kind in ahead if kind} | {task.type for task in self.running}
        means = {kind: fmean(found) for kind in kinds if (found := self.recent(kind))}
        if not means:
            return None
        known = [means[kind] for kind in ahead if kind in means] or means.values()
        usual = fmean(known)
        return [means.get(kind or "", usual) for kind in ahead]


def left_s(
    ran_s: float, recent: Sequence[float], timeout_s: float, progress: float | None = None
) -> float | None:
    """Return how long a run probably still takes: by its progress, else the median of those that took longer.

    One that has outlasted all the recent ones probably takes as long again, as far as its timeout lets it.
    None where there are none.
    """
    if progress is not None and progress > 0:
        return ran_s * (1 - progress) / progress
    longer = [seconds - ran_s for seconds in recent if seconds > ran_s]
    if longer:
        return median(longer)
    return max(0.0, min(ran_s, timeout_s - ran_s)) if recent else None


def start_s(free_in_s: Iterable[float], durations_s: Iterable[float]) -> float:
    """Return when the task after those of ``durations_s`` starts: the first free worker takes the next."""
    free = list(free_in_s)
    heapq.heapify(free)
    for seconds in durations_s:
        heapq.heapreplace(free, free[0] + seconds)
    return free[0]
