"""The filter that owns the query string of a list: it parses, bounds and allow-lists, and makes the links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import BadQuery, BadSearch
from app.core.listing import search_query
from app.core.listing.cursors import CURSOR
from app.core.listing.query_string import MAX_TEXT, check_text, single_values
from app.core.mongo import Document
from app.core.tasks.states import ENDED, Priority, Status
from app.core.tasks.task import parse_task_id, tag_of, words_of

SORTS = {"created": "created_at", "finished": "finished_at"}
"""The sorts that an index has, and of what."""
RANKED = ("started", "duration", "queue_time")
"""The sorts that no index has: the newest tasks of a list are put into such an order when it is read."""
ORDERINGS = {
    "created-desc": "Created (newest first)",
    "created-asc": "Created (oldest first)",
    "started-desc": "Started (newest first)",
    "started-asc": "Started (oldest first)",
    "finished-desc": "Finished (newest first)",
    "finished-asc": "Finished (oldest first)",
    "priority-desc": "Priority (high first)",
    "priority-asc": "Priority (low first)",
    "duration-desc": "Duration (longest first)",
    "duration-asc": "Duration (shortest first)",
    "queue_time-desc": "Queue time (longest first)",
    "queue_time-asc": "Queue time (shortest first)",
}
PAGE_SIZES = (25, 50, 100, 200)
ENDED_WITHIN = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
CREATED, FINISHED = ("created_from", "created_before"), ("finished_from", "finished_before")
TYPED = ("q", "owner", "worker", "tag", "batch", "child_of", "error_words", *CREATED, *FINISHED)
"""The filters that people type: what is wrong with one is said beside it, and never on a page of its own."""
NARROWING = (
    "status", "priority", "type", "tag", "batch", "child_of", "owner", "worker", "q", "error_words", *CREATED,
    "ended", *FINISHED, "error", "error_group",
)  # fmt: skip
"""The filters that leave tasks out."""
BOTH_TIMES = "Filter by when tasks were created or by when they finished, not by both."
_NAMES = {
    "sort": "sort",
    "per_page": "page size",
    "ended": "time",
    "order": "order",
    "status": "status",
    "priority": "priority",
}
_OFFERED: Mapping[str, Sequence[str]] = {
    "status": [status.value for status in Status],
    "priority": [priority.word for priority in Priority],
    "sort": [*SORTS, "priority", *RANKED],
    "order": ["asc", "desc", *ORDERINGS],
    "per_page": [str(size) for size in PAGE_SIZES],
    "last": ["1"],
    "ended": list(ENDED_WITHIN),
}
_DAY = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-9])"
_DAY_OR_MINUTE = f"[1-9][0-9]{{3}}-({_DAY})(T([01][0-9]|2[0-3]):[0-5][0-9])?"
"""As exact as a pattern can be: a February 29 may be refused still."""


def value_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of the values that a filter takes, besides nothing."""
    if name == "status":
        one = f"({'|'.join(_OFFERED[name])})"
        return {"pattern": f"^({one}(,{one})*)?$"}
    if name in _OFFERED:
        return {"enum": ["", *_OFFERED[name]]}
    if name in CREATED + FINISHED:
        return {"pattern": f"^({_DAY_OR_MINUTE})?$"}
    if name in ("after", "before"):
        return {"pattern": CURSOR}
    if name in ("batch", "child_of"):
        return {"pattern": "^([0-9a-fA-F]{24})?$"}
    return {"maxLength": MAX_TEXT}


