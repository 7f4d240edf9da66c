"""Figures for the pages: the queues, what ended lately, how fast, and what failed.

Each is bounded: counts stop at 10,000 and groups look at the newest thousands of rows.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from app.core.clock import utcnow
from app.core.listing.filter import ENDED_WITHIN, TaskFilter
from app.core.listing.listing import Count, Listing
from app.core.listing.query_string import MAX_TEXT
from app.core.mongo import Document, Mongo
from app.core.stored import EARLIEST, LATEST, is_text, is_time
from app.core.tasks.fingerprint import fingerprint
from app.core.tasks.states import ENDED, Priority, Status

FAILURES_READ = 2_000
WAITING_STATUSES = (Status.QUEUED, Status.SCHEDULED)
RUNS_READ = 2_000
DURATIONS_READ = 200
PACE_READ = 200
PACE_LEAST = 5
PACE_SURE = 20  # So many of the last moments are enough, and are found at once by every store.
PAUSE = timedelta(seconds=0.1)  # Between two tasks of a busy worker; a longer one is a rest.


@dataclass(frozen=True)
class QueueStats:
    """One priority as it stands; ``oldest`` is when the task that waits longest was queued."""

    priority: Priority
    waiting: Count
    running: Count
    oldest: datetime | None


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one type with errors alike (`fingerprint`), the newest at ``last``.

    ``wanted`` is the list of just these, None where no list can say so; ``more``: older ones were not read.
    """

    type: str
    error: str
    count: int
    last: datetime
    task_id: str
    wanted: TaskFilter | None = None
    more: bool = False


@dataclass(frozen=True)
class TypeRuns:
    """How the newest runs of a type ended, and how long they took; a duration is None where none is known."""

    succeeded: int
    failed: int
    median: timedelta | None
    p95: timedelta | None
    last: datetime

    @property
    def failed_percent(self) -> float:
        """The share of runs that failed, in percent."""
        return 100 * self.failed / (self.succeeded + self.failed)


@dataclass(frozen=True)
class RunsByType:
    """The runs that ended within a time, by type; ``since``: too many ended, so none before then was read."""

    types: dict[str, TypeRuns]
    since: datetime | None = None


