"""What has become of the tasks of a batch: counts by status, durations, reasons of failures.

All figures come from one look at its tasks, some at a time, and nothing but these few fields is read. The
look is shared by everybody who watches for two seconds, and for longer where it took long.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from bson import ObjectId

from app.core.batches.batch import Batch, State
from app.core.listing.query_string import MAX_TEXT
from app.core.listing.stats import durations_of, quantile
from app.core.mongo import Document
from app.core.stored import is_time
from app.core.tasks.fingerprint import fingerprint
from app.core.tasks.queries import Queries
from app.core.tasks.states import Status
from app.core.tasks.task import LIVE_STATES

KEPT_S = 2.0
KEPT_TIMES = 5
"""A look is used for so many times as long as it took."""
GROUPS = 20
READ_AT_ONCE = 1_000
_FIELDS = dict.fromkeys(
    ("type", "status", "started_at", "finished_at", "error.type", "error.message", "error_group"), 1
)


@dataclass(frozen=True)
class FailedReason:
    """Failed tasks of one type with errors alike; ``group`` is what a list selects them by, if it can."""

    type: str
    error: str
    count: int
    group: str = ""


@dataclass(frozen=True)
class Summary:
    """The figures of a batch; ``deleted`` are its tasks that are gone, ``to_come`` those not yet there.

    Durations are those of the tasks that succeeded, None where none is known.
    """

    counts: dict[Status, int]
    deleted: int
    median: timedelta | None
    p95: timedelta | None
    longest: timedelta | None
    reasons: tuple[FailedReason, ...]
    to_come: int = 0

    @property
    def total(self) -> int:
        """All of its tasks, those that are gone as well."""
        return sum(self.counts.values()) + self.deleted + self.to_come

    @property
    def ended(self) -> int:
        """How many will not change by themselves."""
        return self.total - self.to_come - sum(self.counts[status] for status in LIVE_STATES)

    @property
    def live(self) -> bool:
        """Whether something may still change by itself."""
        return self.ended < self.total


@dataclass
class _Look:
    summary: Summary | None = None
    until: float = 0.0


@lru_cache(maxsize=256)
def _look(queries: Queries, batch_id: ObjectId) -> _Look:
    return _Look()


def summarized(queries: Queries, batch: Batch) -> Summary:
    """Return the figures of a batch."""
    look, began = _look(queries, batch.id), time.monotonic()
    if look.summary is None or began >= look.until:
        look.summary = _summary(batch, list(_read(queries, batch)))
        took = time.monotonic() - began
        look.until = began + max(KEPT_S, KEPT_TIMES * took)
    return look.summary


def _read(queries: Queries, batch: Batch) -> Iterator[Document]:
    ids = batch.task_ids
    for at in range(0, len(ids), READ_AT_ONCE):
        yield from queries.fields_of(ids[at : at + READ_AT_ONCE], _FIELDS)


def _summary(batch: Batch, tasks: list[Document]) -> Summary:
    counts = Counter(task.get("status") for task in tasks)
    took = durations_of(
        [
            task
            for task in tasks
            if task.get("status") == Status.SUCCEEDED.value and is_time(task.get("finished_at"))
        ]
    )
    failed = [task for task in tasks if task.get("status") == Status.FAILED.value]
    absent = len(batch.task_ids) - len(tasks)
    # None of its tasks can be deleted before all of them are there.
    to_come = absent if batch.state is State.WHOLE else 0
    return Summary(
        counts={status: counts[status.value] for status in Status},
        deleted=absent - to_come,
        to_come=to_come,
        median=quantile(took, 0.5),
        p95=quantile(took, 0.95),
        longest=took[-1] if took else None,
        reasons=_reasons(failed),
    )


def _reasons(failed: list[Document]) -> tuple[FailedReason, ...]:
    """Return failures by type and kind of error, the most frequent first."""
    groups: dict[tuple[str, str, bool], list[Document]] = {}
    for task in failed:
        stored = task.get("error_group")
        known = isinstance(stored, str) and bool(stored)
        group = str(stored) if known else fingerprint(_message(task))
        groups.setdefault((str(task.get("type")), group, known), []).append(task)
    most = sorted(groups.items(), key=lambda found: len(found[1]), reverse=True)[:GROUPS]
    return tuple(
        FailedReason(kind, _told(group, tasks), len(tasks), group if known else "")
        for (kind, group, known), tasks in most
    )


def _told(group: str, tasks: list[Document]) -> str:
    """Return what errors say: all the same, or what is alike in them."""
    same = {_message(task) for task in tasks}
    return same.pop() if len(same) == 1 else group


def _message(task: Document) -> str:
    error = task.get("error")
    return str(error.get("message", "") if isinstance(error, dict) else "")[:MAX_TEXT]
