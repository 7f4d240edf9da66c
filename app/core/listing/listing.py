"""Lists of tasks: keyset pages and counts under a filter (`filter`).

A page is found by the sort key and `_id` of the row before it, in both directions, so page 4,000
costs what page 1 costs. Every filter and sort offered here is served by an index in `schema.indexes.LISTS`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import BadQuery, TooShort
from app.core.listing.cursors import EPOCH, Page, beyond, encode
from app.core.listing.filter import ENDED_WITHIN, TaskFilter
from app.core.listing.query_string import MAX_TEXT
from app.core.listing.search_index import Expansion, Words
from app.core.mongo import Document, Mongo
from app.core.tasks.queries import read_tasks
from app.core.tasks.states import ENDED, Priority, Status
from app.core.tasks.task import (
    ID_END,
    LIVE_STATES,
    TEAM_KEYWORD,
    owner_keyword,
    private_keyword,
    sought_id,
    tag_keyword,
    words_of,
)

COUNT_LIMIT = 10_000
MOST_WORDS = 5
MOST_NAMED = 20
COUNTS_KEPT_S = 1.0
LIGHT = {"result": 0}  # what no list shows, and what may be large


@dataclass(frozen=True)
class Count:
    """Exact up to `COUNT_LIMIT`, then "10,000+"."""

    value: int

    def __str__(self) -> str:
        return f"{COUNT_LIMIT:,}+" if self.value > COUNT_LIMIT else f"{self.value:,}"


@dataclass(frozen=True)
class Sought:
    """What a search stands for: the tasks of ``ids`` where it is an ID, else those with all of the words."""

    words: tuple[Expansion, ...] = ()
    ids: tuple[ObjectId, ...] | None = None

    @property
    def cut(self) -> tuple[Expansion, ...]:
        return tuple(word for word in self.words if word.cut)


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


class Listing:
    """Pages and counts over the tasks of ``db``."""

    def __init__(self, db: Mongo) -> None:
        self._tasks = db.tasks
        self._words = Words(db)
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
        if wanted.tag or wanted.owner or wanted.q or self._within:
            query.update(self._keywords(wanted, sought))
        if wanted.error:
            query["error.message"] = _beginning(wanted.error.replace("\r\n", "\n"))
        if wanted.error_group:
            query["error_group"] = wanted.error_group
        narrowed = bool(query or wanted.ended)
        if wanted.ended:
            query["finished_at"] = {"$gte": (now or utcnow()) - ENDED_WITHIN[wanted.ended]}
        elif wanted.sort == "finished":
            query["finished_at"] = {"$gt": EPOCH}
        if wanted.status or wanted.priority or narrowed:
            query["status"] = wanted.status or {"$in": self._statuses(wanted)}
            query["priority"] = (
                int(Priority.from_word(wanted.priority)) if wanted.priority else {"$in": [0, 1, 2]}
            )
        return query

    def _statuses(self, wanted: TaskFilter) -> list[str]:
        """Every status that can be in the list; naming them all lets one index serve every choice."""
        return [status.value for status in Status if wanted.can_live or status in ENDED]

    def ids_of(self, text: str) -> tuple[ObjectId, ...] | None:
        """Return the IDs that a search names, also by the piece that pages show; None where it names none."""
        if found := sought_id(text):
            return (found,)
        piece = text.strip().lower()
        if not re.fullmatch(f"[0-9a-f]{{{ID_END}}}", piece):
            return None
        named = self._tasks.find({"id_end": piece, **self.condition}, {"_id": 1}).limit(MOST_NAMED)
        return tuple(task["_id"] for task in named) or None

    def _sought(self, wanted: TaskFilter) -> Sought:
        """Return what a search stands for. Raises TooShort."""
        if not wanted.q:
            return Sought()
        if ids := self.ids_of(wanted.q):
            return Sought(ids=ids)
        words = words_of(wanted.q)
        if not words:
            raise TooShort("Type at least 2 letters, or paste a task ID.")
        return Sought(tuple(self._words.expand(word) for word in words[:MOST_WORDS]))

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
        """The words, tag and owner of a filter, and the condition of these lists.

        Each is a keyword of its own kind, so one index serves them all.
        """
        query: Document = {} if sought.ids is None else {"_id": {"$in": list(sought.ids)}}
        if sought.ids and len(sought.ids) == 1:
            query["_id"] = sought.ids[0]
        groups: list[Document] = [{"keywords": tag_keyword(wanted.tag)}] if wanted.tag else []
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
        backwards = bool(wanted.before or wanted.last)
        descending = wanted.descending != backwards
        sought = self._sought(wanted)
        query = self._query(wanted, sought)
        cursor = wanted.after or wanted.before
        if cursor:
            query.update(beyond(wanted.sort_field, descending, cursor, query.get(wanted.sort_field, {})))
        order = [(wanted.sort_field, -1 if descending else 1), ("_id", -1 if descending else 1)]
        found = read_tasks(self._tasks, query, order, wanted.per_page + 1, LIGHT)
        more, rows = len(found) > wanted.per_page, found[: wanted.per_page]
        if backwards:
            rows.reverse()
        more_after, more_before = (bool(wanted.before), more) if backwards else (more, bool(wanted.after))
        return Page(
            rows,
            next=encode(rows[-1], wanted.sort_field) if rows and more_after else "",
            previous=encode(rows[0], wanted.sort_field) if rows and more_before else "",
            cut=sought.cut,
        )

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
            "created_at": {"$lte": until},
            **unchanged(among, until),
        }
        if after:
            query.update(beyond("created_at", False, after, query["created_at"]))
        return query

    def among(self, wanted: TaskFilter, statuses: Collection[Status]) -> list[Status]:
        """Those of the states in which a task can be in the list."""
        shown = [wanted.status] if wanted.status else self._statuses(wanted)
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
        return {**kept[1], "": Count(sum(kept[1][status].value for status in self._statuses(wanted)))}

    def _counted(self, key: TaskFilter) -> dict[str, Count]:
        sought = self._sought(key)
        return {
            status.value: self._count(self._query(replace(key, status=status.value), sought))
            for status in Status
        }

    def count_in(self, wanted: TaskFilter, statuses: Collection[Status]) -> Count:
        """How many of the tasks that a filter matches are in one of these states. Raises BadQuery."""
        sought, among = self._whole(wanted), self.among(wanted, statuses)
        counts = [self._count(self._query(replace(wanted, status=one.value), sought)) for one in among]
        return Count(sum(count.value for count in counts))

    def count(self, wanted: TaskFilter) -> Count:
        return self._count(self.query(wanted))

    def _count(self, query: Document) -> Count:
        return Count(self._tasks.count_documents(query, limit=COUNT_LIMIT + 1))
