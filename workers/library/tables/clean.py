"""One column at a time: tidy its cells, agree on what they are, and count every change exactly.

The steps, in this order: whitespace, missing, numbers or dates, case. A change is a cell whose text after
all of them is not its text before, or that held something and is missing now. A cell that became missing
counts as `missing` alone; another one counts once for each step that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workers.library.tables.dates import read_dates
from workers.library.tables.model import REASONS, Case, CleanColumn, CleanOptions, Column, Kind, Whitespace
from workers.library.tables.numbers import Reading, read_numbers

if TYPE_CHECKING:
    import polars as pl


def clean_column(column: Column, name: str, options: CleanOptions) -> CleanColumn:
    """Clean a column of text; one that came with another type only loses its NaN."""
    import polars as pl

    if column.values.dtype != pl.String or column.is_json:
        return _clean_typed(column, name)
    tidied = tidy_whitespace(column.values, options.whitespace)
    known = blank_missing(tidied, options.missing)
    reading = recognise(known, options)
    final = change_case(reading.values, options.case) if reading.kind == "text" else reading.values
    notes = (f"Column {name}: {reading.note}",) if reading.note else ()
    changes = _changes(reading.kind, source=column.values, tidied=tidied, known=known, final=final)
    return CleanColumn(column.header, name, reading.kind, final, changes, notes)


def tidy_whitespace(values: pl.Series, how: Whitespace) -> pl.Series:
    """Trim cells; to collapse, also put one space for each run of whitespace inside, line breaks included."""
    if how == "keep":
        return values
    trimmed = values.str.strip_chars()
    return trimmed.str.replace_all(r"\s+", " ") if how == "collapse" else trimmed


def blank_missing(values: pl.Series, spellings: Iterable[str]) -> pl.Series:
    """Null for cells that are empty, all whitespace, or one of the spellings in upper or lower case."""
    import polars as pl

    words = {"", *(spelling.strip().lower() for spelling in spellings)}
    missing = pl.col("cell").str.strip_chars().str.to_lowercase().is_in(words)
    return values.to_frame("cell").select(pl.when(~missing).then("cell")).to_series()


def recognise(values: pl.Series, options: CleanOptions) -> Reading:
    """What a column of text holds, in its clean spelling."""
    reading = None
    if values.null_count() < len(values):
        if options.numbers != "keep":
            reading = read_numbers(values, options.numbers)
        if reading is None and options.dates != "keep":
            reading = read_dates(values, options.dates)
    return reading or Reading("text", values)


def change_case(values: pl.Series, case: Case) -> pl.Series:
    """Cells in lower case, in upper case, or with every word capitalised."""
    if case == "lower":
        return values.str.to_lowercase()
    if case == "upper":
        return values.str.to_uppercase()
    return values.str.to_titlecase() if case == "title" else values


def _clean_typed(column: Column, name: str) -> CleanColumn:
    """NaN is how Parquet and others write a missing number; neither JSON nor a spreadsheet can hold it."""
    import polars as pl

    source = column.values
    final = source.fill_nan(None) if source.dtype.is_float() else source
    missing = source.is_not_null() & final.is_null()
    changes = pl.DataFrame({reason: missing & (reason == "missing") for reason in REASONS})
    kind: Kind = "nested" if column.is_json else kind_of(source.dtype)
    return CleanColumn(column.header, name, kind, final, changes)


def kind_of(dtype: pl.DataType) -> Kind:
    """The word for a type of Polars."""
    import polars as pl

    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    kinds: dict[type[pl.DataType], Kind] = {
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.Time: "time",
        pl.Duration: "duration",
        pl.Boolean: "boolean",
        pl.Binary: "binary",
        pl.String: "text",
    }
    return kinds.get(dtype.base_type(), "nested")


def _changes(kind: Kind, **steps: pl.Series) -> pl.DataFrame:
    """For each of `REASONS` a boolean column: which cells it changed."""
    import polars as pl

    present = pl.col("final").is_not_null()
    respelled = present & (pl.col("final") != pl.col("known"))
    trimmed = present & (pl.col("tidied") != pl.col("source"))
    never = pl.lit(False)
    return (
        pl.DataFrame(steps)
        .select(
            trimmed=trimmed,
            missing=~present & pl.col("source").is_not_null(),
            number=respelled if kind in ("integer", "number") else never,
            date=respelled if kind in ("date", "datetime") else never,
            case=respelled if kind == "text" else never,
        )
        .fill_null(False)
    )
