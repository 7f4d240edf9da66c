"""Values as people write them in a line, read as what their column holds."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from dtq_library.tables.rule_lines.lines import Line
from dtq_library.tables.values.column import kind_of
from dtq_library.tables.values.typed import MOMENT

if TYPE_CHECKING:
    import polars as pl

Value = str | int | float | bool | dt.date | dt.datetime
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,38}")
"""Whole numbers that Polars has a type for: they are compared digit by digit, however large."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
HOLDS = {
    "integer": "whole numbers",
    "number": "numbers",
    "date": "dates",
    "datetime": "dates with times",
    "boolean": "true and false",
    "text": "text",
}


def read_value(line: Line, column: str, dtype: pl.DataType, text: str) -> Value:
    """A value for a column of this type. Raises Fail saying what the column holds and what was expected."""
    import polars as pl

    if dtype.is_numeric():
        return _number(line, column, text)
    if dtype == pl.Date:
        return _date(line, column, text)
    if isinstance(dtype, pl.Datetime):
        return _moment(line, column, text, zoned=dtype.time_zone is not None)
    if dtype == pl.Boolean:
        if text.lower() not in _TRUTH:
            raise line.wrong(f"{column} holds true and false; true or false was expected, not {text}.")
        return _TRUTH[text.lower()]
    return text


def looks_typed(text: str) -> str | None:
    """What unquoted text looks like, when it does not look like words: a number or a date."""
    if _NUMBER.fullmatch(text):
        return "number"
    return "date" if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\b", text) else None


def moment_of(column: str, dtype: pl.Datetime) -> pl.Expr:
    """A column of moments, in UTC where they have a time zone."""
    import polars as pl

    return pl.col(column).dt.convert_time_zone("UTC") if dtype.time_zone else pl.col(column)


def text_of(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text, as it would stand in a CSV file."""
    import polars as pl

    if isinstance(dtype, pl.Datetime):
        return moment_of(column, dtype).dt.strftime(MOMENT if dtype.time_zone is None else f"{MOMENT}Z")
    if dtype == pl.Duration:
        return pl.col(column).dt.to_string("iso")
    if dtype == pl.Binary:
        return pl.col(column).bin.encode("base64")
    return pl.col(column) if dtype == pl.String else pl.col(column).cast(pl.String)


def holds(dtype: pl.DataType) -> str:
    """What a column of this type holds, in words."""
    return HOLDS.get(kind_of(dtype), "values that are neither text, numbers nor dates")


def is_whole(dtype: pl.DataType) -> bool:
    """Whether a column of this type holds whole numbers only; decimals may be such, too."""
    import polars as pl

    return dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0)


def fits_int64(dtype: pl.DataType) -> bool:
    """Whether every whole number of this type is one of 64 bits with a sign."""
    import polars as pl

    return (dtype.is_signed_integer() and dtype != pl.Int128) or dtype in (pl.UInt8, pl.UInt16, pl.UInt32)


def _number(line: Line, column: str, text: str) -> int | float:
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise line.wrong(f"{column} holds numbers; one such as 18 or 2.5 was expected, not {text}.")
    return float(text)


def _date(line: Line, column: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise line.wrong(f"{column} holds dates; one such as 2024-01-31 was expected, not {text}.") from None


def _moment(line: Line, column: str, text: str, *, zoned: bool) -> dt.date | dt.datetime:
    """A whole day, or a moment; a moment without an offset is in UTC where the column's are."""
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if not zoned and moment.tzinfo:
            raise line.wrong(f"the times of {column} have no offset from UTC; write {text} without one.")
        return (
            moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc).astimezone(dt.timezone.utc)
            if zoned
            else moment
        )
    except (ValueError, OverflowError):
        raise line.wrong(
            f"{column} holds dates with times; 2024-01-31 or 2024-01-31 09:30 was expected, not {text}."
        ) from None
