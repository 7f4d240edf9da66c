"""Counters and histograms of all processes together, in one hash of Redis.

A process counts in its memory and adds what it has to the hash every few seconds, so a scrape of any web
process finds everything, and the number of processes does not matter. No worker opens a port. These figures
are no truth: a process that is killed loses its last seconds of them, and when Redis loses its data all begin
at 0, which Prometheus takes for a restart.
"""

from __future__ import annotations

import json
import math
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from app.core.statistics.metrics import COUNTED, LONGEST_VALUE, MOST_VALUES, OTHER, Kind, Metric

KEY = "dtq:metrics"
MOST_FIELDS = 20_000
"""Of one process, and of the hash: types come and go for years, and nothing is ever taken out of it."""
EVERY_S = 10.0
SUM = "sum"
Field = tuple[str | int, ...]
"""The name of a metric, the values of its labels, and of a histogram the number of the bucket, or `SUM`."""


@dataclass
class Histogram:
    """How many values are in which bucket (the last is for those above all bounds), and their sum."""

    counts: list[int]
    sum: float = 0.0


@dataclass
class Figures:
    """What was counted: by metric, then by the values of its labels."""

    counters: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)
    histograms: dict[str, dict[tuple[str, ...], Histogram]] = field(default_factory=dict)


class Meter:
    """Counts for one process; safe to share between threads, and never fails."""

    def __init__(self, redis: Redis | Any) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._held: dict[Field, float] = {}
        self._values: dict[str, set[str]] = {}
        self._due = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there is something that was not handed on yet."""
        return bool(self._held)

    def add(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Count something; ``labels`` are the values of the metric's labels, in their order."""
        self._add([((metric.name, *self._bounded(metric, labels)), by)])

    def observe(self, metric: Metric, value_s: float, *labels: str) -> None:
        """Put a duration into a histogram; one below zero, of clocks that disagree, counts as zero."""
        value_s, place = max(0.0, value_s), (metric.name, *self._bounded(metric, labels))
        self._add([((*place, bisect_left(metric.buckets, value_s)), 1), ((*place, SUM), value_s)])

    def _bounded(self, metric: Metric, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the values of labels; `OTHER` for what is too long, or comes after `MOST_VALUES` others."""
        return tuple(self._known(label, value) for label, value in zip(metric.labels, labels, strict=True))

    def _known(self, label: str, value: str) -> str:
        values = self._values.setdefault(label, set())
        if value not in values:
            if len(values) >= MOST_VALUES or len(value) > LONGEST_VALUE:
                return OTHER
            values.add(value)
        return value

    def _add(self, counted: Iterable[tuple[Field, float]]) -> None:
        with self._lock:
            for place, number in counted:
                if place in self._held or len(self._held) < MOST_FIELDS:
                    self._held[place] = self._held.get(place, 0) + number

    def drain(self) -> list[list[Any]]:
        """Return what was counted, for another process to `merge`, and forget it."""
        with self._lock:
            held, self._held = self._held, {}
        return [[*place, number] for place, number in held.items()]

    def merge(self, drained: object) -> None:
        """Count what another process has counted; what is none of ours is skipped.

        Labels are bounded anew: it may be the process of a task, and the hundredth one of this worker.
        """
        rows = drained if isinstance(drained, list) else []
        self._add((self._place(row), row[-1]) for row in rows if _is_counted(row))

    def _place(self, row: list[Any]) -> Field:
        metric = COUNTED[row[0]]
        end = 1 + len(metric.labels)
        return (metric.name, *self._bounded(metric, row[1:end]), *row[end:-1])

    def flush_if_due(self) -> None:
        """Flush, unless that was done or tried within `EVERY_S`."""
        if self._held and time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Add what was counted to what all processes have; it stays here while Redis is away."""
        self._due = time.monotonic() + EVERY_S
        rows = self.drain()
        if not rows:
            return
        try:
            fitting = self._fitting(rows)
            with self._redis.pipeline(transaction=True) as pipe:
                for name, number in fitting:
                    pipe.hincrbyfloat(KEY, name, number)
                pipe.execute()
        except (RedisError, OSError):
            self.merge(rows)

    def _fitting(self, rows: list[list[Any]]) -> list[tuple[str, float]]:
        """Return what is added to which field. Where the hash is full, a new type counts as `OTHER`, and
        anything else that is new is left out."""
        named = [(_name(row[:-1]), row[-1]) for row in rows]
        if self._redis.hlen(KEY) < MOST_FIELDS:
            return named
        there = self._redis.hmget(KEY, [name for name, _ in named])
        known = [each for each, found in zip(named, there, strict=True) if found is not None]
        new = [row for row, found in zip(rows, there, strict=True) if found is None]
        return known + [
            (_name(_as_other(row)[:-1]), row[-1]) for row in new if "type" in COUNTED[row[0]].labels
        ]

    def read(self) -> Figures | None:
        """Return what all processes have counted; None while Redis is away."""
        try:
            found: Mapping[Any, Any] = self._redis.hgetall(KEY)
        except (RedisError, OSError):
            return None
        figures = Figures()
        for name, number in found.items():
            _put(figures, name, number)
        return figures


def _name(place: list[Any]) -> str:
    return json.dumps(place, separators=(",", ":"))


def _as_other(row: list[Any]) -> list[Any]:
    at = 1 + COUNTED[row[0]].labels.index("type")
    return [*row[:at], OTHER, *row[at + 1 :]]


def _is_counted(row: object) -> bool:
    """Return whether a row is one of `Meter.drain`: what else Redis or a task's process may send is not."""
    metric = COUNTED.get(row[0]) if isinstance(row, list) and row and isinstance(row[0], str) else None
    if metric is None or not isinstance(row, list):
        return False
    number = row[-1]
    labels, rest = row[1 : 1 + len(metric.labels)], row[1 + len(metric.labels) : -1]
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
        return False
    if len(labels) != len(metric.labels) or not all(isinstance(one, str) for one in labels):
        return False
    if metric.kind is Kind.COUNTER:
        return not rest
    return len(rest) == 1 and (rest[0] == SUM or rest[0] in range(len(metric.buckets) + 1))


def _put(figures: Figures, name: Any, number: Any) -> None:
    try:
        row = [*json.loads(name), float(number)]
    except (TypeError, ValueError):
        return
    if not _is_counted(row):
        return
    metric = COUNTED[row[0]]
    labels = tuple(row[1 : 1 + len(metric.labels)])
    if metric.kind is Kind.COUNTER:
        figures.counters.setdefault(metric.name, {})[labels] = row[-1]
        return
    by_labels = figures.histograms.setdefault(metric.name, {})
    histogram = by_labels.setdefault(labels, Histogram([0] * (len(metric.buckets) + 1)))
    if row[-2] == SUM:
        histogram.sum = row[-1]
    else:
        histogram.counts[row[-2]] = int(row[-1])
