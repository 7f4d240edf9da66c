"""A list as text: CSV, of which no cell becomes a formula, and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.core.exports.fields import Fields, Values, pieces

PIECE = 100
"""Rows that are written at once."""
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""How a cell begins that a spreadsheet may compute (OWASP, CSV injection)."""


def as_text(value: Any) -> str:
    """Return a value as one text: text as it is, anything else as JSON, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = as_text(value)
    return f"'{text}" if FORMULA.match(text) else text


def csv_of(fields: Fields, rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield the heads, then the rows."""
    yield _lines([[*fields]])
    for piece in pieces(rows, PIECE):
        yield _lines([[cell(row.get(name)) for name in fields] for row in piece])


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def json_lines_of(fields: Fields, rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield a line for each row."""
    for piece in pieces(rows, PIECE):
        lines = (json.dumps({name: row.get(name) for name in fields}, default=str) + "\n" for row in piece)
        yield "".join(lines).encode()
