"""Parquet and XLSX: columns that come with types of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers import Fail
from workers.library.tables.model import Column, Detected, Pulse, Table
from workers.library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_CHUNK_CELLS = 500_000
_EXACT_INTEGERS = 2**53
"""Up to here every integer is exact in a spreadsheet's floating-point numbers."""
_DAY_ZERO = [date(1899, 12, 30), date(1899, 12, 31), date(1904, 1, 1)]
"""The dates that a time without a date is given by spreadsheet programs."""
_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_EPOCH = date(1970, 1, 1).toordinal()


def read_parquet(path: Path, pulse: Pulse, stage: Stage) -> Table:
    """Read a Parquet file. Categories become text; other types stay.

    Raises Fail when it is damaged, or holds dates that no calendar of Python or of a spreadsheet has.
    """
    import polars as pl

    try:
        return _read_parquet(path, pulse, stage)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Fail(
            "The Parquet file is damaged or incomplete; write it again and upload it again."
        ) from error


def _read_parquet(path: Path, pulse: Pulse, stage: Stage) -> Table:
    for chunk in parquet_chunks(path, pulse):
        if not chunk.columns:
            raise Fail("The Parquet file has no columns; a table was expected.")
        for values in chunk:
            _require_calendar(values)
        stage.add(_keyed(chunk))
        headers = chunk.columns
    columns = [Column(header, f"{at}", stage) for at, header in enumerate(headers)]
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


def read_xlsx(path: Path, wanted: str, stage: Stage) -> Table:
    """Read a sheet whose first row that is not empty is the header; the first sheet unless one is named.

    Formulas count by their last computed value; a cell that holds an error is missing.
    """
    import fastexcel
    import polars as pl

    with _quietly("fastexcel"):
        try:
            workbook = fastexcel.read_excel(path)
            sheet = _choose(workbook.sheet_names, wanted)
            headers, columns, first_row = _sheet_columns(workbook, sheet)
        except fastexcel.FastExcelError as error:
            raise Fail(
                "The XLSX workbook is damaged or of a kind that is not understood; "
                "save it again and upload it again."
            ) from error
    cells = pl.DataFrame(columns)
    stage.add(cells.clear())
    for chunk in cells.iter_slices(max(1, _CHUNK_CELLS // len(headers))):
        stage.add(chunk)
    return Table(
        [Column(header, f"{at}", stage) for at, header in enumerate(headers)],
        Detected("xlsx", sheet=sheet),
        stage,
        first_row=first_row,
        notes=_other_sheets(workbook.sheet_names, wanted),
    )


def _choose(sheets: list[str], wanted: str) -> str:
    if not wanted:
        return sheets[0]
    if wanted in sheets:
        return wanted
    near = get_close_matches(wanted, sheets, n=1)
    raise Fail(
        f"The workbook has no sheet named {wanted}. "
        + (f"Did you mean {near[0]}? " if near else "")
        + f"Its sheets are: {', '.join(sheets)}."
    )


def _other_sheets(sheets: list[str], wanted: str) -> list[str]:
    if wanted or len(sheets) == 1:
        return []
    return [f"The workbook has {len(sheets)} sheets; the first one, {sheets[0]}, was read."]


def _sheet_columns(workbook: Any, sheet: str) -> tuple[list[str], list[pl.Series], int]:
    """Header as text, values as typed as their columns are, and the number of their first row.

    Empty rows before the header are passed over.
    """
    top = workbook.load_sheet(sheet, header_row=None, n_rows=1, dtypes="string")
    if not top.width:
        raise Fail(f"The sheet {sheet} is empty; a header row was expected.")
    rows = workbook.load_sheet(sheet, header_row=None, skip_rows=0, n_rows=1, dtypes="string").total_height
    header_row = rows - top.total_height
    headers = _texts(top)
    if top.total_height == 1:
        return headers, [_no_values(at) for at in range(len(headers))], header_row + 2
    cells = workbook.load_sheet(sheet, header_row=None, skip_rows=header_row + 1, schema_sample_rows=None)
    values = [_meant(column).alias(f"{at}") for at, column in enumerate(cells.to_polars())]
    return headers, values, header_row + 2


def _texts(row: Any) -> list[str]:
    return [text or "" for text in row.to_polars().row(0)]


def _no_values(at: int) -> pl.Series:
    import polars as pl

    return pl.Series(f"{at}", [], dtype=pl.String)


def _plain(values: pl.Series) -> pl.Series:
    """Categories, and columns of nothing at all, as text."""
    import polars as pl

    return values.cast(pl.String) if values.dtype in (pl.Categorical, pl.Enum, pl.Null) else values


def _meant(values: pl.Series) -> pl.Series:
    """A spreadsheet has only floating-point numbers and moments; whole columns of them may mean less.

    Whole numbers become integers, moments at midnight dates, and moments of the calendar's day zero times.
    """
    import polars as pl

    known = values.drop_nulls()
    if known.is_empty():
        return _plain(values)
    if values.dtype == pl.Float64 and bool(
        ((known == known.floor()) & (known.abs() <= _EXACT_INTEGERS)).all()
    ):
        return values.cast(pl.Int64)
    if isinstance(values.dtype, pl.Datetime) and (known.dt.time() == time()).all():
        return values.dt.date()
    if isinstance(values.dtype, pl.Datetime) and known.dt.date().is_in(_DAY_ZERO).all():
        return values.dt.time()
    return values


@contextmanager
def _quietly(logger: str) -> Iterator[None]:
    """Keep a library's remarks about empty columns out of the task's log."""
    log = logging.getLogger(logger)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
