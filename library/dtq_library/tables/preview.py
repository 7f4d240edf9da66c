"""The first rows of a table as the page shows them: bounded, and counting what is left out.

Cells are text as they stand in the table that came out, so that 1.10 and 0012 are seen as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtq_library.tables.model import Kind
from dtq_library.tables.stage import Stage
from dtq_library.tables.values.typed import as_text

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 20
MOST_COLUMNS = 50
MOST_CHARS = 120
MOST_BYTES = 48 * 1024
"""Of all cells together, as JSON: a result of many rows with long cells must not become a file for these."""

RESULT = {"first_rows": "preview"}
"""The kind of result of the task types that return `lead`."""


class Head:
    """Frames on their way to a file: the first rows are kept, and all are counted."""

    def __init__(self) -> None:
        self.rows = 0
        self._first: pl.DataFrame | None = None

    def watch(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The same frames."""
        for frame in frames:
            self.see(frame)
            yield frame

    def see(self, frame: pl.DataFrame) -> None:
        """Count a frame that follows the others."""
        first = frame.head(MOST_ROWS)
        if self._first is None:
            self._first = first
        elif self._first.height < MOST_ROWS:
            self._first = self._first.vstack(first.head(MOST_ROWS - self._first.height))
        self.rows += frame.height

    def skip(self, rows: int) -> None:
        """Count rows that follow and are no longer needed."""
        self.rows += rows

    def preview(self, kinds: Mapping[str, Kind]) -> dict[str, Any]:
        """What `preview` makes of them."""
        if self._first is None:
            raise ValueError("No frame was seen.")
        return preview(self._first, self.rows, kinds)


def head_of_parquet(path: Path) -> Head:
    """The head of a file that is finished."""
    import polars as pl

    head, frame = Head(), pl.scan_parquet(path, glob=False)
    head.see(frame.head(MOST_ROWS).collect())
    head.skip(frame.select(pl.len()).collect().item() - head.rows)
    return head


def head_of_stage(stage: Stage, names: Mapping[str, str] | None = None) -> Head:
    """The head of a table in chunks; ``names`` are what its columns are called, by their keys."""
    head = Head()
    for chunk in stage.chunks():
        head.see(chunk.rename(dict(names)) if names else chunk)
        break
    head.skip(stage.height - head.rows)
    return head


def preview(first: pl.DataFrame, rows: int, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the beginning of a table of so many ``rows`` as JSON; ``kinds`` say what columns hold.

    A cell is its text, null where it is missing, and an object with ``text`` and ``length`` where it is cut.
    """
    shown = first.head(MOST_ROWS).select(first.columns[:MOST_COLUMNS])
    cells = [as_text(values).to_list() for values in shown]
    return {
        "columns": [{"name": _cut_name(name), "type": kinds.get(name, "")} for name in shown.columns],
        "rows": list(_within(zip(*cells, strict=True))),
        "total_rows": rows,
        "total_columns": first.width,
    }


def lead(report: dict[str, Any], first_rows: dict[str, Any]) -> dict[str, Any]:
    """The report with what a person should see first in front: the notes, and the first rows."""
    return {"notes": report["notes"], "first_rows": first_rows} | report


def _within(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[Any]]:
    """The first rows that fit, one at least."""
    used = 0
    for number, row in enumerate(rows):
        cells = [_cut(cell) for cell in row]
        used += len(json.dumps(cells, ensure_ascii=False).encode())
        if number and used > MOST_BYTES:
            return
        yield cells


def _cut(cell: str | None) -> Any:
    if cell is None or len(cell) <= MOST_CHARS:
        return cell
    return {"text": cell[:MOST_CHARS], "length": len(cell)}


def _cut_name(name: str) -> str:
    return name if len(name) <= MOST_CHARS else f"{name[:MOST_CHARS]}…"
