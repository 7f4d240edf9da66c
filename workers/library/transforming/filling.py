"""Missing values, a column a line.

COLUMN = VALUE     this value
COLUMN forward     the value of the row before, in the order of the table
COLUMN mean        the mean of the column's other values; also median
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workers.library.tables.lines import Line, read_lines
from workers.library.transforming.values import holds, read_value

if TYPE_CHECKING:
    import polars as pl

WHERE = "Fill missing values"
EXPECTED = "after the column one of these was expected: = and a value, forward, mean, median."
_FILLING = re.compile(r"(=\s*(?P<value>.+)|(?P<word>forward|mean|median))", re.DOTALL)


def fill_missing(frame: pl.LazyFrame, lines: Iterable[str]) -> pl.LazyFrame:
    """Fill columns, one line after the other. Raises Fail naming the line. Means are computed at once."""
    for line in read_lines(WHERE, lines):
        frame = _fill(frame, line)
    return frame


def _fill(frame: pl.LazyFrame, line: Line) -> pl.LazyFrame:
    import polars as pl

    schema = frame.collect_schema()
    column, rest = line.column(schema.names())
    found = _FILLING.fullmatch(rest)
    if found is None:
        raise line.wrong(EXPECTED)
    if found["word"] == "forward":
        return frame.with_columns(pl.col(column).forward_fill())
    if found["word"]:
        return _with_statistic(frame, line, schema, column, found["word"])
    value = read_value(line, column, schema[column], line.value(found["value"].strip()))
    return frame.with_columns(_filled(column, schema[column], value))


def _filled(column: str, dtype: pl.DataType, value: Any) -> pl.Expr:
    """Whole numbers become numbers when they are filled with one that is not whole."""
    import polars as pl

    filled = pl.col(column).cast(pl.Float64) if isinstance(value, float) else pl.col(column)
    as_it_is = isinstance(value, (float, str))
    return filled.fill_null(pl.lit(value) if as_it_is else pl.lit(value).cast(dtype))


def _with_statistic(
    frame: pl.LazyFrame, line: Line, schema: Mapping[str, pl.DataType], column: str, word: str
) -> pl.LazyFrame:
    import polars as pl

    if not schema[column].is_numeric():
        raise line.wrong(f"{column} holds {holds(schema[column])}; only numbers have a {word}.")
    values = pl.col(column).cast(pl.Float64)
    wanted = values.mean() if word == "mean" else values.median()
    value = frame.select(wanted).collect(engine="streaming").item()
    return frame.with_columns(_filled(column, schema[column], value)) if value is not None else frame
