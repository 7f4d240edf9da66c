"""The filter that owns the query string of a list: it parses, bounds and allow-lists, and makes the links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from app.core.errors import BadQuery
from app.core.listing.query_string import MAX_TEXT, check_text, single_values
from app.core.tasks.states import ENDED, Priority, Status
from app.core.tasks.task import tag_of

SORTS = {"created": "created_at", "finished": "finished_at"}
ORDERINGS = {
    "created-desc": "Created (newest first)",
    "created-asc": "Created (oldest first)",
    "finished-desc": "Finished (newest first)",
    "finished-asc": "Finished (oldest first)",
}
PAGE_SIZES = (25, 50, 100, 200)
ENDED_WITHIN = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
_NAMES = {
    "sort": "sort",
    "per_page": "page size",
    "ended": "time",
    "order": "order",
    "status": "status",
    "priority": "priority",
}


@dataclass(frozen=True)
class TaskFilter:
    """What a list shows; equal to its query string. ``after`` and ``before`` are cursors.

    ``ended`` is one of `ENDED_WITHIN`; such a list is sorted by when its tasks ended. ``error`` is an error,
    or the first `MAX_TEXT` characters of one, ``error_group`` a fingerprint of errors.
    ``owner`` is the ID of a user.
    """

    status: str = ""
    priority: str = ""
    type: str = ""
    tag: str = ""
    owner: str = ""
    q: str = ""
    ended: str = ""
    error: str = ""
    error_group: str = ""
    sort: str = "created"
    order: str = "desc"
    per_page: int = 25
    after: str = ""
    before: str = ""
    last: str = ""

    @classmethod
    def parse(cls, args: Mapping[str, Sequence[str]]) -> TaskFilter:
        """Read a query string. Raises BadQuery for an unknown or repeated name or a value not offered."""
        values: dict[str, Any] = {
            name: _value(name, text if name == "error" else text.strip())
            for name, text in single_values(args, cls.__dataclass_fields__).items()
        }
        if (ordering := values.get("order", "")) in ORDERINGS:
            if "sort" in values:
                raise BadQuery(f"Please give either “sort” or “order={ordering}”.")
            values["sort"], values["order"] = ordering.split("-")
        if values.get("ended"):
            values["sort"] = "finished"
        return cls(**values)

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    @property
    def sort_field(self) -> str:
        return SORTS[self.sort]

    @property
    def ordering(self) -> str:
        """Order and sort as one choice, of `ORDERINGS`."""
        return f"{self.sort}-{self.order}"

    @property
    def can_end(self) -> bool:
        """Whether a task of this list can have ended, so that there is an order of when it did."""
        return not self.status or Status(self.status) in ENDED

    @property
    def can_live(self) -> bool:
        """Whether a task of this list can be one that has not ended."""
        return self.sort == "created" and not self.ended

    def tab(self, status: str) -> dict[str, Any]:
        """The query string of another status; what has not ended is sorted by when it was created."""
        moved = replace(self, status=status)
        return (
            moved.args() if moved.can_end else moved.args(sort="created", ended="", error="", error_group="")
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
        return {
            name: value
            for name in ("status", "priority", "type", "tag", "owner", "q", "ended", "error", "error_group")
            if (value := getattr(self, name))
        }


def _value(name: str, text: str) -> Any:
    offered: dict[str, Sequence[str]] = {
        "status": [status.value for status in Status],
        "priority": [priority.word for priority in Priority],
        "sort": list(SORTS),
        "order": ["asc", "desc", *ORDERINGS],
        "per_page": [str(size) for size in PAGE_SIZES],
        "last": ["1"],
        "ended": list(ENDED_WITHIN),
    }
    if name in offered and text not in offered[name]:
        raise BadQuery(
            f"“{text[:MAX_TEXT]}” is not a {_NAMES.get(name, name)} offered here. "
            f"There are: {', '.join(offered[name])}."
        )
    check_text(name, text)
    if name == "tag":
        return tag_of(text)
    return int(text) if name == "per_page" else text
