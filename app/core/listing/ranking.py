"""Orders that no index has: by when tasks started, how long they ran, and how long they were queued.

An index for each such order would be written at every change of every task. Instead the newest `MOST` tasks
of a list are read, a few fields of each, and put into the order; a list that has more says so. Tasks without
a value come last, whichever way the list is sorted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.listing.cursors import milliseconds, split
from app.core.mongo import Document
from app.core.stored import is_time
from app.core.tasks.states import WAITING, Status

MOST = 2_000
FIELDS = {"status": 1, "queued_at": 1, "started_at": 1, "finished_at": 1}
NONE = 99_999_999_999_999
"""The value of a task that has none, in a cursor."""

_MS = timedelta(milliseconds=1)
_WAITING = frozenset(status.value for status in WAITING)
Place = tuple[bool, int, int]


@dataclass(frozen=True)
class Cut:
    """Some of the tasks in their order; ``before`` and ``after`` are cursors, empty at an end."""

    ids: list[ObjectId]
    before: str
    after: str


class Ranking:
    """The order of some tasks by ``sort``."""

    def __init__(self, found: Iterable[Document], sort: str, *, descending: bool) -> None:
        self._way = -1 if descending else 1
        value_of = _VALUES[sort]
        values = {task["_id"]: value_of(task) for task in found}
        self._ids = sorted(values, key=lambda one: self._place(values[one], one))
        self._values = values
        self._places = [self._place(values[one], one) for one in self._ids]

    def _place(self, value: int, task_id: ObjectId) -> Place:
        return value == NONE, self._way * value, self._way * int(str(task_id), 16)

    def cut(self, size: int, after: str = "", before: str = "", *, last: bool = False) -> Cut:
        """Return those next to a cursor, the first or the last ones. Raises BadQuery."""
        if before or last:
            stop = bisect_left(self._places, self._place(*split(before))) if before else len(self._ids)
            start = max(0, stop - size)
        else:
            start = bisect_right(self._places, self._place(*split(after))) if after else 0
            stop = start + size
        ids = self._ids[start:stop]
        return Cut(
            ids,
            before=self._cursor(ids[0]) if ids and start > 0 else "",
            after=self._cursor(ids[-1]) if ids and stop < len(self._ids) else "",
        )

    def _cursor(self, task_id: ObjectId) -> str:
        return f"{self._values[task_id]}-{task_id}"


def _moment(task: Document, field: str) -> datetime | None:
    found = task.get(field)
    return found if is_time(found) else None


def _at(field: str) -> Callable[[Document], int]:
    def value(task: Document) -> int:
        moment = _moment(task, field)
        return max(0, milliseconds(moment)) if moment else NONE

    return value


def _between(started: datetime | None, ended: datetime | None) -> int:
    return max(0, (ended - started) // _MS) if started and ended else NONE


def _duration(task: Document) -> int:
    """How long the last attempt ran, or has run so far, as the list says it."""
    if task.get("status") in _WAITING:
        return NONE
    now = utcnow() if task.get("status") == Status.RUNNING.value else None
    return _between(_moment(task, "started_at"), _moment(task, "finished_at") or now)


def _queue_time(task: Document) -> int:
    """How long the task was queued before its last attempt, or has been so far."""
    if task.get("status") == Status.QUEUED.value:
        return _between(_moment(task, "queued_at"), utcnow())
    return _between(_moment(task, "queued_at"), _moment(task, "started_at"))


_VALUES: dict[str, Callable[[Document], Any]] = {
    "started": _at("started_at"),
    "finished": _at("finished_at"),
    "duration": _duration,
    "queue_time": _queue_time,
}
