"""Figures over an hour, a day or a week, point by point: what the charts of Home and `/api/v1/stats` show."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.clock import utcnow
from app.core.statistics.minutes import GRACE, LOOK_S, MINUTE, TEN_MINUTES, Minutes, Sample, floor
from app.core.statistics.quantiles import quantile_s
from app.core.tasks.states import Status

KEPT_S = 10.0


@dataclass(frozen=True)
class Period:
    """How long a series is, how long each of its points, and the samples that these are made of."""

    length: timedelta
    point: timedelta
    sample: timedelta


PERIODS: Mapping[str, Period] = {
    "1h": Period(timedelta(hours=1), timedelta(minutes=1), MINUTE),
    "24h": Period(timedelta(hours=24), timedelta(minutes=30), TEN_MINUTES),
    "7d": Period(timedelta(days=7), timedelta(hours=3), TEN_MINUTES),
}
"""By the names that the filter `ended` has."""


@dataclass(frozen=True)
class Point:
    """A stretch of time from ``start`` to ``end``, which is excluded. None stands for what is not known.

    ``ended`` is what ended in it, as counted then: a task that was retried or deleted later still counts.
    ``waiting`` and ``oldest_wait_s`` are the most that was seen, ``utilization`` is from 0 to 1.
    """

    start: datetime
    end: datetime
    ended: Mapping[Status, int] | None
    queue_p50_s: float | None
    queue_p95_s: float | None
    utilization: float | None
    waiting: int | None
    oldest_wait_s: float | None

    @property
    def failure_rate(self) -> float | None:
        """The share of those that failed among those that succeeded or failed, from 0 to 1; None of none."""
        counts = self.ended or {}
        failed = counts.get(Status.FAILED, 0)
        runs = failed + counts.get(Status.SUCCEEDED, 0)
        return failed / runs if runs else None


class Series:
    """Reads the samples; what was read is good for `KEPT_S`, so many viewers cost what one does."""

    def __init__(self, minutes: Minutes) -> None:
        self._minutes = minutes
        self._kept: dict[str, tuple[float, list[Point]]] = {}
        self._lock = threading.Lock()

    def points(self, name: str) -> list[Point]:
        """Return the points of one of `PERIODS`, oldest first; the last one is over and counted."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept[0] >= KEPT_S:
                kept = self._kept[name] = time.monotonic(), self._read(PERIODS[name])
        return kept[1]

    def _read(self, period: Period) -> list[Point]:
        counted = utcnow() - GRACE - timedelta(seconds=2 * LOOK_S)
        until = floor(counted, period.sample)
        since = until - period.length
        samples = self._minutes.read(period.sample, since, until)
        points: dict[datetime, list[Sample]] = {}
        for at, sample in samples.items():
            points.setdefault(since + (at - since) // period.point * period.point, []).append(sample)
        starts = (since + period.point * number for number in range(period.length // period.point))
        return [_point(start, start + period.point, points.get(start, [])) for start in starts]


def _point(start: datetime, end: datetime, samples: list[Sample]) -> Point:
    sample = Sample.of(samples)
    return Point(
        start,
        end,
        sample.ended if sample.counted else None,
        quantile_s(sample.queue_times, 0.5),
        quantile_s(sample.queue_times, 0.95),
        sample.utilization if sample.looks else None,
        sample.waiting if sample.looks else None,
        sample.oldest_s if sample.looks else None,
    )
