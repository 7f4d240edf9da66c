"""XLSX out: cell by cell and row by row, so that memory stays flat however long the table is.

Texts stay texts: nothing becomes a formula, a link or a number because of how it looks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtq import Fail
from dtq_library.tables.model import Pulse
from dtq_library.tables.stage import Stage
from dtq_library.tables.values.numbers import is_exact_float
from dtq_library.tables.values.typed import as_text

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


def write_xlsx(path: Path, stage: Stage, what: str, pulse: Pulse) -> None:
    """Write a table with typed values to the first sheet. Raises Fail when it is larger than a sheet.

    ``what`` the table is called then: the clean table, for instance.
    """
    import xlsxwriter

    _require_size(stage, what)
    shown = {name: _keeper(stage, name) for name in stage.empty.columns}
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(shown) - 1, _WIDTH_CHARS)
        heading = workbook.add_format({"bold": True})
        for at, name in enumerate(shown):
            sheet.write_string(0, at, name, heading)
        _write_rows(workbook, sheet, stage, shown, pulse)


def _write_rows(
    workbook: Any, sheet: Any, stage: Stage, shown: dict[str, Callable[[pl.Series], pl.Series]], pulse: Pulse
) -> None:
    import polars as pl

    writers: list[Writer] = []
    number = 0
    for chunk in stage.chunks():
        columns = pl.DataFrame([keep(chunk[name]) for name, keep in shown.items()])
        writers = writers or [_writer(workbook, sheet, values.dtype) for values in columns]
        for row in columns.iter_rows():
            number += 1
            for at, (write, value) in enumerate(zip(writers, row, strict=True)):
                if value is not None:
                    write(number, at, value)
            if number % _PULSE_ROWS == 0:
                pulse(number / stage.height)


def _writer(workbook: Any, sheet: Any, dtype: pl.DataType) -> Writer:
    import polars as pl

    if dtype.is_temporal():
        pattern = "yyyy-mm-dd hh:mm:ss" if isinstance(dtype, pl.Datetime) else "yyyy-mm-dd"
        shape = workbook.add_format({"num_format": "hh:mm:ss" if dtype == pl.Time else pattern})
        return lambda row, column, value: sheet.write_datetime(row, column, value, shape)
    write: Writer = sheet.write_number if dtype.is_numeric() else sheet.write_string
    return sheet.write_boolean if dtype == pl.Boolean else write


def _keeper(stage: Stage, name: str) -> Callable[[pl.Series], pl.Series]:
    """How a column is written: as it is where a spreadsheet can hold all of its values, else as text."""
    if all(_representable(frame[name]) for frame in stage.chunks(name)):
        return _plain
    for frame in stage.chunks(name):
        _require_short(as_text(frame[name]))
    return as_text


def _representable(values: pl.Series) -> bool:
    import polars as pl

    dtype = values.dtype
    if dtype in (pl.Boolean, pl.Time):
        return True
    if dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0):
        return bool(values.cast(pl.Float64).is_between(-_EXACT_INTEGERS, _EXACT_INTEGERS).all())
    if isinstance(dtype, pl.Decimal):
        return is_exact_float(values)
    if dtype.is_numeric():
        return bool(values.cast(pl.Float64).is_finite().all())
    dated = dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None)
    return dated and bool((values.dt.year() >= _FIRST_YEAR).all())


def _plain(values: pl.Series) -> pl.Series:
    """Decimals and such as the one kind of number that a spreadsheet has."""
    import polars as pl

    fractional = values.dtype.is_numeric() and not values.dtype.is_integer()
    return values.cast(pl.Float64) if fractional else values


def _require_size(stage: Stage, what: str) -> None:
    width = len(stage.empty.columns)
    if stage.height >= MAX_ROWS or width > MAX_COLUMNS:
        raise Fail(
            f"The {what} has {stage.height:,} rows and {width:,} columns; a spreadsheet holds "
            f"{MAX_ROWS - 1:,} and {MAX_COLUMNS:,}. Choose CSV or Parquet as the output."
        )


def _require_short(values: pl.Series) -> None:
    if (values.str.len_chars() > MAX_CHARS).any():
        raise Fail(
            f"Column {values.name} holds a text of more than {MAX_CHARS:,} characters, the most that a "
            "cell of a spreadsheet can hold. Choose CSV or Parquet as the output."
        )
