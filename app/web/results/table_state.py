"""Which table of a result is sorted and paged how, as an address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.core.errors import BadQuery
from dtq.runtime import PIECE

SIZES = (25, 50, 100)
NAMES = ("at", "sort", "order", "page", "size")
MOST = 1_000_000


@dataclass(frozen=True)
class TableState:
    """``at`` names a piece of the result ("": the whole); ``sort`` counts columns from 1 (0: as it came)."""

    at: str = ""
    sort: int = 0
    descending: bool = False
    page: int = 1
    size: int = SIZES[0]

    @classmethod
    def parse(cls, asked: Mapping[str, str]) -> TableState:
        """Raises BadQuery; other names in ``asked`` are somebody else's."""
        at, order = asked.get("at", ""), asked.get("order", "asc")
        if at and not PIECE.match(at):
            raise BadQuery(
                "“at” takes the name of a piece of the result. Please leave it out of the address."
            )
        if order not in ("asc", "desc"):
            raise BadQuery("“order” takes asc or desc.")
        size = _whole(asked, "size", SIZES[0])
        if size not in SIZES:
            raise BadQuery(f"“size” takes {', '.join(map(str, SIZES))}: so many rows are on a page.")
        return cls(at, _whole(asked, "sort", 0), order == "desc", _whole(asked, "page", 1), size)

    def of(self, at: str) -> TableState:
        """How the table of this name is looked at: only one is moved at a time."""
        return self if at == self.at else TableState(at)

    def args(self, **changes: Any) -> dict[str, Any]:
        """The query string of another look at the same table."""
        wanted = replace(self, **changes)
        plain = TableState()
        written = {
            "at": wanted.at,
            "sort": wanted.sort,
            "order": "desc" if wanted.descending else "asc",
            "page": wanted.page,
            "size": wanted.size,
        }
        unchanged = {"sort": plain.sort, "order": "asc", "page": plain.page, "size": plain.size, "at": ""}
        return {name: value for name, value in written.items() if value != unchanged[name]}


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 8) or not 0 < int(text) <= MOST:
        raise BadQuery(f"“{name}” takes a whole number from 1 on; “{text[:20]}” is none.")
    return int(text)
