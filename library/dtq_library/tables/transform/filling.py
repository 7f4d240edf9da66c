"""Missing values, a column a line.

COLUMN = VALUE     this value
COLUMN forward     the value of the row before, in the order of the table
COLUMN mean        the mean of the column's other values; also median
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dtq.lines import Accept, Lines
from dtq_library.tables.rule_lines import grammar as of
from dtq_library.tables.rule_lines.lines import Line, read_lines
from dtq_library.tables.transform.values import fits_int64, holds, read_value
from dtq_library.tables.values.written import visible

if TYPE_CHECKING:
    import polars as pl

WHERE = "Fill missing values"
EXPECTED = "after the column one of these was expected: = and a value, forward, mean, median."
_FILLING = re.compile(r"(=\s*(?P<value>.+)|(?P<word>forward|mean|median))", re.DOTALL)
GRAMMAR = Lines(
    Accept(r"=\s*(?P<value>.+)", value=of.VALUE),
    Accept("forward|mean|median"),
    named=True,
    comment=of.COMMENT,
    otherwise=EXPECTED,
    at_run=False,
)
"""What a form can tell without the table."""


def fill_missing(
    frame: pl.LazyFrame, lines: Iterable[str], nested: Collection[str] = frozenset()
) -> pl.LazyFrame:
    """Fill columns, one line after the other. Raises Fail naming the line. Means are computed at once.

    ``nested`` columns hold JSON, and are filled with it.
    """
    for line in read_lines(WHERE, lines):
        frame = _fill(frame, line, nested)
    return frame


def _fill(frame: pl.LazyFrame, line: Line, nested: Collection[str]) -> pl.LazyFrame:
    import polars as pl

    schema = frame.collect_schema()
    column, rest = line.column(visible(schema.names()))
    found = _FILLING.fullmatch(rest)
    if found is None:
        raise line.wrong(EXPECTED)
    if found["word"] == "forward":
        return frame.with_columns(pl.col(column).forward_fill())
    if found["word"]:
        return _with_statistic(frame, line, schema, column, found["word"])
    value = read_value(line, column, schema[column], line.value(found["value"].strip()))
    if isinstance(value, str) and schema[column] != pl.String:
        raise line.wrong(f"{column} holds {holds(schema[column])}; such cannot be filled with a value.")
    if column in nested:
        value = _as_json(str(value))
    dtype = _wide_enough(line, column, schema[column], value)
    return frame.with_columns(_filled(column, dtype, value))


def _as_json(text: str) -> str:
    """Text that is JSON as it is, other text as a text of JSON."""
    try:
        return json.dumps(json.loads(text), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)


def _filled(column: str, dtype: pl.DataType, value: Any) -> pl.Expr:
    import polars as pl

    return pl.col(column).cast(dtype).fill_null(pl.lit(value).cast(dtype))


def _wide_enough(line: Line, column: str, dtype: pl.DataType, value: Any) -> pl.DataType:
    """The type of the column, or a larger one that holds the value as well.

    Whole numbers become numbers when they are filled with one that is not whole. Raises Fail where nothing
    holds all.
    """
    import polars as pl

    for larger in _larger(dtype):
        held = pl.select(pl.lit(value).cast(larger, strict=False)).item()
        if held is not None and (not dtype.is_numeric() or type(value)(held) == value):
            return larger
    if isinstance(value, float) or dtype.is_float():
        return pl.Float64()
    raise line.wrong(f"{column} is a column of the type {dtype}, which cannot hold {value}.")


def _larger(dtype: pl.DataType) -> list[pl.DataType]:
    """A type, and one that holds all of its values and more."""
    import polars as pl

    if isinstance(dtype, pl.Decimal):
        return [dtype, pl.Decimal(38, dtype.scale)]
    return [dtype, pl.Int64()] if fits_int64(dtype) else [dtype]


def _with_statistic(
    frame: pl.LazyFrame, line: Line, schema: Mapping[str, pl.DataType], column: str, word: str
) -> pl.LazyFrame:
    import polars as pl

    if not schema[column].is_numeric():
        raise line.wrong(f"{column} holds {holds(schema[column])}; only numbers have a {word}.")
    values = pl.col(column).cast(pl.Float64)
    wanted = values.mean() if word == "mean" else values.median()
    value = frame.select(wanted).collect(engine="streaming").item()
    return frame.with_columns(_filled(column, pl.Float64(), value)) if value is not None else frame
