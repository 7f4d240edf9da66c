"""Lists of tasks: keyset pages and counts under a filter (`filter`).

A page is found by the sort key and `_id` of the row before it, in both directions, so page 4,000
costs what page 1 costs. Every filter offered here is served by an index in `schema.indexes.LISTS`, and so are
the sorts by when tasks were created and when they finished. By priority, the three queues are read one after
the other; the other orders are made of a bounded number of tasks (`ranking`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import BadQuery, BadSearch
from app.core.listing import ranking
from app.core.listing.cursors import EPOCH, Page, beyond, encode, milliseconds, split
from app.core.listing.filter import ENDED_WITHIN, SORTS, TaskFilter
from app.core.listing.query_string import MAX_TEXT
from app.core.listing.search import Search, Sought
from app.core.listing.search_index import Words
from app.core.mongo import Document, Mongo
from app.core.tasks.queries import read_tasks
from app.core.tasks.states import ENDED, Priority, Status
from app.core.tasks.task import (
    LIVE_STATES,
    TEAM_KEYWORD,
    Task,
    batch_keyword,
    child_keyword,
    owner_keyword,
    private_keyword,
    tag_keyword,
)

COUNT_LIMIT = 10_000
MOST_NEW = 100
EXPORTED_AT_ONCE = 100
COUNTS_KEPT_S = 1.0
LIGHT = {"result": 0}  # what no list shows, and what may be large


@dataclass(frozen=True)
class Count:
    """Exact up to `COUNT_LIMIT`, then "10,000+"."""

    value: int

    def __str__(self) -> str:
        return f"{COUNT_LIMIT:,}+" if self.value > COUNT_LIMIT else f"{self.value:,}"


def entered_at(statuses: Collection[Status]) -> str:
    """Return the field that says when a task came into these states.

    What changes among all live states stays among them: only a retry brings a task there.
    """
    return "retried_at" if LIVE_STATES.issubset(statuses) else "status_at"


def unchanged(statuses: Collection[Status], since: datetime) -> Document:
    """Return the part of a query that leaves out tasks which came into these states after a moment."""
    return {entered_at(statuses): {"$not": {"$gt": since}}}


def one_or_in(values: Sequence[Any]) -> Any:
    """Return the condition on a field that has one of these values."""
    return values[0] if len(values) == 1 else {"$in": list(values)}


def _beginning(text: str) -> Any:
    """Return the condition on a text that begins so; a short one is meant as a whole."""
    return text if len(text) < MAX_TEXT else {"$gte": text, "$lt": f"{text}\U0010ffff"}


_OF_PRIORITY = 10**13
"""In a cursor of a list by priority, what stands for the priority is so many times it."""


def _cursor(wanted: TaskFilter, task: Task) -> str:
    if wanted.sort != "priority":
        return encode(task, wanted.sort_field)
    stamp = (int(task.priority) + 1) * _OF_PRIORITY + milliseconds(getattr(task, wanted.sort_field))
    return f"{stamp}-{task.id}"


class Listing:
    """Pages and counts over the tasks of ``db``."""

    def __init__(self, db: Mongo, words: Words | None = None) -> None:
        self._tasks = db.tasks
        self._search = Search(db.tasks, words or Words(db))
        self._within: tuple[str, ...] = ()
        self._counts: dict[tuple[tuple[str, ...], TaskFilter], tuple[float, dict[str, Count]]] = {}

    def within(self, keywords: tuple[str, ...]) -> Listing:
        """Return the same lists of those tasks only that have one of these keywords; without any, of all."""
        if not keywords:
            return self
        narrowed = copy(self)
        narrowed._within = keywords
        return narrowed

    @property
    def condition(self) -> Document:
        """The part of a query that leaves out the tasks which these lists do not have."""
        return {"keywords": one_or_in(self._within)} if self._within else {}

    def query(self, wanted: TaskFilter) -> Document:
        """The MongoDB filter of a TaskFilter, without its cursor: equality fields and their values."""
        return self._query(wanted, self._sought(wanted))

    def _query(self, wanted: TaskFilter, sought: Sought, now: datetime | None = None) -> Document:
        """``now`` is the moment from which "in the last hour" counts back."""
        query: Document = {}
        if wanted.type:
            query["type"] = wanted.type
        named = wanted.tag or wanted.batch or wanted.child_of or wanted.owner
        if named or self._within or sought.asks:
            query.update(self._keywords(wanted, sought))
        if wanted.error:
            query["error.message"] = _beginning(wanted.error.replace("\r\n", "\n"))
        if wanted.error_group:
            query["error_group"] = wanted.error_group
        narrowed = bool(query or wanted.finished or (wanted.ranked and not wanted.can_live))
        if wanted.created:
            query["created_at"] = wanted.created
        if wanted.ended:
            query["finished_at"] = {"$gte": (now or utcnow()) - ENDED_WITHIN[wanted.ended]}
        elif wanted.finished:
            query["finished_at"] = {"$gt": EPOCH, **wanted.finished}
        elif wanted.sort == "finished":
            query["finished_at"] = {"$gt": EPOCH}
        if wanted.status or wanted.priority or narrowed:
            query["status"] = one_or_in(self._statuses(wanted))
            query["priority"] = (
                int(Priority.from_word(wanted.priority)) if wanted.priority else {"$in": [0, 1, 2]}
            )
        return query

    def _statuses(self, wanted: TaskFilter) -> list[str]:
        """Every status that can be in the list; naming them all lets one index serve every choice."""
        if wanted.status:
            return list(wanted.statuses)
        return [status.value for status in Status if wanted.can_live or status in ENDED]

    def ids_of(self, text: str) -> tuple[ObjectId, ...] | None:
        """Return the IDs that a search names; None where it names none."""
        return self._search.ids_of(text, self.condition)

    def _sought(self, wanted: TaskFilter) -> Sought:
        """Raises BadSearch."""
        return self._search.of(wanted, self.condition)

    def _whole(self, wanted: TaskFilter) -> Sought:
        """Return the same for an action on all that match. Raises BadQuery where a search shows only some."""
        sought = self._sought(wanted)
        if sought.cut:
            raise BadQuery(
                f"Too many matches for “{sought.cut[0].prefix}”, so these are not all tasks. "
                "Nothing was changed. Type more letters first."
            )
        return sought

    def _keywords(self, wanted: TaskFilter, sought: Sought) -> Document:
        """The words, tag, batch, task above and owner of a filter, and the condition of these lists.

        Each is a keyword of its own kind, so one index serves them all.
        """
        query: Document = {} if sought.ids is None else {"_id": {"$in": list(sought.ids)}}
        if sought.ids and len(sought.ids) == 1:
            query["_id"] = sought.ids[0]
        tags = dict.fromkeys([wanted.tag] if wanted.tag else []) | dict.fromkeys(sought.tags)
        groups: list[Document] = [{"keywords": tag_keyword(tag)} for tag in tags]
        if wanted.batch:
            groups.append({"keywords": batch_keyword(wanted.batch)})
        if wanted.child_of:
            groups.append({"keywords": child_keyword(wanted.child_of)})
        if wanted.owner:
            groups.append({"keywords": owner_keyword(wanted.owner)})
        groups += [{"keywords": {"$in": list(word.words)}} for word in sought.words]
        if self._within and not self._holds_all_of(wanted.owner):
            groups.append(self.condition)
        if groups:
            query.update(groups[0] if len(groups) == 1 else {"$and": groups})
        return query

    def _holds_all_of(self, owner: str) -> bool:
        """Return whether these lists have every task of an owner."""
        within = {*self._within}
        return bool(owner) and (
            owner_keyword(owner) in within or {TEAM_KEYWORD, private_keyword(owner)} <= within
        )

    def page(self, wanted: TaskFilter) -> Page:
        """One page; reads one row more than it shows, to know whether there is a next one."""
        sought = self._sought(wanted)
        if wanted.ranked:
            return self._ranked(wanted, sought)
        backwards = bool(wanted.before or wanted.last)
        limit, cursor = wanted.per_page + 1, wanted.after or wanted.before
        if wanted.sort == "priority":
            found = self._by_priority(wanted, sought, backwards, cursor, limit)
        else:
            found = self._rows(wanted, self._query(wanted, sought), backwards, cursor, limit)
        more, rows = len(found) > wanted.per_page, found[: wanted.per_page]
        if backwards:
            rows.reverse()
        more_after, more_before = (bool(wanted.before), more) if backwards else (more, bool(wanted.after))
        return Page(
            rows,
            next=_cursor(wanted, rows[-1]) if rows and more_after else "",
            previous=_cursor(wanted, rows[0]) if rows and more_before else "",
            cut=sought.cut,
            newest=self._newest(wanted, rows),
        )

    def _newest(self, wanted: TaskFilter, rows: Sequence[Task]) -> str:
        """Return where tasks will stand that come into a list from now on; empty where it is not the top."""
        if wanted.after or wanted.before or wanted.last or wanted.sort not in SORTS or not wanted.descending:
            return ""
        return encode(rows[0], wanted.sort_field) if rows else f"{milliseconds(utcnow())}-{ObjectId()}"

    def _rows(
        self, wanted: TaskFilter, query: Document, backwards: bool, cursor: str, limit: int
    ) -> list[Task]:
        """The tasks of a query next to a cursor, nearest first."""
        field, descending = wanted.sort_field, wanted.descending != backwards
        if cursor:
            query = {**query, **beyond(field, descending, cursor, query.get(field, {}))}
        way = -1 if descending else 1
        return read_tasks(self._tasks, query, [(field, way), ("_id", way)], limit, LIGHT)

    def _by_priority(
        self, wanted: TaskFilter, sought: Sought, backwards: bool, cursor: str, limit: int
    ) -> list[Task]:
        """The same in the order of priorities: each is a list of its own, one behind the other."""
        priorities = list(Priority) if wanted.descending != backwards else list(reversed(Priority))
        stamp, task_id = split(cursor) if cursor else (0, None)
        reached = stamp // _OF_PRIORITY - 1
        if cursor and reached not in priorities:
            raise BadSearch("This page of the list doesn't exist. Start again from the first page.")
        found: list[Task] = []
        for priority in priorities[priorities.index(Priority(reached)) if cursor else 0 :]:
            if len(found) < limit and wanted.priority in ("", priority.word):
                query = self._query(replace(wanted, priority=priority.word), sought)
                near = f"{stamp % _OF_PRIORITY}-{task_id}" if cursor and priority == reached else ""
                found += self._rows(wanted, query, backwards, near, limit - len(found))
        return found

    def _ranked(self, wanted: TaskFilter, sought: Sought) -> Page:
        """A page of the newest tasks of a list, put into an order that no index has."""
        order = [(wanted.sort_field, -1), ("_id", -1)]
        query = self._query(wanted, sought)
        found = list(self._tasks.find(query, ranking.FIELDS).sort(order).limit(ranking.MOST + 1))
        ranked = ranking.Ranking(found[: ranking.MOST], wanted.sort, descending=wanted.descending)
        cut = ranked.cut(wanted.per_page, wanted.after, wanted.before, last=bool(wanted.last))
        read = read_tasks(self._tasks, {"_id": {"$in": cut.ids}}, [("_id", 1)], len(cut.ids), LIGHT)
        tasks = {task.id: task for task in read}
        return Page(
            [tasks[one] for one in cut.ids if one in tasks],
            next=cut.after,
            previous=cut.before,
            cut=sought.cut,
            ranked_of=ranking.MOST if len(found) > ranking.MOST else 0,
        )

    def newer(self, wanted: TaskFilter, cursor: str) -> int:
        """Return how many tasks a list has before a cursor, counted up to `MOST_NEW`."""
        query = self._query(wanted, self._sought(wanted))
        query.update(beyond(wanted.sort_field, False, cursor, query.get(wanted.sort_field, {})))
        return int(self._tasks.count_documents(query, limit=MOST_NEW))

    def require_whole(self, wanted: TaskFilter) -> None:
        """Raise BadQuery where a search shows only some of what it stands for."""
        if cut := self._sought(wanted).cut:
            raise BadQuery(f"Too many matches for “{cut[0].prefix}”. Type more letters, and export again.")

    def every(self, wanted: TaskFilter) -> Iterator[Task]:
        """Yield every task of a list, newest first, in memory that does not grow with them."""
        wanted = replace(
            wanted,
            status=",".join(self._statuses(wanted)),
            sort="finished" if wanted.sort_field == "finished_at" else "created",
            order="desc",
            per_page=EXPORTED_AT_ONCE,
            after="",
            before="",
            last="",
        )
        while True:
            page = self.page(wanted)
            yield from page.tasks
            if not page.next:
                return
            wanted = replace(wanted, after=page.next)

    def walk(
        self, wanted: TaskFilter, statuses: Collection[Status], until: datetime, after: str, limit: int
    ) -> Page:
        """The next of all tasks that a filter matches in some states, oldest first, made until then.

        A caller that changes them meanwhile meets each once; ``next`` is where to resume. Raises BadQuery.
        """
        among = self.among(wanted, statuses)
        query = self.walked(wanted, among, until, after)
        order = [("created_at", 1), ("_id", 1)]
        tasks = read_tasks(self._tasks, query, order, limit, LIGHT) if among else []
        return Page(tasks, next=encode(tasks[-1], "created_at") if len(tasks) == limit else "")

    def walked(self, wanted: TaskFilter, among: Collection[Status], until: datetime, after: str) -> Document:
        """The MongoDB filter of a walk, which names status and priority so that one index serves them all."""
        query: Document = {
            "priority": {"$in": [0, 1, 2]},
            **self._query(replace(wanted, sort="created", status=""), self._whole(wanted), until),
            "status": {"$in": [status.value for status in among]},
            "created_at": {**wanted.created, "$lte": until},
            **unchanged(among, until),
        }
        if after:
            query.update(beyond("created_at", False, after, query["created_at"]))
        return query

    def among(self, wanted: TaskFilter, statuses: Collection[Status]) -> list[Status]:
        """Those of the states in which a task can be in the list."""
        shown = self._statuses(wanted)
        return [status for status in Status if status in statuses and status.value in shown]

    def counts(self, wanted: TaskFilter) -> dict[str, Count]:
        """How many tasks each status tab holds under the other filters; `""` is all that are in the list.

        Kept for a second, so that many viewers cost what one does.
        """
        narrowing = {name: text for name, text in wanted.narrowing.items() if name != "status"}
        key = TaskFilter(**narrowing)  # type: ignore[arg-type]  # what narrows is text
        place = self._within, key
        kept = self._counts.get(place)
        if not kept or time.monotonic() - kept[0] >= COUNTS_KEPT_S:
            if len(self._counts) > 200:
                self._counts.clear()
            kept = self._counts[place] = (time.monotonic(), self._counted(key))
        shown = self._statuses(replace(wanted, status=""))
        return {**kept[1], "": Count(sum(kept[1][status].value for status in shown))}

    def _counted(self, key: TaskFilter) -> dict[str, Count]:
        sought = self._sought(key)
        return {
            status.value: self._count(self._query(replace(key, status=status.value), sought))
            for status in Status
        }

    def count_in(self, wanted: TaskFilter, statuses: Collection[Status], tag: str = "") -> Count:
        """How many of the tasks that a filter matches are in one of these states, and have a tag.

        Raises BadQuery.
        """
        sought, among = self._whole(wanted), self.among(wanted, statuses)
        sought = replace(sought, tags=(tag,)) if tag else sought
        counts = [self._count(self._query(replace(wanted, status=one.value), sought)) for one in among]
        return Count(sum(count.value for count in counts))

    def count(self, wanted: TaskFilter) -> Count:
        return self._count(self.query(wanted))

    def _count(self, query: Document) -> Count:
        return Count(self._tasks.count_documents(query, limit=COUNT_LIMIT + 1))
