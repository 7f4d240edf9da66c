"""What a public table holds, by readers that share no code with ours: the expected reading.

CSV by the standard library with comma (or tab, by extension), a header and UTF-8; where a package's files
are made to be odd, or there is one column, duckdb's sniffer has to agree, else there is no expectation. XLSX
by openpyxl, Parquet by pyarrow, JSON by the standard library's parser and the shapes that pandas writes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

csv.field_size_limit(2**31 - 1)
_DELIMITERS = {".tsv": "\t"}


class Unsure(Exception):
    """There is no reading that two would agree on: the file is left out, and counted."""


class NoTable(Exception):
    """No table, or a broken one: a refusal is right."""


class Unreadable(NoTable):
    """The other reader gives up: a refusal is right, and of a reading nothing can be said."""


@dataclass(frozen=True)
class Reading:
    """A table as text in one spelling: names, and rows of which none is empty."""

    names: list[str]
    rows: list[list[str]]


def expected(path: Path, fixtures: bool) -> Reading:
    """Return what the file holds. Raises NoTable and Unsure."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".xlsx":
        return _xlsx(path)
    if suffix == ".parquet":
        return _parquet(path)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = _decoded(content, path.name)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return _json(text, lines=suffix != ".json")
    delimiter = _DELIMITERS.get(suffix, ",")
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    if fixtures or len(first) == 1:
        _ask_again(path, delimiter)
    return _csv(text, delimiter)


def spelled(value: Any) -> str:
    """One spelling for values that readers give different types; missing is the empty text."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float, Decimal)):
        return f"{float(value):.12g}" if abs(float(value)) < 2**53 else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.replace(tzinfo=None).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f} s"
    if isinstance(value, bytes):
        return value.hex()
    return _nested(value) if isinstance(value, (list, dict, tuple)) else _words(str(value))


def _words(text: str) -> str:
    """A midnight that became text in a column of mixed types is a date."""
    return text.strip().removesuffix(" 00:00:00")


def reading(names: list[Any], rows: list[list[Any]]) -> Reading:
    """Spell all cells, and drop rows in which every cell is missing."""
    texts = [[spelled(cell) for cell in row] for row in rows]
    return Reading([spelled(name) for name in names], [row for row in texts if any(row)])


def _nested(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_nested(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_nested(item) for item in value) + "]"
    return spelled(value)


def _decoded(content: bytes, name: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    if "latin1" in name.lower():
        return content.decode("latin-1")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unsure("encoding") from error


def _ask_again(path: Path, delimiter: str) -> None:
    import duckdb

    try:
        found = duckdb.execute("SELECT Delimiter FROM sniff_csv(?)", [str(path)]).fetchone()
    except duckdb.Error as error:
        raise Unsure("duckdb's sniffer finds no dialect") from error
    if found is None or found[0] != delimiter:
        raise Unsure("duckdb's sniffer finds another delimiter")


def _csv(text: str, delimiter: str) -> Reading:
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        raise NoTable("empty")
    names, body = rows[0], rows[1:]
    if any(len(row) > len(names) for row in body):
        raise NoTable("a row is longer than the header")
    return reading(names, [row + [""] * (len(names) - len(row)) for row in body])


def _json(text: str, *, lines: bool) -> Reading:
    try:
        document = (
            [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
        )
    except ValueError as error:
        raise NoTable("no JSON") from error
    records = _records(document)
    names = list(dict.fromkeys(name for record in records for name in record))
    if not names:
        raise NoTable("no values")
    return reading(names, [[record.get(name) for name in names] for record in records])


def _records(document: Any) -> list[dict[str, Any]]:
    """An array of records, columns of equal length, pandas' default and `split`, or one wrapped array."""
    if isinstance(document, dict) and len(document) == 1:
        (only,) = document.values()
        if isinstance(only, list) and only and all(isinstance(record, dict) for record in only):
            return only
    if isinstance(document, list) and document and all(isinstance(record, dict) for record in document):
        return document
    columns = list(document.values()) if isinstance(document, dict) else []
    listed = columns and all(isinstance(column, list) for column in columns)
    if listed and len({len(column) for column in columns}) == 1 and columns[0]:
        return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]
    keyed = len(columns) > 1 and all(isinstance(column, dict) for column in columns)
    if keyed and len({tuple(column) for column in columns}) == 1 and all(at.isdigit() for at in columns[0]):
        return [{name: document[name][at] for name in document} for at in columns[0]]
    raise NoTable("no records")


def _xlsx(path: Path) -> Reading:
    import openpyxl

    try:
        sheet = openpyxl.load_workbook(path, data_only=True).worksheets[0]
    except Exception as error:
        raise Unreadable("openpyxl cannot read it") from error
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    while rows and not any(cell is not None for cell in rows[0]):
        rows.pop(0)
    if not rows:
        raise NoTable("empty")
    used = [at for at in range(len(rows[0])) if any(row[at] is not None for row in rows)]
    rows = [row[used[0] : used[-1] + 1] for row in rows]
    return reading(rows[0], rows[1:])


def _parquet(path: Path) -> Reading:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
        columns = [column.to_pylist() for column in table.columns]
    except Exception as error:
        raise Unreadable("pyarrow cannot read it") from error
    return reading(list(table.column_names), [list(row) for row in zip(*columns, strict=True)])
