"""XLSX out: cell by cell and row by row, so that memory stays flat however long the table is.

Texts stay texts: nothing becomes a formula, a link or a number because of how it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers import Fail
from workers.library.tables.model import Pulse
from workers.library.tables.typed import as_text

if TYPE_CHECKING:
    import polars as pl

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_CHARS = 32_767
_EXACT_INTEGERS = 10**15
"""Excel shows 15 digits of a number; longer ones are identifiers and must keep theirs."""
_FIRST_YEAR = 1900
_PULSE_ROWS = 10_000
_WIDTH_CHARS = 14

Writer = Callable[[int, int, Any], object]


def write_xlsx(path: Path, frame: pl.DataFrame, pulse: Pulse) -> None:
    """Write a table with typed values to the first sheet. Raises Fail when it is larger than a sheet."""
    import xlsxwriter

    shown = [_representable(values) for values in frame]
    _require_fits(shown, frame.height)
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(shown) - 1, _WIDTH_CHARS)
        heading = workbook.add_format({"bold": True})
        for at, values in enumerate(shown):
            sheet.write_string(0, at, values.name, heading)
        _write_rows(sheet, shown, [_writer(workbook, sheet, values) for values in shown], pulse)


def _write_rows(sheet: Any, columns: Sequence[pl.Series], writers: Sequence[Writer], pulse: Pulse) -> None:
    import polars as pl

    for number, row in enumerate(pl.DataFrame(columns).iter_rows(), start=1):
        for at, (write, value) in enumerate(zip(writers, row, strict=True)):
            if value is not None:
                write(number, at, value)
        if number % _PULSE_ROWS == 0:
            pulse()


def _writer(workbook: Any, sheet: Any, values: pl.Series) -> Writer:
    import polars as pl

    dtype = values.dtype
    if dtype.is_temporal():
        pattern = "yyyy-mm-dd hh:mm:ss" if isinstance(dtype, pl.Datetime) else "yyyy-mm-dd"
        shape = workbook.add_format({"num_format": "hh:mm:ss" if dtype == pl.Time else pattern})
        return lambda row, column, value: sheet.write_datetime(row, column, value, shape)
    write: Writer = sheet.write_number if dtype.is_numeric() else sheet.write_string
    return sheet.write_boolean if dtype == pl.Boolean else write


def _representable(values: pl.Series) -> pl.Series:
    """Values that a spreadsheet can hold as they are; text for those that it would change."""
    import polars as pl

    dtype = values.dtype
    if dtype in (pl.String, pl.Boolean, pl.Time):
        return values
    if dtype.is_integer():
        fits = values.is_between(-_EXACT_INTEGERS, _EXACT_INTEGERS).all()
    elif dtype.is_numeric():
        values = values.cast(pl.Float64)
        fits = values.is_finite().all()
    else:
        dated = dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None)
        fits = dated and (values.dt.year() >= _FIRST_YEAR).all()
    return values if fits else as_text(values)


def _require_fits(columns: Sequence[pl.Series], height: int) -> None:
    import polars as pl

    if height >= MAX_ROWS or len(columns) > MAX_COLUMNS:
        raise Fail(
            f"The clean table has {height:,} rows and {len(columns):,} columns; a spreadsheet holds "
            f"{MAX_ROWS - 1:,} and {MAX_COLUMNS:,}. Choose CSV or Parquet as the output."
        )
    for values in columns:
        if values.dtype == pl.String and (values.str.len_chars() > MAX_CHARS).any():
            raise Fail(
                f"Column {values.name} holds a text of more than {MAX_CHARS:,} characters, the most that a "
                "cell of a spreadsheet can hold. Choose CSV or Parquet as the output."
            )
