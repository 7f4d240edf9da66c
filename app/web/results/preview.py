"""The first rows of a table, with what its columns hold and what was left out: nothing to sort or page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ROWS = 100
MOST_COLUMNS = 60
MOST_CHARS = 200
NUMERIC = ("integer", "number")
NEEDS = "the beginning of a table: “columns” of “name” and “type”, “rows”, “total_rows” and “total_columns”"
_LINE_END = "↵"


@dataclass(frozen=True)
class PreviewColumn:
    """A heading; ``type`` is "" where it is not known."""

    name: str
    type: str

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC


@dataclass(frozen=True)
class Cell:
    """``state`` is missing, empty, cut or ""; ``length`` counts the characters of all of a cut cell."""

    text: str
    state: str = ""
    length: int = 0


@dataclass(frozen=True)
class Preview:
    """``total_rows`` and ``total_columns`` are those of the whole table, ``cut`` counts cells."""

    columns: list[PreviewColumn]
    rows: list[list[Cell]]
    total_rows: int
    total_columns: int

    @property
    def cut(self) -> int:
        return sum(cell.state == "cut" for row in self.rows for cell in row)


def build(value: Any) -> Preview | None:
    """None for what is no beginning of a table."""
    if not isinstance(value, Mapping):
        return None
    columns, rows = value.get("columns"), value.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    headings = [_column(column) for column in columns[:MOST_COLUMNS]]
    known = [heading for heading in headings if heading]
    if len(known) < len(headings) or any(
        not isinstance(row, list) or len(row) != len(columns) for row in rows
    ):
        return None
    shown = [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in rows[:MOST_ROWS]]
    totals = _total(value, "total_rows", len(rows)), _total(value, "total_columns", len(columns))
    return Preview(known, shown, *totals)


def _column(value: Any) -> PreviewColumn | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return None
    name, kind = value["name"], value.get("type")
    shown = name if len(name) <= MOST_CHARS else f"{name[:MOST_CHARS]}…"
    return PreviewColumn(shown, kind[:MOST_CHARS] if isinstance(kind, str) else "")


def _cell(value: Any) -> Cell:
    if value is None:
        return Cell("", "missing")
    if isinstance(value, Mapping) and value.keys() == {"text", "length"} and isinstance(value["length"], int):
        return Cell(_line(str(value["text"])[:MOST_CHARS]), "cut", value["length"])
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if len(text) > MOST_CHARS:
        return Cell(_line(text[:MOST_CHARS]), "cut", len(text))
    return Cell(_line(text)) if text else Cell("", "empty")


def _line(text: str) -> str:
    """The text in one line."""
    return text.replace("\r\n", _LINE_END).replace("\n", _LINE_END).replace("\r", _LINE_END)


def _total(value: Mapping[str, Any], name: str, least: int) -> int:
    total = value.get(name)
    return max(total, least) if isinstance(total, int) else least
