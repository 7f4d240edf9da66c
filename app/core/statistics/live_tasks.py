"""How many tasks of each type wait or run where: counted once a minute by maintenance, kept in one document.

A scrape reads that document, so it costs the same whatever the backlog. Each count stops at `MOST`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.clock import utcnow
from app.core.mongo import Mongo
from app.core.statistics.metrics import MOST_VALUES, OTHER
from app.core.stored import is_count, is_text, is_time
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import LIVE_STATES

MOST = 100_000
LIVE = "live_tasks"


@dataclass(frozen=True)
class LiveCount:
    """So many tasks of a type, or of all others (`OTHER`), are in a status and a queue."""

    status: str
    type: str
    priority: str
    count: int


class LiveTasks:
    """The document `live_tasks` of the collection `figures`."""

    def __init__(self, db: Mongo) -> None:
        self._tasks, self._types, self._figures = db.tasks, db.task_types, db.figures

    def count(self) -> None:
        """Count, and keep what was counted."""
        rows = [[row.status, row.type, row.priority, row.count] for row in self._counted()]
        self._figures.update_one({"_id": LIVE}, {"$set": {"at": utcnow(), "rows": rows}}, upsert=True)

    def read(self) -> tuple[datetime | None, list[LiveCount]]:
        """Return when was last counted, and what; nothing where nobody did."""
        found = self._figures.find_one({"_id": LIVE}) or {}
        rows, at = found.get("rows"), found.get("at")
        return (at if is_time(at) else None), [
            *map(_row, filter(_is_row, rows if isinstance(rows, list) else []))
        ]

    def _counted(self) -> Iterator[LiveCount]:
        names = [
            found["_id"] for found in self._types.find({}, {"_id": 1}).sort([("_id", 1)]).limit(MOST_VALUES)
        ]
        for status in (status for status in Status if status in LIVE_STATES):
            for priority in Priority:
                query = {"status": status.value, "priority": int(priority)}
                rest = self._tasks.count_documents(query, limit=MOST)
                for name in names if rest else ():
                    count = self._tasks.count_documents({"type": name, **query}, limit=MOST)
                    rest -= count
                    yield LiveCount(status.value, name, priority.word, count)
                yield LiveCount(status.value, OTHER, priority.word, max(0, rest))


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 4 and all(map(is_text, row[:3])) and is_count(row[3])


def _row(row: list[Any]) -> LiveCount:
    return LiveCount(*row)
