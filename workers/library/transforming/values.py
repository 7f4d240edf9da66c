"""Values as people write them in a line, read as what their column holds."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from workers.library.tables.clean import kind_of
from workers.library.tables.lines import Line

if TYPE_CHECKING:
    import polars as pl

Value = str | int | float | bool | dt.date | dt.datetime
_INTEGER = re.compile(r"[+-]?[0-9]+")
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


def text_of(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text, as it would stand in a CSV file."""
    import polars as pl

    if isinstance(dtype, pl.Datetime):
        return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.f" + ("" if dtype.time_zone is None else "Z"))
    if dtype == pl.Duration:
        return pl.col(column).dt.to_string("iso")
    if dtype == pl.Binary:
        return pl.col(column).bin.encode("base64")
    return pl.col(column) if dtype == pl.String else pl.col(column).cast(pl.String)


def holds(dtype: pl.DataType) -> str:
    """What a column of this type holds, in words."""
    return HOLDS.get(kind_of(dtype), "values that are neither text, numbers nor dates")


def _number(line: Line, column: str, text: str) -> int | float:
    if _INTEGER.fullmatch(text) and abs(int(text[:20])) < 2**63:
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
    except ValueError:
        raise line.wrong(
            f"{column} holds dates with times; 2024-01-31 or 2024-01-31 09:30 was expected, not {text}."
        ) from None
    if not zoned and moment.tzinfo:
        raise line.wrong(f"the times of {column} have no offset from UTC; write {text} without one.")
    return moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc) if zoned else moment
