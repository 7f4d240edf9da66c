"""Entries of the audit as a file: CSV for spreadsheets, JSON Lines for programs; one piece at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.core.people.audit import Entry

PIECE = 100
"""Entries that are written at once."""
FIELDS = (
    "time", "event", "outcome", "person", "person_id", "target", "address", "via", "request_id", "reason",
    "before", "after",
)  # fmt: skip
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""How a cell begins that a spreadsheet may compute (OWASP, CSV injection)."""


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "time": entry.at.isoformat(timespec="milliseconds"),
        "event": entry.event,
        "outcome": entry.outcome.value,
        "person": entry.name,
        "person_id": entry.who,
        "target": entry.target,
        "address": entry.address,
        "via": entry.via,
        "request_id": entry.request,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
    }


def as_text(value: Any) -> str:
    """Return what changed as one line of text: text as it is, anything else as JSON, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = as_text(value)
    return f"'{text}" if FORMULA.match(text) else text


def csv_of(entries: Iterable[Entry]) -> Iterator[bytes]:
    yield _rows([FIELDS])
    for piece in _pieces(entries):
        yield _rows([[cell(value) for value in _values(entry).values()] for entry in piece])


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def json_lines_of(entries: Iterable[Entry]) -> Iterator[bytes]:
    for piece in _pieces(entries):
        lines = (json.dumps(_values(entry), default=str) + "\n" for entry in piece)
        yield "".join(lines).encode()


def _pieces(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    piece: list[Entry] = []
    for entry in entries:
        piece.append(entry)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


FORMATS: dict[str, tuple[str, Callable[[Iterable[Entry]], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_of),
    "jsonl": ("application/x-ndjson", json_lines_of),
}
"""The ending of the file's name, to its type and what writes it."""
