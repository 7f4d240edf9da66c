"""Files of rows as parameters of tasks: CSV, TSV, JSON Lines, and XLSX where its library is installed.

The first row of a table names the parameters, as words of `dtq submit` do: `source`, `model.part`; and
`title`. An empty cell is not given.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from dtq.cli import words

TITLE = "title"
MOST_TOLD = 20


class WrongRows(Exception):
    """A file that cannot be read as rows, or rows that cannot be read as parameters, each with a sentence."""


@dataclass(frozen=True)
class NewRow:
    """What a row gives: parameters, in which a file is a `Path`, and a title of its own."""

    number: int
    params: dict[str, Any]
    title: str | None


def read(path: Path, schema: words.Schema, shared: Mapping[str, Any], tell: words.Tell) -> list[NewRow]:
    """Return a row for each task; what ``shared`` gives is the same for all. Raises WrongRows, OSError."""
    found, problems = [], []
    for number, row in _rows(path):
        try:
            found.append(_new(number, row, schema, shared, tell))
        except words.WrongWords as error:
            problems += [f"row {number}, {name}: {why}" for name, why in error.problems.items()]
    if problems:
        more = len(problems) - MOST_TOLD
        raise WrongRows("\n".join([*problems[:MOST_TOLD], *([f"And {more:,} more."] if more > 0 else [])]))
    if not found:
        raise WrongRows(f"{path.name} has no rows.")
    return found


def _new(
    number: int, row: dict[str, Any], schema: words.Schema, shared: Mapping[str, Any], tell: words.Tell
) -> NewRow:
    own_title = TITLE not in schema.get("properties", {})
    title = row.pop(TITLE, None) if own_title else None
    texts = [f"{name}={value}" for name, value in row.items() if isinstance(value, str)]
    params = words.read(schema, texts, tell)
    typed = [f"{name}:={json.dumps(value)}" for name, value in row.items() if not isinstance(value, str)]
    params |= words.read(schema, typed, tell)
    return NewRow(number, {**shared, **params}, None if title is None else str(title))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield rows by the numbers that a person counts. Raises WrongRows, OSError."""
    kind = path.suffix.lower()
    if kind in (".xlsx", ".xlsm"):
        return _of_grid(_sheet(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise WrongRows(f"{path.name} is not text in UTF-8. Save it as CSV in UTF-8.") from None
    if kind in (".jsonl", ".ndjson", ".json") or text.lstrip()[:1] == "{":
        return _of_lines(text)
    delimiter = "\t" if kind in (".tsv", ".tab") else _delimiter(text)
    return _of_grid(_cells(text, delimiter))


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t|", key=lambda one: len(next(csv.reader([first], delimiter=one))))


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error:
        raise WrongRows(
            f"Line {before + 1:,} can't be read: a cell is too long, or a quote is wrong."
        ) from None


def _of_grid(grid: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    filled = ((number, cells) for number, cells in grid if any(cell.strip() for cell in cells))
    _, head = next(filled, (0, []))
    names = [name.strip() for name in head]
    while names and not names[-1]:
        names.pop()
    if wrong := [name for name in names if not name or names.count(name) > 1]:
        raise WrongRows(f"The first row names parameters, each once. Wrong is “{wrong[0][:40]}”.")
    for number, cells in filled:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise WrongRows(f"Row {number} has more cells than the first row, which names the parameters.")
        yield number, {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}


def _of_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if text.lstrip().startswith("["):
        raise WrongRows("Write JSON Lines: one object per line, without a list around them.")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise WrongRows(f'Line {number} is no JSON object, such as {{"rows": 3}}.')
        yield number, row


def _sheet(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        import openpyxl  # An extra: most people have CSV.
    except ImportError:
        raise WrongRows(
            "To read workbooks, install: pip install 'dtq[xlsx]'. Or save the sheet as CSV."
        ) from None
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            yield number, [_text(value) for value in row]
    except OSError:
        raise
    except Exception:  # whatever the library stumbles over
        raise WrongRows(f"{path.name} can't be read as a workbook. Save the sheet as CSV.") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