@dataclass(frozen=True)
class TaskFilter:
    """What a list shows; equal to its query string. ``after`` and ``before`` are cursors.

    ``status`` is one or several, joined by commas. ``ended`` is one of `ENDED_WITHIN`; such a list is sorted
    by when its tasks ended, and so is one between ``finished_from`` and ``finished_before``. These times are
    days or minutes of UTC. ``error`` is an error, or the first `MAX_TEXT` characters of one; ``error_words``
    are words of one, ``error_group`` a fingerprint of errors. ``owner`` is the ID of a user,
    ``worker`` the beginning of a worker's name, ``batch`` the ID of a batch,
    ``child_of`` that of the task that submitted them.
    """

    status: str = ""
    priority: str = ""
    type: str = ""
    tag: str = ""
    batch: str = ""
    child_of: str = ""
    owner: str = ""
    worker: str = ""
    q: str = ""
    created_from: str = ""
    created_before: str = ""
    finished_from: str = ""
    finished_before: str = ""
    ended: str = ""
    error: str = ""
    error_group: str = ""
    error_words: str = ""
    sort: str = "created"
    order: str = "desc"
    per_page: int = 25
    after: str = ""
    before: str = ""
    last: str = ""

    @classmethod
    def parse(cls, args: Mapping[str, Sequence[str]]) -> TaskFilter:
        """Read a query string, with what was typed into its search.

        Raises BadQuery for an unknown or repeated name or a value not offered, BadSearch where somebody typed
        it.
        """
        texts = single_values(args, cls.__dataclass_fields__, several=search_query.SEVERAL)
        typed = search_query.read(_value("q", texts.get("q", "")))
        values = {name: _value(name, text) for name, text in texts.items() if name != "q"}
        values |= {name: _typed_value(name, text) for name, text in typed.filters.items()}
        values = {name: value for name, value in values.items() if value} | {"q": typed.words}
        if (ordering := values.get("order", "")) in ORDERINGS:
            if "sort" in values:
                raise BadSearch(f"Please give either “sort” or “order={ordering}”.")
            values["sort"], values["order"] = ordering.split("-")
        return cls(**values)._in_order()

    def _in_order(self) -> TaskFilter:
        """Return this with the sort that its times ask for. Raises BadSearch for times of two kinds."""
        finished = bool(self.finished_from or self.finished_before)
        if (finished or self.ended) and (self.created_from or self.created_before):
            raise BadSearch(BOTH_TIMES)
        changed = replace(self, ended="") if finished else self
        if (finished or changed.ended) and self.sort == "created":
            return replace(changed, sort="finished")
        return changed

    @property
    def statuses(self) -> tuple[str, ...]:
        return tuple(self.status.split(",")) if self.status else ()

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    @property
    def sort_field(self) -> str:
        """The field whose index is read: that of the sort, or, where it has none, that of the times."""
        by_end = self.ended or self.finished_from or self.finished_before
        if by_end or (self.sort == "finished" and not self.ranked):
            return "finished_at"
        return "created_at"

    @property
    def ranked(self) -> bool:
        """Whether no index has the order, so that only the newest of the tasks are put into it."""
        return self.sort in RANKED or (
            self.sort == "finished" and bool(self.created_from or self.created_before)
        )

    @property
    def created(self) -> Document:
        """The bounds of when the tasks were created; empty without any."""
        return _bounds(self.created_from, self.created_before)

    @property
    def finished(self) -> Document:
        """The bounds of when the tasks ended; empty without any."""
        if self.ended:
            return {"$gte": utcnow() - ENDED_WITHIN[self.ended]}
        return _bounds(self.finished_from, self.finished_before)

    @property
    def ordering(self) -> str:
        """Order and sort as one choice, of `ORDERINGS`."""
        return f"{self.sort}-{self.order}"

    @property
    def can_end(self) -> bool:
        """Whether a task of this list can have ended, so that there is an order of when it did."""
        return not self.status or any(Status(status) in ENDED for status in self.statuses)

    @property
    def can_live(self) -> bool:
        """Whether a task of this list can be one that has not ended."""
        return self.sort != "finished" and not (self.ended or self.finished_from or self.finished_before)

    def tab(self, status: str) -> dict[str, Any]:
        """The query string of another status; what has not ended is sorted by when it was created."""
        moved = replace(self, status=status)
        if moved.can_end:
            return moved.args()
        sort = "created" if self.sort == "finished" else self.sort
        return moved.args(
            sort=sort, **dict.fromkeys(("ended", *FINISHED, "error", "error_group", "error_words"), "")
        )

    def args(self, **changes: Any) -> dict[str, Any]:
        """The query string of this filter with changes; only what differs from the defaults.

        The cursor is only what the changes say, so any other change leads back to the first page.
        """
        changed = replace(self, **{"after": "", "before": "", "last": "", **changes})
        return {
            field.name: getattr(changed, field.name)
            for field in fields(self)
            if getattr(changed, field.name) != field.default
        }

    @property
    def narrowing(self) -> dict[str, str]:
        """The filters that are on, for chips: name to value."""
        return {name: value for name in NARROWING if (value := getattr(self, name))}


def moment(text: str) -> datetime:
    """Return when a day or minute of UTC begins. Raises BadSearch."""
    found = None
    if re.fullmatch(_DAY_OR_MINUTE, text):
        try:
            found = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
        except ValueError:
            found = None
    if found is None or not stored.is_time(found):
        raise BadSearch(
            f"“{text[:40]}” isn't a date. Enter year, month and day, such as 2026-11-27, "
            "or with a time of UTC, such as 2026-11-27T14:30."
        )
    return found


def _bounds(since: str, until: str) -> Document:
    return {
        **({"$gte": moment(since)} if since else {}),
        **({"$lt": moment(until)} if until else {}),
    }


def _typed_value(name: str, text: str) -> Any:
    """Return the value of a filter that was typed into the search. Raises BadSearch."""
    try:
        return _value(name, text)
    except BadSearch:
        raise
    except BadQuery as error:
        raise BadSearch(str(error)) from error


def _value(name: str, text: str) -> Any:
    if name in TYPED and len(text) > MAX_TEXT:
        raise BadSearch(f"Use {MAX_TEXT} characters or fewer.")
    if name != "error":
        text = text.strip()
    if not text:
        return text
    if name == "status":
        chosen = {_offered(name, one.strip()) for one in text.split(",") if one.strip()}
        return ",".join(status.value for status in Status if status.value in chosen)
    if name in _OFFERED:
        _offered(name, text)
    check_text(name, text)
    if name in CREATED + FINISHED:
        moment(text)
    if name in ("batch", "child_of"):
        return _id_of(name, text)
    if name == "error_words" and not words_of(text):
        raise BadSearch("Type a word of at least 2 letters for “error”.")
    if name == "tag":
        return tag_of(text)
    return int(text) if name == "per_page" else text


def _id_of(name: str, text: str) -> str:
    """Return the ID of a batch or of a task. Raises BadSearch."""
    found = parse_task_id(text)
    if found is None:
        of = "batch" if name == "batch" else "task"
        raise BadSearch(f"Enter the ID of a {of} for “{name}”: 24 characters of 0 to 9 and a to f.")
    return str(found)


def _offered(name: str, text: str) -> str:
    if text not in _OFFERED[name]:
        raise BadQuery(
            f"“{text[:MAX_TEXT]}” isn't a valid {_NAMES.get(name, name)}. "
            f"Use one of: {', '.join(_OFFERED[name])}."
        )
    return text
