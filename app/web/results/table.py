"""A table from records, columns, or columns and rows: sorted, and one page of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.core.quantities import number
from app.web.results.nodes import Node, cell, labels
from app.web.results.table_state import SIZES, TableState

MOST_COLUMNS = 60
NEEDS = "a list of records, a dictionary of columns of one length, or “columns” and “rows”"


@dataclass(frozen=True)
class Heading:
    """A column: ``number`` is how an address names it; ``order`` is asc, desc, or "" if unsorted."""

    number: int
    name: str
    numeric: bool
    order: str
    look: TableState

    @property
    def next_look(self) -> dict[str, Any]:
        """Ascending, descending, and then again as it came."""
        if self.order == "desc":
            return self.look.args(sort=0, descending=False, page=1)
        return self.look.args(sort=self.number, descending=self.order == "asc", page=1)


@dataclass(frozen=True)
class ResultTable:
    """``first`` and ``last`` count the rows of this page from 1; ``more`` columns are left out."""

    look: TableState
    columns: list[Heading]
    rows: list[list[Node]]
    total: int
    pages: int
    more: int

    @property
    def first(self) -> int:
        return min(self.total, (self.look.page - 1) * self.look.size + 1)

    @property
    def last(self) -> int:
        return min(self.total, self.look.page * self.look.size)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of a page that differ for this many rows."""
        return SIZES if self.total > SIZES[0] else ()


def build(value: Any, look: TableState) -> ResultTable | None:
    """The page of a table that is looked at; None for what is no table. A page too far is the last one."""
    found = _read(value)
    if found is None:
        return None
    names, rows = found
    pages = max(1, -(-len(rows) // look.size))
    sort = look.sort if look.sort <= min(len(names), MOST_COLUMNS) else 0
    look = TableState(look.at, sort, look.descending and sort > 0, min(look.page, pages), look.size)
    ordered = _sorted(rows, sort - 1, look.descending) if sort else rows
    shown = ordered[(look.page - 1) * look.size : look.page * look.size]
    columns = [_heading(at, name, rows, look) for at, name in enumerate(names[:MOST_COLUMNS])]
    cells = [[_cell(cell) for cell in row] for row in shown]
    return ResultTable(look, columns, cells, len(rows), pages, max(0, len(names) - MOST_COLUMNS))


def _read(value: Any) -> tuple[list[str], Sequence[Sequence[Any]]] | None:
    """The names of all columns, and all rows, but of them only the columns that are shown."""
    if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
        return _of_records(value)
    if not isinstance(value, Mapping) or not value or not all(isinstance(v, list) for v in value.values()):
        return None
    if value.keys() == {"columns", "rows"} and all(isinstance(row, list) for row in value["rows"]):
        return _of_rows(value["columns"], value["rows"])
    if len({len(column) for column in value.values()}) > 1:
        return None
    shown = islice(value.values(), MOST_COLUMNS)
    return [str(name) for name in value], list(zip(*shown, strict=True))


def _of_records(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = [[record.get(key) for key in keys[:MOST_COLUMNS]] for record in records]
    return list(labels([str(key) for key in keys], 1).values()), rows


def _of_rows(names: list[Any], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]] | None:
    """Rows that are too short end in missing values; one that is too long has no names for its end."""
    if not all(isinstance(name, str) for name in names) or any(len(row) > len(names) for row in rows):
        return None
    width = min(len(names), MOST_COLUMNS)
    return names, [row[:width] + [None] * (width - len(row)) for row in rows]


def _heading(at: int, name: str, rows: Sequence[Sequence[Any]], look: TableState) -> Heading:
    order = ("desc" if look.descending else "asc") if look.sort == at + 1 else ""
    known = [row[at] for row in rows if not _missing(row[at])]
    return Heading(at + 1, name or "–", bool(known) and all(map(_is_number, known)), order, look)


def _sorted(rows: Iterable[Sequence[Any]], at: int, descending: bool) -> list[Sequence[Any]]:
    """By one column: numbers by size, then texts by their letters, then everything else; missing is last."""
    known: list[Sequence[Any]] = []
    missing: list[Sequence[Any]] = []
    for row in rows:
        (missing if _missing(row[at]) else known).append(row)
    known.sort(key=lambda row: _rank(row[at]), reverse=descending)
    return known + missing


def _rank(value: Any) -> tuple[int, Any, str]:
    if _is_number(value):
        return 0, value, ""
    if isinstance(value, str):
        return 1, value.casefold(), value
    return 2, json.dumps(value, sort_keys=True, default=str), ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _missing(value: Any) -> bool:
    return value is None or value == ""


def _cell(value: Any) -> Node:
    """As everywhere, but a number below 10,000 is written as a year is."""
    if _is_number(value) and abs(value) < 10_000:
        return Node("number", number(value).replace(",", ""))
    return cell(value, 2)
