"""Tables as they were read, typed as for every other task, in Parquet files that the engine loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtq_library.tables.model import Pulse
from dtq_library.tables.opened import Opened
from dtq_library.tables.query.names import column_names, renamed_notes

if TYPE_CHECKING:
    import polars as pl

_DECIMAL_DIGITS = 38


@dataclass(frozen=True)
class LoadedTable:
    """A table by its letter; ``columns`` as the query calls them."""

    letter: str
    file: str
    rows: int
    columns: Sequence[str]
    detected: dict[str, Any]
    notes: Sequence[str]
    parts: Sequence[Path]
    casts: Sequence[str]

    def order(self) -> dict[str, Any]:
        """What the engine is told of it."""
        columns = [{"name": name, "cast": cast} for name, cast in zip(self.columns, self.casts, strict=True)]
        return {"name": self.letter, "files": [str(path) for path in self.parts], "columns": columns}


def load(opened: Opened, letter: str, file: str, folder: Path, pulse: Pulse) -> LoadedTable:
    """Write a table that was read to ``folder``, and let go of it."""
    before = opened.stage.empty.columns
    names = column_names(before)
    wide = {name: fits for name in before if (fits := _decimal(opened, name)) is not None}
    parts: list[Path] = []
    done = 0
    for chunk in opened.stage.chunks():
        path = folder / f"{letter}-{len(parts):06}.parquet"
        _plain(chunk, wide).rename(dict(zip(before, names, strict=True))).write_parquet(
            path, compression="lz4", statistics=False
        )
        parts.append(path)
        done += chunk.height
        if done < opened.stage.height:
            pulse(done / opened.stage.height)
    casts = [_cast(opened, name) for name in before]
    opened.stage.discard()
    detected = {key: value for key, value in asdict(opened.table.detected).items() if value is not None}
    notes = [f"{file}: {note}" for note in (*opened.notes, *opened.respelled)]
    notes += renamed_notes(file, before, names)
    return LoadedTable(letter, file, opened.stage.height, names, detected, notes, parts, casts)


def _decimal(opened: Opened, name: str) -> bool | None:
    """Whether whole numbers of 128 bits all fit into decimals of 38 digits; None for other columns."""
    import polars as pl

    if opened.stage.empty[name].dtype not in (pl.Int128, pl.UInt128):
        return None
    longest = (
        frame[name].cast(pl.String).str.strip_prefix("-").str.len_chars().max()
        for frame in opened.stage.chunks(name)
    )
    return all(length is None or int(str(length)) <= _DECIMAL_DIGITS for length in longest)


def _plain(chunk: pl.DataFrame, wide: dict[str, bool]) -> pl.DataFrame:
    """Columns as DuckDB reads them from Parquet: durations in microseconds, 128 bits as decimals or text."""
    import polars as pl

    def plain(values: pl.Series) -> pl.Series:
        if values.dtype == pl.Duration:
            return values.dt.total_microseconds()
        if values.name in wide:
            text = values.cast(pl.String)
            return text.str.to_decimal(scale=0).cast(pl.Decimal(38, 0)) if wide[values.name] else text
        return values.cast(pl.Float32) if values.dtype == pl.Float16 else values

    return pl.DataFrame([plain(values).alias(values.name) for values in chunk])


def _cast(opened: Opened, name: str) -> str:
    """What the engine makes of a column that it has read; nothing where it is right already."""
    import polars as pl

    dtype = opened.stage.empty[name].dtype
    if opened.kinds[name] == "nested":
        return "JSON"
    if dtype == pl.Duration:
        return "interval"
    if dtype == pl.Time:
        return "TIME"
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return "TIMESTAMPTZ" if zoned else ""
