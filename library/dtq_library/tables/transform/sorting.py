"""The order of rows, by lines such as `amount desc`.

Polars sorts a table as a whole, in several times its size of memory. A large one is sorted here by its key
columns alone, dealt out into parts that follow each other, and then only one part at a time is put in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dtq_library.tables.io.binary import parquet_chunks
from dtq_library.tables.model import Pulse
from dtq_library.tables.rule_lines.lines import read_lines
from dtq_library.tables.stage import Stage
from dtq_library.tables.transform.report import count

if TYPE_CHECKING:
    import polars as pl

WHERE = "Sort by"
LARGE_CELLS = 5_000_000
_PART_BYTES = 4 * 1024 * 1024
# Names that no column has: names of columns have no whitespace at their ends.
_RANK, _PART = " rank ", " part "


def sort_keys(names: list[str], lines: Iterable[str]) -> dict[str, bool]:
    """Columns in turn, each with whether it descends. Raises Fail naming the line."""
    by: dict[str, bool] = {}
    for line in read_lines(WHERE, lines):
        column, rest = line.column(names)
        if rest.lower() not in ("", "asc", "desc"):
            raise line.wrong("asc, desc or nothing was expected after the column.")
        by.setdefault(column, rest.lower() == "desc")
    return by


def sort_rows(frame: pl.LazyFrame, by: dict[str, bool], folder: Path, pulse: Pulse) -> pl.LazyFrame:
    """Sort by each column in turn; missing values come last, equal rows stay as they were."""
    if not by:
        return frame
    width = len(frame.collect_schema())
    if count(frame) * width <= LARGE_CELLS:
        return _sorted(frame, by)
    path = folder / "unsorted.parquet"
    frame.sink_parquet(path)
    return _sort_large(path, by, max(1, LARGE_CELLS // width), pulse).scan()


def _sorted(frame: pl.LazyFrame, by: dict[str, bool]) -> pl.LazyFrame:
    return frame.sort(list(by), descending=list(by.values()), nulls_last=True, maintain_order=True)


def _sort_large(path: Path, by: dict[str, bool], part_rows: int, pulse: Pulse) -> Stage:
    parts = _deal(path, _ranks(path, by), part_rows, pulse)
    ordered = Stage(path.parent)
    while parts:
        part = parts.pop(0)
        for chunk in part.scan().sort(_RANK).drop(_RANK).collect().iter_slices(part_rows // 10 + 1):
            ordered.add(chunk)
        part.discard()
        pulse(None)
    path.unlink()
    return ordered


def _ranks(path: Path, by: dict[str, bool]) -> pl.Series:
    """For each row the place that it gets.

    By one column after another, the last one first, as every sort leaves equal rows in their order: several
    columns at once would need several times the memory.
    """
    import polars as pl

    keys = pl.scan_parquet(path, glob=False)
    order: pl.Series | None = None
    for column, descending in reversed(by.items()):
        values = keys.select(column).collect().to_series()
        values = values if order is None else values.gather(order)
        sort = pl.arg_sort_by(column, descending=descending, nulls_last=True, maintain_order=True)
        places = values.to_frame().select(sort).to_series()
        order = places if order is None else order.gather(places)
    assert order is not None  # noqa: S101 - for the type checker
    numbers = pl.int_range(len(order), dtype=pl.UInt32, eager=True)
    return pl.zeros(len(order), pl.UInt32, eager=True).scatter(order, numbers)


def _deal(path: Path, ranks: pl.Series, part_rows: int, pulse: Pulse) -> list[Stage]:
    """The rows in parts, of which each comes before the next one."""
    parts = [Stage(path.parent, _PART_BYTES) for _ in range(0, len(ranks), part_rows)]
    done = 0
    for chunk in parquet_chunks(path, pulse):
        ranked = chunk.with_columns(ranks.slice(done, chunk.height).alias(_RANK))
        done += chunk.height
        numbered = ranked.with_columns((ranked[_RANK] // part_rows).alias(_PART))
        for (part,), rows in numbered.partition_by(_PART, as_dict=True, include_key=False).items():
            parts[int(str(part))].add(rows)
    return parts
