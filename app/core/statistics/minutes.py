"""A sample per minute of what ended, waited and ran, and the same per ten minutes, which are kept for longer.

Maintenance writes them, whichever process leads. A sample is of one minute, which is its `_id` in seconds
since 1970. Each number in it is only ever raised (`$max`) to what is counted: so several processes at once,
one that stood still in between and one that was killed half way come to the same. A minute is counted once it
has been over for `GRACE`, and again after `SETTLED`, when every write of its time has arrived.

Six times a minute a process looks at what waits and runs; its look has a place of its own in the sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from app.core.catalog import Catalog, WorkerInfo
from app.core.clock import utcnow
from app.core.listing.stats import QueueStats, Stats
from app.core.mongo import Document, Mongo
from app.core.statistics import quantiles
from app.core.tasks.states import ENDED, Priority, Status

MINUTE, TEN_MINUTES = timedelta(minutes=1), timedelta(minutes=10)
GRACE = timedelta(seconds=10)
SETTLED = timedelta(minutes=2)
BACK = timedelta(hours=1)
"""So far back minutes that nobody counted are counted later."""
AT_ONCE = 20
KEPT = timedelta(hours=3)
TEN_MINUTES_KEPT = timedelta(days=8)
LOOK_S = 10
TIMES_READ = 2_000
"""Queue times are of so many tasks per minute and outcome at most."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
OUTCOMES = tuple(status for status in Status if status in ENDED)
_SEEN = ("looks", "running", "workers", "waiting", "oldest_s")


def floor(at: datetime, step: timedelta) -> datetime:
    """Return when the minute, or another step, began that a time is in."""
    return at - (at - EPOCH) % step


def key_of(at: datetime) -> int:
    """Return a time as `_id`s of samples have it."""
    return int((at - EPOCH).total_seconds())


def _time_of(document: Document) -> datetime:
    return EPOCH + timedelta(seconds=document["_id"])


@dataclass(frozen=True)
class Sample:
    """What a stretch of time was like. ``counted`` is whether what ended in it was counted.

    ``looks`` is how often was looked; ``running`` and ``workers`` are sums over the looks, ``waiting`` and
    ``oldest_s`` the most that was seen. ``queue_times`` is by bucket of `quantiles`.
    """

    ended: Mapping[Status, int] = field(default_factory=dict)
    queue_times: Mapping[int, int] = field(default_factory=dict)
    looks: int = 0
    running: int = 0
    workers: int = 0
    waiting: int = 0
    oldest_s: float = 0.0
    counted: bool = False

    @property
    def utilization(self) -> float | None:
        """The share of the workers that ran a task, from 0 to 1; None where no worker was seen."""
        return min(1.0, self.running / self.workers) if self.workers else None

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Sample:
        """Return several as one."""
        known = list(samples)
        times: dict[int, int] = {}
        for sample in known:
            for bucket, count in sample.queue_times.items():
                times[bucket] = times.get(bucket, 0) + count
        return cls(
            {status: sum(sample.ended.get(status, 0) for sample in known) for status in OUTCOMES},
            times,
            looks=sum(sample.looks for sample in known),
            running=sum(sample.running for sample in known),
            workers=sum(sample.workers for sample in known),
            waiting=max((sample.waiting for sample in known), default=0),
            oldest_s=max((sample.oldest_s for sample in known), default=0.0),
            counted=any(sample.counted for sample in known),
        )

    def raised(self) -> Document:
        """Return the fields of the document, for `$max`."""
        counts = {f"ended.{status.value}": self.ended.get(status, 0) for status in OUTCOMES}
        times = {f"queue_times.{bucket}": count for bucket, count in self.queue_times.items()}
        seen = {f"seen.{name}": getattr(self, name) for name in _SEEN}
        return {**(counts if self.counted else {}), **times, **(seen if self.looks else {})}


