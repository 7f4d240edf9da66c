"""The rows that a query found: typed for every format, and as table or chart for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtq import Fail
from dtq_library.tables.analyze.histogram import bin_edges, count_bins
from dtq_library.tables.model import Kind
from dtq_library.tables.names import tidy_names
from dtq_library.tables.values.column import kind_of
from dtq_library.tables.values.typed import as_text

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 100_000_000
TABLE_ROWS = 1_000
TABLE_BYTES = 160 * 1024
CHART_ROWS = 2_000
CHART_LINES = 6
NESTED = ("list", "struct", "map", "union", "array", "variant")
WHOLE = ("hugeint", "uhugeint")


@dataclass(frozen=True)
class Outcome:
    """The result in a Parquet file; ``nested`` columns hold JSON."""

    path: Path
    rows: int
    kinds: dict[str, Kind]
    nested: frozenset[str]
    notes: list[str] = field(default_factory=list)

    def scan(self) -> pl.LazyFrame:
        import polars as pl

        return pl.scan_parquet(self.path, glob=False)


def settle(written: Path, columns: Sequence[Mapping[str, str]], path: Path) -> Outcome:
    """Write what the engine wrote again, with names that differ and types that every reader has.

    Raises Fail for more rows than can be handled.
    """
    import polars as pl

    frame = pl.scan_parquet(written, glob=False)
    rows: int = frame.select(pl.len()).collect().item()
    if rows > MOST_ROWS:
        raise Fail(f"The query found {rows:,} rows, more than {MOST_ROWS:,}. Add a condition or a LIMIT.")
    headers = [column["name"] for column in columns]
    names = tidy_names(headers, snake_case=False)
    chosen = [
        _typed(frame, f"c{at}", column["id"]).alias(name)
        for at, (column, name) in enumerate(zip(columns, names, strict=True))
    ]
    frame.select(chosen).sink_parquet(path)
    nested = frozenset(
        name
        for name, column in zip(names, columns, strict=True)
        if column["id"] in NESTED or column["type"] == "JSON"
    )
    schema = pl.scan_parquet(path, glob=False).collect_schema()
    kinds: dict[str, Kind] = {
        name: "nested" if name in nested else kind_of(dtype) for name, dtype in schema.items()
    }
    return Outcome(path, rows, kinds, nested, _renamed(headers, names))


def _typed(frame: pl.LazyFrame, key: str, kind: str) -> pl.Expr:
    import polars as pl

    column = pl.col(key)
    if kind in WHOLE:
        return column.cast(_whole_type(frame, key))
    return column.fill_nan(None) if kind in ("float", "double") else column


def _whole_type(frame: pl.LazyFrame, key: str) -> pl.DataType:
    """The smallest type that holds all whole numbers of a column, which are text; text where none does."""
    import polars as pl

    text = pl.col(key)
    number = text.cast(pl.Int128, strict=False)
    low, high, longest, beyond = (
        frame.select(
            low=number.min(),
            high=number.max(),
            longest=text.str.strip_prefix("-").str.len_chars().max(),
            beyond=(number.is_null() & text.is_not_null()).any(),
        )
        .collect(engine="streaming")
        .row(0)
    )
    if not beyond and (low is None or (low >= -(2**63) and high < 2**63)):
        return pl.Int64()
    return pl.Decimal(38, 0) if longest <= 38 else pl.String()


def _renamed(before: Sequence[str], after: Sequence[str]) -> list[str]:
    return [
        f"Column {at} of the result is called {new}, because {old or 'nothing'} is no name of its own."
        for at, (old, new) in enumerate(zip(before, after, strict=True), start=1)
        if old != new
    ]


def table(outcome: Outcome) -> dict[str, Any]:
    """The first rows to sort and page, as many as a page can hold."""
    first = outcome.scan().head(TABLE_ROWS).collect()
    columns = [_shown(values) for values in first]
    rows: list[list[Any]] = []
    used = 0
    for row in zip(*columns, strict=True):
        used += len(json.dumps(row, ensure_ascii=False).encode())
        if rows and used > TABLE_BYTES:
            break
        rows.append(list(row))
    if len(rows) < outcome.rows:
        outcome.notes.append(f"The table shows the first {len(rows):,} of {outcome.rows:,} rows.")
    return {"columns": first.columns, "rows": rows}


def _shown(values: pl.Series) -> list[Any]:
    import polars as pl

    dtype = values.dtype
    unsigned = dtype == pl.UInt64
    plain = dtype == pl.Boolean or (dtype.is_integer() and not unsigned)
    finite = dtype.is_float() and bool(values.is_finite().all())
    return (values if plain or finite else as_text(values)).to_list()


def chart(outcome: Outcome, kind: str) -> dict[str, Any] | None:
    """A chart of the result; None, with a note, where its columns make none."""
    made = _histogram(outcome) if kind == "histogram" else _drawn(outcome, kind)
    if made is None:
        needs = "numbers in the first column" if kind == "histogram" else "numbers beside the first column"
        outcome.notes.append(f"There is no chart: it needs {needs}.")
    return made


def _numeric(outcome: Outcome) -> list[str]:
    return [name for name, kind in outcome.kinds.items() if kind in ("integer", "number")]


def _histogram(outcome: Outcome) -> dict[str, Any] | None:
    import polars as pl

    name = next(iter(outcome.kinds))
    if name not in _numeric(outcome):
        return None
    whole = outcome.kinds[name] == "integer"
    values = outcome.scan().select(pl.col(name).cast(pl.Float64)).filter(pl.col(name).is_finite())
    about = values.select(
        low=pl.col(name).min(),
        high=pl.col(name).max(),
        count=pl.len(),
        q1=pl.col(name).quantile(0.25),
        q3=pl.col(name).quantile(0.75),
    )
    low, high, count, q1, q3 = about.collect(engine="streaming").row(0)
    if not count:
        return None
    found = count_bins(values, name, bin_edges(low, high, count, q3 - q1, whole=whole), count)
    return {"kind": "histogram", "title": name, "edges": found.edges, "counts": found.counts}


def _drawn(outcome: Outcome, kind: str) -> dict[str, Any] | None:
    import polars as pl

    first, *others = outcome.kinds
    lines = [name for name in others if name in _numeric(outcome)][: CHART_LINES if kind == "line" else 1]
    if not lines or not outcome.rows or (kind == "scatter" and first not in _numeric(outcome)):
        return None
    frame = outcome.scan().select(first, *lines).head(CHART_ROWS).collect().drop_nulls(first)
    if frame.height == 0:
        return None
    if outcome.rows > CHART_ROWS:
        outcome.notes.append(f"The chart shows the first {CHART_ROWS:,} of {outcome.rows:,} rows.")
    y = {name: frame[name].cast(pl.Float64).to_list() for name in lines}
    if kind == "bars":
        labels = [text[:200] for text in as_text(frame[first])]
        return {"kind": kind, "title": lines[0], "labels": labels, "values": y[lines[0]], "x_title": first}
    x = frame[first].cast(pl.Float64) if first in _numeric(outcome) else as_text(frame[first])
    drawn = {"kind": kind, "x": x.to_list(), "x_title": first, "title": ", ".join(lines)}
    return drawn | {"y": y if len(lines) > 1 else y[lines[0]], "y_title": lines[0]}