class Stats:
    """Figures over the tasks of ``db``; what is counted is what ``listing`` lists: each figure is a link."""

    def __init__(self, db: Mongo, listing: Listing) -> None:
        self._tasks = db.tasks
        self._listing = listing

    def over(self, listing: Listing) -> Stats:
        """Return the same figures over what another ``listing`` lists."""
        if listing is self._listing:
            return self
        other = copy(self)
        other._listing = listing
        return other

    def queues(self) -> list[QueueStats]:
        return [self._queue(priority) for priority in Priority]

    def _queue(self, priority: Priority) -> QueueStats:
        return QueueStats(
            priority,
            self._count(Status.QUEUED, priority),
            self._count(Status.RUNNING, priority),
            self._oldest(priority),
        )

    def _oldest(self, priority: Priority) -> datetime | None:
        """Return when the task that waits longest was queued."""
        found = [
            self._tasks.find_one(
                {
                    "status": "queued",
                    "hint": hint,
                    "priority": int(priority),
                    "queued_at": {"$gte": EARLIEST, "$lte": LATEST},
                },
                {"queued_at": 1},
                sort=[("queued_at", 1)],
            )
            for hint in ("due", "sent")
        ]
        return min((task["queued_at"] for task in found if task), default=None)

    def _count(self, status: Status, priority: Priority) -> Count:
        return self._listing.count(TaskFilter(status=status.value, priority=priority.word))

    def ended(self, within: timedelta) -> dict[Status, Count]:
        """How many tasks ended with each outcome, within one of `ENDED_WITHIN`."""
        return self._ended(TaskFilter(ended=_name_of(within), sort="finished"))

    def _ended(self, wanted: TaskFilter) -> dict[Status, Count]:
        outcomes = sorted(ENDED, key=lambda status: list(Status).index(status))
        return {status: self._count_all(replace(wanted, status=status.value)) for status in outcomes}

    def _count_all(self, wanted: TaskFilter) -> Count:
        """Count a list of every priority, by a query per priority: see `_newest`."""
        lists = (replace(wanted, priority=priority.word) for priority in Priority)
        return Count(sum(self._listing.count(one).value for one in lists))

    def pace(self, within: timedelta) -> float | None:
        """Tasks that ended in a second, by the newest that ended; None when they are too few to tell.

        Time in which nothing ran does not count, as workers that rest are not slow. Neither do canceled
        tasks, which mostly end without a worker.
        """
        lately = self._pace(utcnow() - within / 20, PACE_SURE)
        return lately or self._pace(utcnow() - within, PACE_LEAST)

    def running_since(self) -> list[datetime]:
        """Return when the running tasks began, of at most `PACE_READ` of them."""
        query = {"status": Status.RUNNING.value, "priority": {"$in": [0, 1, 2]}}
        found = self._tasks.find(query, {"started_at": 1}).limit(PACE_READ)
        return [task["started_at"] for task in found if isinstance(task.get("started_at"), datetime)]

    def _pace(self, since: datetime, least: int) -> float | None:
        ended = [
            task
            for status in (Status.SUCCEEDED, Status.FAILED)
            for task in self._newest(status, since, {"started_at": 1, "finished_at": 1}, PACE_READ)
            if is_time(task.get("started_at"))
        ]
        found = sorted(ended, key=_finished, reverse=True)[:PACE_READ]
        if len(found) < least:
            return None
        opened = found[-1]["finished_at"] if len(found) == PACE_READ else since
        return len(found) / max(_busy(found, opened).total_seconds(), 0.001)

    def _newest(
        self, status: Status, since: datetime, fields: Document, most: int, condition: Document | None = None
    ) -> list[Document]:
        """Return those that ended with one outcome, the newest first, at most so many.

        One query per priority has a single range, which every store serves by an index.
        """
        found = [
            task
            for priority in Priority
            for task in self._tasks.find(
                {
                    **(condition or {}),
                    "status": status.value,
                    "priority": int(priority),
                    "finished_at": {"$gte": since},
                },
                fields,
            )
            .sort([("finished_at", -1), ("_id", -1)])
            .limit(most)
            if is_time(task["finished_at"])
        ]
        return sorted(found, key=_finished, reverse=True)[:most]

    def runs(self, within: timedelta) -> RunsByType:
        """Return the newest runs by type, of at most `RUNS_READ` per outcome."""
        fields = {"type": 1, "status": 1, "started_at": 1, "finished_at": 1}
        condition = self._listing.condition
        since = utcnow() - within
        outcomes = [
            self._newest(status, since, fields, RUNS_READ, condition)
            for status in (Status.SUCCEEDED, Status.FAILED)
        ]
        # Where older runs of one outcome were not read, those of the other would distort the rate.
        cut = max((found[-1]["finished_at"] for found in outcomes if len(found) == RUNS_READ), default=None)
        read = [task for found in outcomes for task in found if not cut or task["finished_at"] >= cut]
        by_type: dict[str, list[Document]] = {}
        for task in read:
            if is_text(task.get("type")):
                by_type.setdefault(task["type"], []).append(task)
        return RunsByType({kind: _type_runs(runs) for kind, runs in by_type.items()}, cut)

    def durations(self, kind: str, within: timedelta) -> list[timedelta]:
        """Return how long the newest runs of a type took that succeeded, at most `DURATIONS_READ`, sorted."""
        fields, condition = {"started_at": 1, "finished_at": 1}, {"type": kind, **self._listing.condition}
        since = utcnow() - within
        return _durations(self._newest(Status.SUCCEEDED, since, fields, DURATIONS_READ, condition))

    def ended_of(self, kind: str, within: timedelta) -> dict[Status, Count]:
        """How many tasks of a type ended with each outcome, within one of `ENDED_WITHIN`."""
        return self._ended(TaskFilter(type=kind, ended=_name_of(within), sort="finished"))

    def waiting_of(self, kind: str) -> dict[Status, Count]:
        """How many tasks of a type are queued and scheduled; a status without any is left out."""
        counts = {
            one: self._listing.count(TaskFilter(type=kind, status=one.value)) for one in WAITING_STATUSES
        }
        return {status: count for status, count in counts.items() if count.value}

    def failures(self, within: timedelta) -> list[FailureGroup]:
        """The newest failures by type and kind of error, the most frequent first; see `ENDED_WITHIN`."""
        wanted = TaskFilter(status=Status.FAILED.value, ended=_name_of(within), sort="finished")
        fields = {"type": 1, "error.message": 1, "error_group": 1, "finished_at": 1}
        newest = self._newest(
            Status.FAILED, utcnow() - within, fields, FAILURES_READ, self._listing.condition
        )
        groups: dict[tuple[str, str, bool], list[Document]] = {}
        for task in newest:
            if is_text(task.get("type")):
                groups.setdefault((task["type"], *_group(task)), []).append(task)
        most = sorted(groups.items(), key=lambda found: len(found[1]), reverse=True)[:10]
        more = len(newest) == FAILURES_READ
        return [_failure_group(wanted, *key, tasks, more) for key, tasks in most]