class Minutes:
    """The collections `minutes` and `ten_minutes`."""

    def __init__(self, db: Mongo, stats: Stats, catalog: Catalog) -> None:
        self._tasks, self._minutes, self._tens = db.tasks, db.minutes, db.ten_minutes
        self._stats, self._catalog = stats, catalog

    # Writing

    def look(self) -> None:
        """Note what waits and runs now, in this minute's place for now."""
        queues, workers = self._stats.queues(), self._catalog.workers()
        now = utcnow()
        place = f"looks.{now.second // LOOK_S}"
        self._write(self._minutes, floor(now, MINUTE), {"$set": {place: _look(queues, workers, now)}})

    def count(self) -> None:
        """Count the minutes that are over and not counted for good, and the ten minutes around them."""
        now = utcnow()
        newest = floor(now - GRACE, MINUTE) - MINUTE
        states = self._states(newest - BACK)
        due = [
            at for at in _steps(newest - BACK, newest + MINUTE, MINUTE) if _is_due(states.get(at), at, now)
        ]
        counted = due[-AT_ONCE:]  # The newest first: pages show them.
        for at in counted:
            self._write(self._minutes, at, {"$max": self._counted(at).raised()})
        for ten in {floor(at, TEN_MINUTES) for at in [*counted, newest]}:
            self._write(
                self._tens,
                ten,
                {"$max": Sample.of(self._read(self._minutes, ten, ten + TEN_MINUTES).values()).raised()},
            )
        final = [at for at in counted if now - at >= MINUTE + SETTLED]
        if final:
            self._minutes.update_many({"_id": {"$in": [*map(key_of, final)]}}, {"$set": {"final": True}})

    def prune(self) -> int:
        """Delete what is past its retention; returns how many samples."""
        now = utcnow()
        kept = ((self._minutes, KEPT), (self._tens, TEN_MINUTES_KEPT))
        return sum(one.delete_many({"_id": {"$lt": key_of(now - age)}}).deleted_count for one, age in kept)

    def _states(self, since: datetime) -> dict[datetime, Document]:
        found = self._minutes.find({"_id": {"$gte": key_of(since)}}, {"final": 1, "ended": 1})
        return {_time_of(document): document for document in found}

    def _counted(self, at: datetime) -> Sample:
        """Count what ended within a minute, as a list between these times does."""
        ended, times = {}, dict[int, int]()
        for status in OUTCOMES:
            query = {
                "status": status.value,
                "priority": {"$in": [int(priority) for priority in Priority]},
                "finished_at": {"$gte": at, "$lt": at + MINUTE},
            }
            ended[status] = self._tasks.count_documents(query)
            for waited_s in self._queue_times_s(query) if ended[status] else ():
                bucket = quantiles.bucket_of(waited_s)
                times[bucket] = times.get(bucket, 0) + 1
        return Sample(ended, times, counted=True)

    def _queue_times_s(self, query: Document) -> Iterator[float]:
        """Yield how long the latest attempts of tasks waited; of those that know it."""
        newest = [("finished_at", -1), ("_id", -1)]
        for task in self._tasks.find(query, {"queued_at": 1, "started_at": 1}).sort(newest).limit(TIMES_READ):
            queued_at, started_at = task.get("queued_at"), task.get("started_at")
            if isinstance(queued_at, datetime) and isinstance(started_at, datetime):
                waited = started_at - queued_at
                # One that was canceled while it waited for another attempt was queued after it had started.
                if waited >= timedelta(0):
                    yield waited.total_seconds()

    def _write(self, collection: Collection[Document], at: datetime, update: Document) -> None:
        with suppress(DuplicateKeyError):
            collection.update_one({"_id": key_of(at)}, update, upsert=True)
            return
        collection.update_one({"_id": key_of(at)}, update)  # Another process has just made it.

    # Reading

    def read(self, step: timedelta, since: datetime, until: datetime) -> dict[datetime, Sample]:
        """Return the samples of minutes, or of ten minutes, from one time to another; those there are."""
        return self._read(self._minutes if step == MINUTE else self._tens, since, until)

    def _read(
        self, collection: Collection[Document], since: datetime, until: datetime
    ) -> dict[datetime, Sample]:
        found = collection.find({"_id": {"$gte": key_of(since), "$lt": key_of(until)}}).sort([("_id", 1)])
        return {_time_of(document): _sample(document) for document in found}

    def last_look(self) -> datetime | None:
        """Return when was last looked, to within `LOOK_S`; None where nobody did lately."""
        found = self._minutes.find_one(
            {"looks": {"$exists": True}, "_id": {"$gte": key_of(utcnow() - KEPT)}},
            {"looks": 1},
            sort=[("_id", -1)],
        )
        places = [int(place) for place in found["looks"] if place.isdigit()] if found else []
        return _time_of(found) + timedelta(seconds=LOOK_S * max(places)) if found and places else None


def _look(queues: Sequence[QueueStats], workers: Sequence[WorkerInfo], now: datetime) -> Document:
    waits_s = [(now - queue.oldest).total_seconds() for queue in queues if queue.oldest]
    return {
        "running": sum(queue.running.value for queue in queues),
        "workers": sum(worker.ready for worker in workers),
        "waiting": sum(queue.waiting.value for queue in queues),
        "oldest_s": max([0.0, *waits_s]),
    }


def _is_due(state: Document | None, at: datetime, now: datetime) -> bool:
    """Return whether a minute is to be counted: for the first time, or for good."""
    if state is None or "ended" not in state:
        return True
    return not state.get("final") and now - at >= MINUTE + SETTLED


def _steps(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    return [since + step * number for number in range((until - since) // step)]


def _sample(document: Document) -> Sample:
    """Read a sample; of a damaged one, what can be read."""
    looks = [_numbers(look) for look in _parts(document, "looks").values()]
    seen, ended = _numbers(document.get("seen")), _numbers(document.get("ended"))
    if looks:
        seen = {
            "looks": len(looks),
            **{name: sum(look.get(name, 0) for look in looks) for name in ("running", "workers")},
            **{name: max(look.get(name, 0) for look in looks) for name in ("waiting", "oldest_s")},
        }
    times = {
        int(name): int(count)
        for name, count in _numbers(document.get("queue_times")).items()
        if name.isdecimal()
    }
    return Sample(
        {status: int(ended.get(status.value, 0)) for status in OUTCOMES},
        times,
        looks=int(seen.get("looks", 0)),
        running=int(seen.get("running", 0)),
        workers=int(seen.get("workers", 0)),
        waiting=int(seen.get("waiting", 0)),
        oldest_s=float(seen.get("oldest_s", 0.0)),
        counted=bool(ended),
    )


def _parts(document: Document, name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _numbers(found: object) -> dict[str, float]:
    """Return the numbers of a document that are what a sample has."""
    parts = found if isinstance(found, dict) else {}
    return {
        name: number
        for name, number in parts.items()
        if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < 1e15
    }
