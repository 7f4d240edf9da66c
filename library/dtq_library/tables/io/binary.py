"""Parquet: columns that come with types of their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dtq import Fail
from dtq_library.tables.io.maps import holds_maps, maps_as_json
from dtq_library.tables.io.parquets import holds_late_timestamps, rewritten
from dtq_library.tables.model import Column, Detected, Pulse, Table
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_CHUNK_CELLS = 500_000
_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_EPOCH = date(1970, 1, 1).toordinal()


def read_parquet(path: Path, pulse: Pulse, stage: Stage) -> Table:
    """Read a Parquet file. Categories become text; other types stay.

    What Polars cannot read, DuckDB may. Raises Fail when it is damaged, or holds dates that no calendar of
    Python or of a spreadsheet has.
    """
    import polars as pl

    unreadable = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError)
    try:
        if not (_holds_nanoseconds(path) and holds_late_timestamps(path)):
            return _read_parquet(path, pulse, stage)
    except unreadable:
        stage.discard()
    other = rewritten(path)
    if other is None:
        raise _damaged()
    copy, names = other
    try:
        return _read_parquet(copy, pulse, Stage(path.parent), names)
    except unreadable as error:
        raise _damaged() from error


def _holds_nanoseconds(path: Path) -> bool:
    import polars as pl

    schema = pl.scan_parquet(path, glob=False).collect_schema()
    return any(isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns" for dtype in schema.values())


def _damaged() -> Fail:
    return Fail("The Parquet file is damaged or incomplete; write it again and upload it again.")


def _read_parquet(path: Path, pulse: Pulse, stage: Stage, names: list[str] | None = None) -> Table:
    for chunk in parquet_chunks(path, pulse):
        if not chunk.columns:
            raise Fail("The Parquet file has no columns; a table was expected.")
        for values in chunk:
            _require_calendar(values)
        stage.add(_keyed(chunk))
        headers = names or chunk.columns
        encoded = [holds_maps(values.dtype) for values in chunk]
    columns = [Column(header, f"{at}", stage, is_json=encoded[at]) for at, header in enumerate(headers)]
    return Table(columns, Detected("parquet"), stage)


def _require_calendar(values: pl.Series) -> None:
    import polars as pl

    if values.dtype == pl.Date:
        days = values.to_physical()
    elif isinstance(values.dtype, pl.Datetime):
        days = values.to_physical() // _A_DAY[values.dtype.time_unit]
    else:
        return
    if not days.is_between(date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH).all():
        raise Fail(f"Column {values.name} holds a date outside of the years 1 to 9999; correct it.")


def parquet_chunks(path: Path, pulse: Pulse) -> Iterator[pl.DataFrame]:
    """The rows of a file, an empty chunk when there are none.

    By slices: Polars decodes only the pages that a slice lies in, however long the row groups are.
    """
    import polars as pl

    scan = pl.scan_parquet(path, glob=False)
    height, rows = (
        scan.select(pl.len()).collect().item(),
        max(1, _CHUNK_CELLS // max(1, len(scan.collect_schema()))),
    )
    for start in range(0, max(1, height), rows):
        yield scan.slice(start, rows).collect()
        if start + rows < height:
            pulse((start + rows) / height)


def _keyed(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame([_plain(values).alias(f"{at}") for at, values in enumerate(frame)])


def _plain(values: pl.Series) -> pl.Series:
    """Categories, and columns of nothing at all, as text; extensions as what they are stored as."""
    import polars as pl

    if isinstance(values.dtype, pl.BaseExtension):
        values = values.ext.storage()
    if holds_maps(values.dtype):
        return maps_as_json(values)
    return values.cast(pl.String) if values.dtype in (pl.Categorical, pl.Enum, pl.Null) else values