def _finished(task: Document) -> tuple[datetime, Any]:
    return task["finished_at"], task["_id"]


def _durations(ended: list[Document]) -> list[timedelta]:
    """Return how long those took that say so, sorted."""
    known = [task for task in ended if is_time(task.get("started_at"))]
    return sorted(max(task["finished_at"] - task["started_at"], timedelta(0)) for task in known)


def quantile(values: list[timedelta], share: float) -> timedelta | None:
    """Return the value that a share of the sorted ones does not exceed (nearest rank); None of none."""
    return values[max(0, ceil(share * len(values)) - 1)] if values else None


def _type_runs(runs: list[Document]) -> TypeRuns:
    failed = sum(run["status"] == Status.FAILED.value for run in runs)
    took = _durations([run for run in runs if run["status"] == Status.SUCCEEDED.value])
    last = max(run["finished_at"] for run in runs)
    return TypeRuns(len(runs) - failed, failed, quantile(took, 0.5), quantile(took, 0.95), last)


def _busy(found: list[Document], opened: datetime) -> timedelta:
    """For how long since ``opened`` at least one of the tasks ran; the last to end comes first."""
    busy, reached = timedelta(0), found[0]["finished_at"]
    for task in found:
        started, rest = max(task["started_at"], opened), reached - task["finished_at"]
        if started < reached:
            busy += reached - started - (rest if rest > PAUSE else timedelta(0))
            reached = started
    return busy


def _name_of(within: timedelta) -> str:
    """Return the name under which a list takes a time."""
    return next(name for name, length in ENDED_WITHIN.items() if length == within)


def _group(task: Document) -> tuple[str, bool]:
    """Return the fingerprint of a failure, and whether it is stored, so that a list can select by it."""
    stored = task.get("error_group")
    return (stored, True) if isinstance(stored, str) else (fingerprint(_message(task)), False)


def _failure_group(
    wanted: TaskFilter, kind: str, group: str, stored: bool, tasks: list[Document], more: bool
) -> FailureGroup:
    """Return a group of failures, the newest first; what is alike in their messages stands for all."""
    newest, same = tasks[0], {_message(task) for task in tasks}
    listed = stored and group and kind and kind == kind.strip()
    return FailureGroup(
        kind,
        same.pop() if len(same) == 1 else group,
        len(tasks),
        newest["finished_at"],
        str(newest["_id"]),
        replace(wanted, type=kind, error_group=group) if listed else None,
        more,
    )


def _message(found: Document) -> str:
    error = found.get("error")
    return str(error.get("message", "") if isinstance(error, dict) else "")[:MAX_TEXT]
