"""The place of a page in a list: the sort key and `_id` of the row next to it, so that no row is counted.

By hand because libraries for pages of MongoDB count and skip rows, or know one direction only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Protocol

from bson import ObjectId

from app.core.errors import BadQuery
from app.core.listing.search_index import Expansion
from app.core.mongo import Document
from app.core.tasks.task import Task, parse_task_id

CURSOR = "^([0-9]{1,14}-[0-9a-fA-F]{24})?$"
"""How a cursor is written, or none."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Page:
    """Rows in the order asked for; a cursor is empty where there is nothing further.

    ``cut`` are the words of the search that stand for more than was looked for; ``ranked_of`` is how many of
    the newest tasks were put into the order, where there are more. ``newest`` is, on the first page of a list
    with the newest first, the cursor of what comes later.
    """

    tasks: list[Task]
    next: str = ""
    previous: str = ""
    cut: tuple[Expansion, ...] = ()
    ranked_of: int = 0
    newest: str = ""


class Row(Protocol):
    """What is listed: a task, an entry of the audit."""

    @property
    def id(self) -> ObjectId: ...


def milliseconds(moment: datetime) -> int:
    """Return how long after `EPOCH` a moment is."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def encode(row: Row, sort_field: str) -> str:
    """The cursor of a row."""
    return f"{milliseconds(getattr(row, sort_field))}-{row.id}"


def split(cursor: str) -> tuple[int, ObjectId]:
    """Return the two parts of a cursor. Raises BadQuery."""
    stamp, _, task = cursor.partition("-")
    task_id = parse_task_id(task)
    if not re.fullmatch(CURSOR, cursor) or task_id is None:
        raise BadQuery("This page of the list doesn't exist. Start again from the first page.")
    return int(stamp), task_id


def decode(cursor: str) -> tuple[datetime, ObjectId]:
    """Return the sort value and the ID of a cursor's row. Raises BadQuery."""
    stamp, task_id = split(cursor)
    return EPOCH + timedelta(milliseconds=stamp), task_id


def beyond(sort_field: str, descending: bool, cursor: str, bounds: Document) -> Document:
    """The rows after a cursor. The outer bound is what the index seeks to; the `$or` only breaks ties."""
    moment, task_id = decode(cursor)
    strict, loose = ("$lt", "$lte") if descending else ("$gt", "$gte")
    ties = [{sort_field: {strict: moment}}, {sort_field: moment, "_id": {strict: task_id}}]
    return {sort_field: {**bounds, loose: moment}, "$or": ties}
