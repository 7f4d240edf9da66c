"""The cells of a sheet as values of Python, and columns of one type each made from them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dtq import Fail

if TYPE_CHECKING:
    import polars as pl

MAX_CELLS = 50_000_000
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_SHOWN = 3


class SheetError(str):
    """An error that a spreadsheet shows instead of a value, such as #DIV/0!."""


class Uncomputed:
    """A formula whose value the file does not hold."""


Value = str | float | bool | dt.datetime | dt.time | dt.timedelta | Uncomputed | None
Cells = list[Value]


class Grid:
    """Cells by row and column, both counted from 1; those that hold nothing are not there."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Value]] = {}

    def put(self, row: int, column: int, value: Value) -> None:
        """Raises Fail for a cell that no spreadsheet has."""
        if not (0 < row <= _MAX_ROW and 0 < column <= _MAX_COLUMN):
            raise Fail("The workbook names a cell beyond the last one of a sheet; save it again.")
        if value is not None:
            self._rows.setdefault(row, {})[column] = value

    def rows(self) -> tuple[int, list[Cells]]:
        """Return the first column that is used, and all rows from the first of the sheet, equally wide.

        Raises Fail for a sheet that is too large, which only damaged ones are.
        """
        if not self._rows:
            return 1, []
        first = min(min(cells) for cells in self._rows.values())
        width = max(max(cells) for cells in self._rows.values()) - first + 1
        height = max(self._rows)
        if width * height > MAX_CELLS:
            raise Fail(f"The sheet has more than {MAX_CELLS:,} cells; split it, or save it as CSV.")
        nothing: dict[int, Value] = {}
        rows = [self._rows.get(number, nothing) for number in range(1, height + 1)]
        return first, [[row.get(first + at) for at in range(width)] for row in rows]


def column(name: str, values: Sequence[Value]) -> tuple[pl.Series, bool]:
    """Return cells as a column, and whether they were of several types and became text for that."""
    import polars as pl

    known = [None if isinstance(value, SheetError) else value for value in values]
    dtypes: dict[type, pl.DataType] = {
        str: pl.String(),
        float: pl.Float64(),
        bool: pl.Boolean(),
        dt.datetime: pl.Datetime("ms"),
        dt.time: pl.Time(),
        dt.timedelta: pl.Duration("ms"),
    }
    types = {type(value) for value in known if value is not None}
    if len(types) > 1:
        return pl.Series(name, [text(value) for value in known], dtype=pl.String), True
    return pl.Series(name, known, dtype=dtypes[types.pop()] if types else pl.String()), False


def text(value: Value) -> str | None:
    """One value as text: numbers with all of their digits, dates as in ISO 8601, durations in hours."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.timedelta):
        return _hours(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    return value.isoformat() if isinstance(value, dt.time) else None


def error_note(header: str, values: Sequence[Value], first_row: int) -> list[str]:
    """A sentence about the errors in a column, which were read as missing."""
    found = Counter(value for value in values if isinstance(value, SheetError))
    if not found:
        return []
    told = ", ".join(f"{error} ({count:,})" for error, count in found.most_common(_SHOWN))
    row = next(at for at, value in enumerate(values) if isinstance(value, SheetError)) + first_row
    return [
        f"Column {header}: errors of the spreadsheet, read as missing: {told}; "
        f"the first one is in row {row:,}."
    ]


def _hours(span: dt.timedelta) -> str:
    """As [h]:mm:ss shows it."""
    sign = "-" if span < dt.timedelta() else ""
    seconds, rest = divmod(abs(span), dt.timedelta(seconds=1))
    minutes, second = divmod(seconds, 60)
    fraction = f".{rest // dt.timedelta(milliseconds=1):03}" if rest else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{second:02}{fraction}"
