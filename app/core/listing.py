"""Lists of tasks: the filter that owns the query string, keyset pages, and counts.

A page is found by the sort key and `_id` of the row before it, in both directions, so page 4,000
costs what page 1 costs. Every filter and sort offered here is served by an index in `db.LISTS`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from bson import ObjectId

from app.core.db import Document, Mongo
from app.core.errors import BadQuery
from app.core.reads import read_tasks
from app.core.states import ENDED, Priority, Status
from app.core.task import Task, parse_task_id, tag_keyword, tag_of, words_of
from app.core.words import Words

SORTS = {"created": "created_at", "finished": "finished_at"}
PAGE_SIZES = (25, 50, 100, 200)
COUNT_LIMIT = 10_000
MAX_TEXT = 200
COUNTS_KEPT_S = 1.0
LIGHT = {"result": 0}  # what no list shows, and what may be large
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NAMES = {
    "sort": "sort",
    "per_page": "page size",
    "order": "order",
    "status": "status",
    "priority": "priority",
}


@dataclass(frozen=True)
class TaskFilter:
    """What a list shows; equal to its query string. ``after`` and ``before`` are cursors."""

    status: str = ""
    priority: str = ""
    type: str = ""
    tag: str = ""
    q: str = ""
    sort: str = "created"
    order: str = "desc"
    per_page: int = 25
    after: str = ""
    before: str = ""
    last: str = ""

    @classmethod
    def parse(cls, args: Mapping[str, Sequence[str]]) -> TaskFilter:
        """Read a query string. Raises BadQuery for an unknown or repeated name or a value not offered."""
        values: dict[str, Any] = {}
        for name, texts in args.items():
            if name not in cls.__dataclass_fields__:
                known = ", ".join(field.name for field in fields(cls))
                raise BadQuery(f"There is no filter “{name[:MAX_TEXT]}”. There are: {known}.")
            if len(texts) != 1:
                raise BadQuery(f"The filter “{name}” may be given once.")
            if texts[0]:
                values[name] = _value(name, texts[0].strip())
        if len(values.keys() & {"after", "before", "last"}) > 1:
            raise BadQuery("A page of the list has one place: after, before or last.")
        return cls(**values)

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    @property
    def sort_field(self) -> str:
        return SORTS[self.sort]

    def args(self, **changes: Any) -> dict[str, Any]:
        """The query string of this filter with changes; only what differs from the defaults.

        The cursor is only what the changes say, so any other change leads back to the first page.
        """
        changed = replace(self, **{"after": "", "before": "", "last": "", **changes})
        return {
            each.name: getattr(changed, each.name)
            for each in fields(self)
            if getattr(changed, each.name) != each.default
        }

    @property
    def narrowing(self) -> dict[str, str]:
        """The filters that are on, for chips: name to value."""
        return {
            name: value
            for name in ("status", "priority", "type", "tag", "q")
            if (value := getattr(self, name))
        }


def _value(name: str, text: str) -> Any:
    offered: dict[str, Sequence[str]] = {
        "status": [status.value for status in Status],
        "priority": [priority.word for priority in Priority],
        "sort": list(SORTS),
        "order": ["asc", "desc"],
        "per_page": [str(size) for size in PAGE_SIZES],
        "last": ["1"],
    }
    if name in offered and text not in offered[name]:
        raise BadQuery(
            f"“{text[:MAX_TEXT]}” is not a {_NAMES.get(name, name)} offered here. "
            f"There are: {', '.join(offered[name])}."
        )
    if len(text) > MAX_TEXT:
        raise BadQuery(f"The filter “{name}” takes at most {MAX_TEXT} characters.")
    if name in ("after", "before"):
        _decode(text)
    if name == "tag":
        return tag_of(text)
    return int(text) if name == "per_page" else text


def _encode(task: Task, sort_field: str) -> str:
    moment: datetime = getattr(task, sort_field)
    return f"{(moment - EPOCH) // timedelta(milliseconds=1)}-{task.id}"


def _decode(cursor: str) -> tuple[datetime, ObjectId]:
    stamp, _, task = cursor.partition("-")
    task_id = parse_task_id(task)
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15) or task_id is None:
        raise BadQuery("This page of the list is not understood. Please start again from its first page.")
    return EPOCH + timedelta(milliseconds=int(stamp)), task_id


@dataclass(frozen=True)
class Page:
    """Rows in the order asked for; a cursor is empty where there is nothing further."""

    tasks: list[Task]
    next: str = ""
    previous: str = ""


@dataclass(frozen=True)
class Count:
    """Exact up to `COUNT_LIMIT`, then "10,000+"."""

    value: int

    def __str__(self) -> str:
        return f"{COUNT_LIMIT:,}+" if self.value > COUNT_LIMIT else f"{self.value:,}"


class Listing:
    """Pages and counts over the tasks of ``db``."""

    def __init__(self, db: Mongo) -> None:
        self._tasks = db.tasks
        self._words = Words(db)
        self._counts: dict[TaskFilter, tuple[float, dict[str, Count]]] = {}

    def query(self, wanted: TaskFilter) -> Document:
        """The MongoDB filter of a TaskFilter, without its cursor: equality fields and their values."""
        query: Document = {}
        if wanted.type:
            query["type"] = wanted.type
        if wanted.tag or wanted.q:
            query.update(self._keywords(wanted))
        if wanted.sort == "finished":
            query["finished_at"] = {"$gt": EPOCH}
        if wanted.status or wanted.priority or len(query) > (wanted.sort == "finished"):
            query["status"] = wanted.status or {"$in": self._statuses(wanted)}
            query["priority"] = (
                int(Priority.from_word(wanted.priority)) if wanted.priority else {"$in": [0, 1, 2]}
            )
        return query

    def _statuses(self, wanted: TaskFilter) -> list[str]:
        """Every status that can be in the list; naming them all lets one index serve every choice."""
        return [status.value for status in Status if wanted.sort == "created" or status in ENDED]

    def _keywords(self, wanted: TaskFilter) -> Document:
        """The words and the tag of a filter; a tag is a keyword of its own kind, so one index serves both."""
        task_id = parse_task_id(wanted.q)
        query: Document = {"_id": task_id} if task_id else {}
        groups: list[Document] = [{"keywords": tag_keyword(wanted.tag)}] if wanted.tag else []
        if wanted.q and not task_id:
            groups += [{"keywords": {"$in": self._words.expand(word)}} for word in self._words_of(wanted.q)]
        if groups:
            query.update(groups[0] if len(groups) == 1 else {"$and": groups})
        return query

    def _words_of(self, q: str) -> list[str]:
        words = words_of(q)
        if not words:
            raise BadQuery("Please search for a word of at least two letters, or for the ID of a task.")
        return words[:5]

    def page(self, wanted: TaskFilter) -> Page:
        """One page; reads one row more than it shows, to know whether there is a next one."""
        backwards = bool(wanted.before or wanted.last)
        descending = wanted.descending != backwards
        query = self.query(wanted)
        cursor = wanted.after or wanted.before
        if cursor:
            query.update(_beyond(wanted.sort_field, descending, cursor, query.get(wanted.sort_field, {})))
        order = [(wanted.sort_field, -1 if descending else 1), ("_id", -1 if descending else 1)]
        found = read_tasks(self._tasks, query, order, wanted.per_page + 1, LIGHT)
        more, rows = len(found) > wanted.per_page, found[: wanted.per_page]
        if backwards:
            rows.reverse()
        return _page(
            rows,
            wanted,
            more_after=more if not backwards else bool(wanted.before),
            more_before=more if backwards else bool(wanted.after),
        )

    def walk(
        self, wanted: TaskFilter, statuses: Collection[Status], until: datetime, after: str, limit: int
    ) -> Page:
        """The next of all tasks that a filter matches in some states, oldest first, made until then.

        Whoever changes them meanwhile meets each once; ``next`` is where to go on.
        """
        among = self.among(wanted, statuses)
        query = self.walked(wanted, among, until, after)
        order = [("created_at", 1), ("_id", 1)]
        tasks = read_tasks(self._tasks, query, order, limit, LIGHT) if among else []
        return Page(tasks, next=_encode(tasks[-1], "created_at") if len(tasks) == limit else "")

    def walked(self, wanted: TaskFilter, among: Collection[Status], until: datetime, after: str) -> Document:
        """The MongoDB filter of a walk, which names status and priority so that one index serves them all."""
        query: Document = {
            "priority": {"$in": [0, 1, 2]},
            **self.query(replace(wanted, sort="created", status="")),
            "status": {"$in": [status.value for status in among]},
            "created_at": {"$lte": until},
        }
        if after:
            query.update(_beyond("created_at", False, after, query["created_at"]))
        return query

    def among(self, wanted: TaskFilter, statuses: Collection[Status]) -> list[Status]:
        """Those of the states in which a task can be in the list."""
        shown = [wanted.status] if wanted.status else self._statuses(wanted)
        return [status for status in Status if status in statuses and status.value in shown]

    def counts(self, wanted: TaskFilter) -> dict[str, Count]:
        """How many tasks each status tab holds under the other filters; `""` is all of them.

        Kept for a second, so that many viewers cost what one does.
        """
        key = TaskFilter(priority=wanted.priority, type=wanted.type, tag=wanted.tag, q=wanted.q)
        kept = self._counts.get(key)
        if kept and time.monotonic() - kept[0] < COUNTS_KEPT_S:
            return kept[1]
        counts = {status.value: self.count(replace(key, status=status.value)) for status in Status}
        counts[""] = Count(sum(count.value for count in counts.values()))
        if len(self._counts) > 200:
            self._counts.clear()
        self._counts[key] = (time.monotonic(), counts)
        return counts

    def count_in(self, wanted: TaskFilter, statuses: Collection[Status]) -> Count:
        """How many of the tasks that a filter matches are in one of these states."""
        each = [self.count(replace(wanted, status=status.value)) for status in self.among(wanted, statuses)]
        return Count(sum(count.value for count in each))

    def count(self, wanted: TaskFilter) -> Count:
        return Count(self._tasks.count_documents(self.query(wanted), limit=COUNT_LIMIT + 1))


def _beyond(sort_field: str, descending: bool, cursor: str, bounds: Document) -> Document:
    """The rows after a cursor. The outer bound is what the index seeks to; the `$or` only breaks ties."""
    moment, task_id = _decode(cursor)
    strict, loose = ("$lt", "$lte") if descending else ("$gt", "$gte")
    ties = [{sort_field: {strict: moment}}, {sort_field: moment, "_id": {strict: task_id}}]
    return {sort_field: {**bounds, loose: moment}, "$or": ties}


def _page(rows: list[Task], wanted: TaskFilter, *, more_after: bool, more_before: bool) -> Page:
    if not rows:
        return Page([])
    return Page(
        rows,
        next=_encode(rows[-1], wanted.sort_field) if more_after else "",
        previous=_encode(rows[0], wanted.sort_field) if more_before else "",
    )
