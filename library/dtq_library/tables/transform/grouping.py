"""Groups of rows, and what is computed of each, a line each.

    count                      rows of the group
    count(COLUMN)              values that are not missing
    FUNCTION(COLUMN)           sum, min, max, mean, median, std, first, last, distinct
    FUNCTION(COLUMN) as NAME   under a name of its own

Missing values are left out of everything; `std` is the sample's (divided by n - 1); `distinct` counts
different values; `first` and `last` are in the order of the table. Missing is a group like any other.
A sum of whole numbers is exact: where 64 bits cannot hold it, it is a decimal. Numbers with a point are
computed in double precision, also those that a Parquet file holds in single.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from dtq import Fail
from dtq.lines import Accept, Lines, Refuse
from dtq_library.tables.rule_lines import grammar as of
from dtq_library.tables.rule_lines.lines import Line, read_lines
from dtq_library.tables.transform.values import holds

if TYPE_CHECKING:
    import polars as pl

WHERE = "Compute"
_LINE = re.compile(r"(?P<word>[A-Za-z]+)\s*(?:\((?P<inside>.*)\))?\s*(?:\bas\s+(?P<name>.+))?", re.DOTALL)
_FUNCTIONS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "count": lambda values: values.count(),
    "sum": lambda values: values.sum(),
    "min": lambda values: values.min(),
    "max": lambda values: values.max(),
    "mean": lambda values: values.mean(),
    "median": lambda values: values.median(),
    "std": lambda values: values.std(ddof=1),
    "first": lambda values: values.first(ignore_nulls=True),
    "last": lambda values: values.last(ignore_nulls=True),
    "distinct": lambda values: values.drop_nulls().n_unique(),
}
_OF_NUMBERS = ("sum", "mean", "median", "std")
_NOT_STREAMED = ("median", "distinct")
# Names that no column has: names of columns have no whitespace at their ends.
_GROUP, _VALUE = " group ", " value "
EXPECTED = f"a line such as sum(amount) as total was expected; there are {', '.join(_FUNCTIONS)}."
_AS = r"\s*(?:\bas\s+(?P<name>.+))?"
GRAMMAR = Lines(
    Accept(rf"(?i:count)\s*(?:\(\s*\))?{_AS}", name=of.NAME),
    Refuse(rf"(?i:count)\s*\(\s*\*\s*\){_AS}", "write count alone for the number of rows."),
    Accept(
        rf'(?i:{"|".join(_FUNCTIONS)})\s*\(\s*(?:[^"\s].*|{of.QUOTED}\s*)\){_AS}',
        name=of.NAME,
    ),
    comment=of.COMMENT,
    otherwise=EXPECTED,
    at_run=False,
)
"""What a form can tell without the table."""


@dataclass(frozen=True)
class _Computed:
    """``column`` is None for the number of rows."""

    name: str
    word: str
    column: str | None

    def of(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        import polars as pl

        if self.column is None:
            return pl.len().alias(self.name)
        return _FUNCTIONS[self.word](_wide(self.column, self.word, schema[self.column])).alias(self.name)


def aggregate(frame: pl.LazyFrame, by: Sequence[str], lines: Iterable[str]) -> pl.LazyFrame:
    """One row for each group, in the order of the group columns; one row in all without such columns.

    Groups without anything to compute are counted. Raises Fail naming the line. Computed at once.
    """
    schema = frame.collect_schema()
    wanted: dict[str, _Computed] = {}
    for line in read_lines(WHERE, lines) or [Line(WHERE, 1, "count")]:
        computed = _read(line, schema)
        if computed.name in wanted or computed.name in by:
            raise line.wrong(f"the name {computed.name} is taken; write another one after as.")
        wanted[computed.name] = computed
    found = _collected(frame, by, list(wanted.values()), schema)
    return found.with_columns(
        _narrow(found[computed.name]) for computed in wanted.values() if computed.word == "sum"
    ).lazy()


def _collected(
    frame: pl.LazyFrame, by: Sequence[str], wanted: Sequence[_Computed], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    import polars as pl

    try:
        if by:
            return _grouped(frame, by, wanted, schema)
        return frame.select([computed.of(schema) for computed in wanted]).collect(engine="streaming")
    except pl.exceptions.ComputeError as error:
        if sum_fault(error) is not SumFault.OVERFLOW:
            raise
        raise Fail(f"{WHERE}: a sum has more digits than the 38 that a decimal can have.") from error


class SumFault(Enum):
    """Why Polars could not compute the values of groups."""

    OVERFLOW = auto()
    OTHER = auto()


def sum_fault(error: pl.exceptions.ComputeError) -> SumFault:
    """Classify an error of Polars, whose class covers all computations: only its text names the overflow."""
    return SumFault.OVERFLOW if "overflow in decimal" in str(error) else SumFault.OTHER


def _grouped(
    frame: pl.LazyFrame, by: Sequence[str], wanted: Sequence[_Computed], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """What Polars can compute while rows go by, and beside it what needs the values of a group together."""
    import polars as pl

    streamed = [computed.of(schema) for computed in wanted if computed.word not in _NOT_STREAMED]
    groups = frame.group_by(by).agg(streamed).collect(engine="streaming").with_row_index(_GROUP)
    numbers = groups.select(*by, _GROUP).lazy()
    for computed in wanted:
        if computed.word in _NOT_STREAMED and computed.column is not None:
            values = _wide(computed.column, computed.word, schema[computed.column])
            groups = groups.join(_apart(frame, numbers, by, computed, values), on=_GROUP, how="left")
            if computed.word == "distinct":
                groups = groups.with_columns(pl.col(computed.name).fill_null(0))
    return groups.select(*by, *(computed.name for computed in wanted)).sort(by, nulls_last=True)


def _apart(
    frame: pl.LazyFrame, groups: pl.LazyFrame, by: Sequence[str], wanted: _Computed, values: pl.Expr
) -> pl.DataFrame:
    """A median or a number of different values, from nothing but the numbers of groups and the values."""
    import polars as pl

    pairs = frame.select(*by, values.alias(_VALUE)).drop_nulls(_VALUE)
    pairs = pairs.join(groups, on=list(by), how="left", nulls_equal=True).select(_GROUP, _VALUE)
    if wanted.word == "distinct":
        different = pairs.group_by(_GROUP, _VALUE).agg()
        return different.group_by(_GROUP).agg(pl.len().alias(wanted.name)).collect(engine="streaming")
    known = pairs.collect(engine="streaming")
    return known.group_by(_GROUP).agg(pl.col(_VALUE).median().alias(wanted.name))


def _read(line: Line, schema: Mapping[str, pl.DataType]) -> _Computed:
    found = _LINE.fullmatch(line.text)
    word = found["word"].lower() if found else ""
    if found is None or word not in _FUNCTIONS:
        raise line.wrong(EXPECTED)
    has_argument = bool((found["inside"] or "").strip())
    if not has_argument and word != "count":
        raise line.wrong(EXPECTED)
    name = line.name(found["name"]) if found["name"] else ""
    if not has_argument:
        return _Computed(name or "count", word, None)
    column, rest = line.column(list(schema), found["inside"])
    if rest:
        raise line.wrong(EXPECTED)
    if word in _OF_NUMBERS and not schema[column].is_numeric():
        raise line.wrong(f"{column} holds {holds(schema[column])}; {word} needs numbers.")
    return _Computed(name or f"{word}_{column}", word, column)


def _wide(column: str, word: str, dtype: pl.DataType) -> pl.Expr:
    """Values in a type in which nothing of the result is lost: Polars' sums of integers wrap around."""
    import polars as pl

    values = pl.col(column)
    if word not in _OF_NUMBERS:
        return values
    if dtype.is_float() or dtype in (pl.Int128, pl.UInt128):
        return values.cast(pl.Float64)
    return values.cast(pl.Int128) if word == "sum" and dtype.is_integer() else values


def _narrow(sums: pl.Series) -> pl.Series:
    """Sums in 128 bits, which few programs read, in 64 where they fit, else as decimals."""
    import polars as pl

    if sums.dtype != pl.Int128:
        return sums
    fit = sums.cast(pl.Int64, strict=False)
    return sums.cast(pl.Decimal(38, 0)) if fit.has_nulls() else fit
