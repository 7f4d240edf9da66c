"""A table as somebody uploaded or pasted it: delimited text (CSV, TSV), JSON Lines, XLSX (`workbooks`).

What lives here: bytes to columns and rows, within limits. What a cell means to a parameter is in `mapping`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.batches.batch import MOST_TASKS
from app.core.errors import Invalid
from app.core.params.formats import json_text

MOST_BYTES = 8 * 2**20
MOST_COLUMNS = 100
MOST_NAME = 200
LONGEST_CELL = 131_072
"""In characters, as `csv` itself has it by default."""
DELIMITERS = ",;\t|"
ABSENT = object()
"""What stands for a value that a row of JSON Lines does not have."""
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
TOO_MANY_ROWS = f"This table has more than {MOST_TASKS:,} rows. Split it into smaller ones."
TOO_MANY_COLUMNS = f"This table has more than {MOST_COLUMNS} columns. Remove those that aren't needed."
EMPTY = "This table has no rows. It needs a first row with the names of the columns, and rows below it."
OLD = "This is an old Excel file (.xls). Save it as .xlsx or CSV, and upload that."


@dataclass(frozen=True)
class Row:
    """A row; ``number`` is how a person counts it in the file. ``problem`` says why it has no cells."""

    number: int
    cells: Sequence[Any]
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """A table; in a ``typed`` one values are JSON, in others a cell is text, empty where there is none."""

    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    typed: bool = False


def read(content: bytes, name: str = "") -> Table:
    """Return the table of a file. Raises Invalid with what is wrong with the whole of it."""
    if content.startswith(OLD_EXCEL):
        raise Invalid(OLD)
    if content.startswith(ZIP):
        from app.web.batches import workbooks  # The library is imported where a workbook comes.

        return of_grid(workbooks.rows(content))
    text = decoded(content)
    if text.lstrip()[:1] in ("{", "["):
        return _of_json(text)
    return of_grid(_delimited(text, "\t" if name.lower().endswith((".tsv", ".tab")) else ""))


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 with its mark, or Windows-1252. Raises Invalid."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Invalid("This isn't a table in text or a workbook. Upload CSV, TSV, JSON Lines or XLSX.")


# Delimited text and workbooks: a grid of cells, the first row has the names


def _delimited(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter or _delimiter(text))
    before = 0
    while True:
        try:
            cells = next(reader, None)
            too_long = any(len(cell) > LONGEST_CELL for cell in cells or ())
        except csv.Error:  # Its own limit is one for the whole process, which others may change.
            too_long = True
        if too_long:
            raise Invalid(f"Line {before + 1:,} can't be read: a cell is too long, or a quote is missing.")
        if cells is None:
            return
        yield before + 1, cells
        before = reader.line_num


def _delimiter(text: str) -> str:
    """Return what separates most cells of the first line."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda one: len(next(csv.reader([first[:10_000]], delimiter=one))))


def of_grid(grid: Iterable[tuple[int, Sequence[str]]]) -> Table:
    """Return a table of rows with their numbers, the first of which has the names. Raises Invalid."""
    filled = ((number, cells) for number, cells in grid if any(cell.strip() for cell in cells))
    _, head = next(filled, (0, []))
    while head and not head[-1].strip():
        head = head[:-1]
    if len(head) > MOST_COLUMNS:
        raise Invalid(TOO_MANY_COLUMNS)
    columns = _names(head)
    rows: list[Row] = []
    for number, cells in filled:
        if len(rows) == MOST_TASKS:
            raise Invalid(TOO_MANY_ROWS)
        rows.append(_row(number, cells, len(columns)))
    return _with_rows(Table(columns, rows))


def _row(number: int, cells: Sequence[str], width: int) -> Row:
    if any(cell.strip() for cell in cells[width:]):
        return Row(number, (), f"This row has {len(cells):,} cells, and the first row names {width:,}.")
    return Row(number, [*cells[:width], *[""] * (width - len(cells))])


def _names(head: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns, each once; one that is missing says where it is."""
    names: list[str] = []
    for place, text in enumerate(head, 1):
        name = " ".join(text.split())[:MOST_NAME] or f"Column {place}"
        same, number = name, 2
        while same in names:
            same, number = f"{name} ({number})", number + 1
        names.append(same)
    return tuple(names)


def _with_rows(table: Table) -> Table:
    if not table.rows:
        raise Invalid(EMPTY)
    return table


# JSON


def _of_json(text: str) -> Table:
    """Return the table of JSON Lines, or of a JSON list of objects. Raises Invalid."""
    found = list(_of_list(text) if text.lstrip().startswith("[") else _of_lines(text))
    names: dict[str, None] = {}
    for _, values in found:
        if isinstance(values, dict):
            names.update(dict.fromkeys(values))
        if len(names) > MOST_COLUMNS:
            raise Invalid(TOO_MANY_COLUMNS)
    rows = [
        Row(number, [values.get(name, ABSENT) for name in names])
        if isinstance(values, dict)
        else Row(number, (), str(values))
        for number, values in found
    ]
    return _with_rows(Table(tuple(names), rows, typed=True))


def _of_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        count += 1
        if count > MOST_TASKS:
            raise Invalid(TOO_MANY_ROWS)
        try:
            yield number, _object(json_text.read(line))
        except ValueError as error:
            yield number, str(error)


def _of_list(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    try:
        items = json_text.read(text)
    except ValueError as error:
        raise Invalid(
            f"This JSON can't be read. {error} JSON Lines, an object per line, can be larger."
        ) from None
    if len(items) > MOST_TASKS:
        raise Invalid(TOO_MANY_ROWS)
    yield from ((number, _object(item)) for number, item in enumerate(items, 1))


def _object(value: Any) -> dict[str, Any] | str:
    return value if isinstance(value, dict) else 'Enter an object per row, such as {"name": "value"}.'
