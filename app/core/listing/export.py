"""A list as a file, written while it is read: CSV for spreadsheets, JSON Lines for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.core.secrets.secret import masked
from app.core.tasks.task import Task

PIECE = 100
"""Rows that are written at once."""
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""How a cell begins that a spreadsheet may compute (OWASP, CSV injection)."""
Values = Mapping[str, Any]

TASK_FIELDS = (
    "id", "title", "type", "status", "priority", "owner", "tags", "created_at", "run_at", "started_at",
    "finished_at", "duration_s", "queue_time_s", "attempt", "worker", "error_type", "error", "parameters",
)  # fmt: skip


def values_of_task(task: Task, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the `TASK_FIELDS`; owners by their names, where known, and secrets masked."""
    error, last = task.error or {}, task.history[-1] if task.history else {}
    times = {name: getattr(task, name) for name in ("created_at", "run_at", "started_at", "finished_at")}
    return {
        "id": str(task.id),
        "title": task.title,
        "type": task.type,
        "status": task.status.value,
        "priority": task.priority.word,
        "owner": names.get(task.owner, task.owner),
        "tags": list(task.tags),
        **{name: at.isoformat(timespec="milliseconds") if at else None for name, at in times.items()},
        "duration_s": _seconds(task.started_at, task.finished_at),
        "queue_time_s": _seconds(task.queued_at, task.started_at),
        "attempt": task.attempt,
        "worker": task.worker or last.get("worker"),
        "error_type": error.get("type"),
        "error": error.get("message"),
        "parameters": masked(task.params),
    }


def _seconds(since: Any, until: Any) -> float | None:
    return max(0.0, (until - since).total_seconds()) if since and until else None


def as_text(value: Any) -> str:
    """Return a value as one text: text as it is, anything else as JSON, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = as_text(value)
    return f"'{text}" if FORMULA.match(text) else text


def csv_of(fields: Sequence[str], rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield the heads, then the rows."""
    yield _lines([fields])
    for piece in _pieces(rows):
        yield _lines([[cell(row.get(name)) for name in fields] for row in piece])


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def json_lines_of(fields: Sequence[str], rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield a line for each row."""
    for piece in _pieces(rows):
        lines = (json.dumps({name: row.get(name) for name in fields}, default=str) + "\n" for row in piece)
        yield "".join(lines).encode()


def _pieces(rows: Iterable[Values]) -> Iterator[list[Values]]:
    piece: list[Values] = []
    for row in rows:
        piece.append(row)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


Write = Callable[[Sequence[str], Iterable[Values]], Iterator[bytes]]
FORMATS: dict[str, tuple[str, Write]] = {
    "csv": ("text/csv; charset=utf-8", csv_of),
    "jsonl": ("application/x-ndjson", json_lines_of),
}
"""The ending of the file's name, to its type and what writes it."""
