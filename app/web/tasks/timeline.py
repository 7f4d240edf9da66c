"""Attempts on one axis of time, and the latest runs of a type beside each other: figures for drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from app.core.clock import utcnow
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from app.web.tasks.detail import Attempt, took

MOST_RUNS = 20
LEAST_WIDTH = 0.4
"""In percent, so that the shortest can be seen."""


@dataclass(frozen=True)
class Span:
    """A part of the axis, in percent of it."""

    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """What one attempt took: waiting in the queue, and running; ``number`` is None for the one to come."""

    number: int | None
    status: Status
    queued: Span | None
    ran: Span | None


@dataclass(frozen=True)
class Timeline:
    """All attempts that are known, the newest first, and what the time went to.

    ``between`` is neither in the queue nor running: waiting for a retry, or ended until somebody retried it.
    """

    bars: list[Bar]
    elapsed: timedelta
    queued: timedelta
    ran: timedelta
    between: timedelta


Line = tuple[int | None, Status, datetime | None, datetime | None, datetime | None]
"""An attempt: its number and status, when it was queued, when it started, when it ended."""


def timeline(task: Task, attempts: Sequence[Attempt]) -> Timeline | None:
    """Return the attempts on one axis, from the first queue to the last end; None where times are missing."""
    now = utcnow()
    waits = task.queued_at if task.status is Status.QUEUED else None
    lines: list[Line] = [(None, Status.QUEUED, waits, now, None)] if waits else []
    for one in attempts:
        end = one.finished_at or (now if one.status is Status.RUNNING else None)
        lines.append((one.number, one.status, one.queued_at, one.started_at, end))
    moments = [moment for _, _, *found in lines for moment in found if moment]
    if not attempts or not moments:
        return None
    first, last = min(moments), max(moments)
    whole = max(last - first, timedelta(milliseconds=1))
    queued = sum((_length(start, end) for _, _, start, end, _ in lines), timedelta())
    ran = sum((_length(start, end) for _, _, _, start, end in lines if end), timedelta())
    bars = [
        Bar(number, status, _span(first, whole, start, middle), _span(first, whole, middle, end))
        for number, status, start, middle, end in lines
    ]
    return Timeline(bars, last - first, queued, ran, max(last - first - queued - ran, timedelta()))


def _length(start: datetime | None, end: datetime | None) -> timedelta:
    return max(end - start, timedelta()) if start and end else timedelta()


def _span(first: datetime, whole: timedelta, start: datetime | None, end: datetime | None) -> Span | None:
    if start is None or end is None:
        return None
    x = 100 * ((start - first) / whole)
    width = max(100 * (_length(start, end) / whole), LEAST_WIDTH)
    return Span(round(min(x, 100 - width), 2), round(width, 2))


@dataclass(frozen=True)
class Run:
    """One of the latest runs of a type; ``height`` is in percent of the longest."""

    task: Task
    took: timedelta
    height: float
    this: bool


@dataclass(frozen=True)
class Runs:
    """The latest runs, oldest first; ``longer`` is how many of the others took longer than ``this``."""

    runs: list[Run]
    median: timedelta
    longest: timedelta
    this: timedelta | None
    longer: int


def runs_of(task: Task, latest: Iterable[Task]) -> Runs | None:
    """Return the `MOST_RUNS` latest that ran to an end, with this one among them; None for too few."""
    ended = [one for one in latest if one.id != task.id and _ended(one)][: MOST_RUNS - 1]
    if _ended(task):
        ended = sorted([*ended, task], key=lambda one: one.finished_at or utcnow(), reverse=True)
    lengths = [took(one) or timedelta() for one in ended]
    if len(ended) < 2:
        return None
    longest = max(*lengths, timedelta(milliseconds=1))
    runs = [
        Run(one, length, round(max(100 * (length / longest), 2), 1), one.id == task.id)
        for one, length in zip(ended, lengths, strict=True)
    ]
    this = took(task) if _ended(task) else None
    longer = sum(length > this for length in lengths) if this else 0
    middle = timedelta(seconds=median(one.total_seconds() for one in lengths))
    return Runs(runs[::-1], middle, max(lengths), this, longer)


def _ended(task: Task) -> bool:
    ended = task.status in (Status.SUCCEEDED, Status.FAILED) and task.finished_at is not None
    return ended and took(task) is not None
