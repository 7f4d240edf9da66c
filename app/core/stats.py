"""Figures for the pages: the lanes, what ended lately, how fast, and what failed.

Each is bounded: counts stop at 10,000 and groups look at the newest thousands of rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.clock import utcnow
from app.core.db import Document, Mongo
from app.core.listing import COUNT_LIMIT, Count
from app.core.states import ENDED, Priority, Status
from app.core.stored import EARLIEST, LATEST, is_text, is_time

FAILURES_READ = 2_000
PACE_READ = 200
PACE_LEAST = 5
PACE_SURE = 20  # So many of the last moments are enough, and are found at once by every store.
PAUSE = timedelta(seconds=0.1)  # Between two tasks of a busy worker; a longer one is a rest.


@dataclass(frozen=True)
class Lane:
    """One priority as it stands; ``oldest`` is when the task that waits longest was queued."""

    priority: Priority
    waiting: Count
    running: Count
    oldest: datetime | None


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one type with one error, the newest at ``last``."""

    type: str
    error: str
    count: int
    last: datetime
    task_id: str


class Stats:
    """Figures over the tasks of ``db``."""

    def __init__(self, db: Mongo) -> None:
        self._tasks = db.tasks

    def lanes(self) -> list[Lane]:
        return [self._lane(priority) for priority in Priority]

    def _lane(self, priority: Priority) -> Lane:
        oldest = self._tasks.find_one(
            {
                "status": "queued",
                "hint": {"$in": ["due", "sent"]},
                "priority": int(priority),
                "queued_at": {"$gte": EARLIEST, "$lte": LATEST},
            },
            {"queued_at": 1},
            sort=[("queued_at", 1)],
        )
        return Lane(
            priority,
            self._count(Status.QUEUED, priority),
            self._count(Status.RUNNING, priority),
            oldest["queued_at"] if oldest else None,
        )

    def _count(self, status: Status, priority: Priority) -> Count:
        query = {"status": status.value, "priority": int(priority)}
        return Count(self._tasks.count_documents(query, limit=COUNT_LIMIT + 1))

    def ended(self, within: timedelta) -> dict[Status, Count]:
        """How many tasks ended with each outcome."""
        since = utcnow() - within
        found = {}
        for status in sorted(ENDED, key=lambda each: list(Status).index(each)):
            query = {"status": status.value, "priority": {"$in": [0, 1, 2]}, "finished_at": {"$gte": since}}
            found[status] = Count(self._tasks.count_documents(query, limit=COUNT_LIMIT + 1))
        return found

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
        query = {
            "status": {"$in": [Status.SUCCEEDED.value, Status.FAILED.value]},
            "priority": {"$in": [0, 1, 2]},
            "finished_at": {"$gte": since},
        }
        newest = self._tasks.find(query, {"started_at": 1, "finished_at": 1})
        rows = newest.sort([("finished_at", -1), ("_id", -1)]).limit(PACE_READ)
        found = [each for each in rows if is_time(each.get("started_at")) and is_time(each["finished_at"])]
        if len(found) < least:
            return None
        opened = found[-1]["finished_at"] if len(found) == PACE_READ else since
        return len(found) / max(_busy(found, opened).total_seconds(), 0.001)

    def failures(self, within: timedelta) -> list[FailureGroup]:
        """The newest failures by type and error, the most frequent first."""
        query = {
            "status": Status.FAILED.value,
            "priority": {"$in": [0, 1, 2]},
            "finished_at": {"$gte": utcnow() - within},
        }
        found = list(
            self._tasks.find(query, {"type": 1, "error.message": 1, "finished_at": 1})
            .sort([("finished_at", -1), ("_id", -1)])
            .limit(FAILURES_READ)
        )
        found = [each for each in found if is_text(each.get("type")) and is_time(each["finished_at"])]
        counts = Counter((each["type"], _message(each)) for each in found)
        newest = {(each["type"], _message(each)): each for each in reversed(found)}
        return [
            FailureGroup(
                kind, message, count, newest[kind, message]["finished_at"], str(newest[kind, message]["_id"])
            )
            for (kind, message), count in counts.most_common(10)
        ]


def _busy(found: list[Document], opened: datetime) -> timedelta:
    """For how long since ``opened`` at least one of the tasks ran; the last to end comes first."""
    busy, reached = timedelta(0), found[0]["finished_at"]
    for each in found:
        started, rest = max(each["started_at"], opened), reached - each["finished_at"]
        if started < reached:
            busy += reached - started - (rest if rest > PAUSE else timedelta(0))
            reached = started
    return busy


def _message(found: Document) -> str:
    error = found.get("error")
    return str(error.get("message", "") if isinstance(error, dict) else "")[:200]
