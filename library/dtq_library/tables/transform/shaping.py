"""The finished table in chunks, as the format that it is written in wants its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dtq_library.tables.io.binary import parquet_chunks
from dtq_library.tables.io.write import jsonable
from dtq_library.tables.model import Format, Pulse
from dtq_library.tables.values.numbers import is_exact_float
from dtq_library.tables.values.written import as_written

if TYPE_CHECKING:
    import polars as pl


def shaped_frames(path: Path, fmt: Format, pulse: Pulse) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file, for `write_frames`."""
    import polars as pl

    if fmt not in ("json", "jsonl"):
        yield from map(as_written, parquet_chunks(path, pulse))
        return
    finite = _finite(path)
    for chunk in parquet_chunks(path, pulse):
        yield pl.DataFrame([jsonable(values, finite=finite.get(values.name, True)) for values in chunk])


def _finite(path: Path) -> dict[str, bool]:
    """For each column of floating-point numbers or decimals, whether JSON can hold all of them."""
    import polars as pl

    scan = pl.scan_parquet(path, glob=False)
    schema = scan.collect_schema()
    floats = [name for name, dtype in schema.items() if dtype.is_float()]
    decimals = [name for name, dtype in schema.items() if isinstance(dtype, pl.Decimal) and dtype.scale]
    whole = scan.select(pl.col(floats).is_finite().all()).collect(engine="streaming") if floats else None
    finite = dict(zip(floats, whole.row(0), strict=True)) if whole is not None else {}
    exact = {name: is_exact_float(scan.select(name).collect().to_series()) for name in decimals}
    return {**finite, **exact}
