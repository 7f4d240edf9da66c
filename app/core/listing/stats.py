"""Figures for the pages: the queues, what runs and how long it usually takes, what ended, and what failed.

Each is bounded: counts stop at 10,000 and groups look at the newest thousands of rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, inf
from typing import Any

from app.core.clock import utcnow
from app.core.listing.filter import ENDED_WITHIN, TaskFilter
from app.core.listing.listing import Count, Listing
from app.core.listing.query_string import MAX_TEXT
from app.core.listing.waits import Running
from app.core.mongo import Document, Mongo
from app.core.stored import EARLIEST, LATEST, is_count, is_text, is_time
from app.core.tasks.fingerprint import fingerprint
from app.core.tasks.states import ENDED, Priority, Status

FAILURES_READ = 2_000
WAITING_STATUSES = (Status.QUEUED, Status.SCHEDULED)
RUNS_READ = 2_000
DURATIONS_READ = 200
RUNNING_READ = 1_000
AHEAD_READ = 200
RECENT_RUNS = 20


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

    def running(self) -> list[Running]:
        """Return what runs, at most `RUNNING_READ` tasks."""
        query = {"status": Status.RUNNING.value, "priority": {"$in": [0, 1, 2]}}
        fields = dict.fromkeys(("type", "started_at", "timeout_s", "lease.worker", "progress"), 1)
        found = self._tasks.find(query, fields).limit(RUNNING_READ)
        return [task for task in map(_running, found) if task]

    def ahead(self, queues: Iterable[QueueStats]) -> list[str | None]:
        """Return the types of what waits, in the order of its turn; None for what is not read."""
        return [kind for queue in queues for kind in self._types_of(queue)]

    def _types_of(self, queue: QueueStats) -> list[str | None]:
        query = {"status": "queued", "hint": "sent", "priority": int(queue.priority)}
        if not queue.waiting.value:
            return []
        found = self._tasks.find(query, {"type": 1}).sort([("queued_at", 1), ("_id", 1)]).limit(AHEAD_READ)
        types = [str(task.get("type", "")) for task in found]
        return [*types, *[None] * (queue.waiting.value - len(types))]

    def durations_s(self, kind: str) -> list[float]:
        """Return how long the latest runs of a type took in seconds, at most `RECENT_RUNS` of them."""
        ended = [
            task
            for status in (Status.SUCCEEDED, Status.FAILED)
            for task in self._newest(
                status, EARLIEST, {"started_at": 1, "finished_at": 1}, RECENT_RUNS, {"type": kind}
            )
            if is_time(task.get("started_at"))
        ]
        latest = sorted(ended, key=_finished, reverse=True)[:RECENT_RUNS]
        return [max(0.0, (task["finished_at"] - task["started_at"]).total_seconds()) for task in latest]

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
        return durations_of(self._newest(Status.SUCCEEDED, since, fields, DURATIONS_READ, condition))

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


def _running(task: Document) -> Running | None:
    """Return what the simulation of the workers knows of a running task; None for a damaged one."""
    lease, said = task.get("lease"), task.get("progress")
    worker = lease.get("worker") if isinstance(lease, dict) else None
    if (
        not worker
        or not isinstance(worker, str)
        or not is_time(task.get("started_at"))
        or not is_count(task.get("timeout_s"))
    ):
        return None
    said = said if isinstance(said, dict) else {}
    done, total = _positive(said.get("done")), _positive(said.get("total"))
    progress = min(1.0, done / total) if done and total else None
    return Running(str(task.get("type", "")), worker, task["started_at"], task["timeout_s"], progress)


def _positive(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < inf else 0.0


def durations_of(ended: list[Document]) -> list[timedelta]:
    """Return how long those took that say so, sorted."""
    known = [task for task in ended if is_time(task.get("started_at"))]
    return sorted(max(task["finished_at"] - task["started_at"], timedelta(0)) for task in known)


def quantile(values: list[timedelta], share: float) -> timedelta | None:
    """Return the value that a share of the sorted ones does not exceed (nearest rank); None of none."""
    return values[max(0, ceil(share * len(values)) - 1)] if values else None


def _type_runs(runs: list[Document]) -> TypeRuns:
    failed = sum(run["status"] == Status.FAILED.value for run in runs)
    took = durations_of([run for run in runs if run["status"] == Status.SUCCEEDED.value])
    last = max(run["finished_at"] for run in runs)
    return TypeRuns(len(runs) - failed, failed, quantile(took, 0.5), quantile(took, 0.95), last)


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
