"""The finished table in chunks, as the format that it is written in wants its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workers.library.tables.binary import parquet_chunks
from workers.library.tables.model import Format, Pulse
from workers.library.tables.write import jsonable

if TYPE_CHECKING:
    import polars as pl


def shaped_frames(path: Path, fmt: Format, pulse: Pulse) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file, for `write_frames`."""
    import polars as pl

    if fmt not in ("json", "jsonl"):
        yield from parquet_chunks(path, pulse)
        return
    finite = _finite(pl.scan_parquet(path, glob=False))
    for chunk in parquet_chunks(path, pulse):
        yield pl.DataFrame([jsonable(values, finite=finite.get(values.name, True)) for values in chunk])


def _finite(frame: pl.LazyFrame) -> dict[str, bool]:
    """For each column of floating-point numbers, whether all are finite."""
    import polars as pl

    floats = [name for name, dtype in frame.collect_schema().items() if dtype.is_float()]
    if not floats:
        return {}
    whole = frame.select(pl.col(floats).is_finite().all()).collect(engine="streaming")
    return dict(zip(floats, whole.row(0), strict=True))
