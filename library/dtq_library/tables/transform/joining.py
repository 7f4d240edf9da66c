"""Rows of a second table beside those of the first, where columns agree.

    COLUMN                   the same name in both
    COLUMN = OTHER COLUMN    its name in the first table, then in the second

Values are compared as what they are: 1.0 equals 1. Missing values agree with nothing. Where one column holds
whole numbers and its partner text, both are compared as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dtq import Fail
from dtq_library.tables.names import tidy_names
from dtq_library.tables.rule_lines.lines import Line, read_lines
from dtq_library.tables.transform.values import fits_int64, holds, is_whole
from dtq_library.tables.values.written import beside, visible

if TYPE_CHECKING:
    import polars as pl

WHERE = "Join on"
MOST_ROWS = 100_000_000
_MANY = " many "  # A name that no column has: names of columns have no whitespace at their ends.
How = Literal["inner", "left", "outer", "anti"]
_STRATEGIES: dict[How, Literal["inner", "left", "full", "anti"]] = {
    "inner": "inner",
    "left": "left",
    "outer": "full",
    "anti": "anti",
}


@dataclass(frozen=True)
class Joined:
    """The table, and what columns of the second one are called in it."""

    frame: pl.LazyFrame
    renamed: dict[str, str]


def join(first: pl.LazyFrame, second: pl.LazyFrame, lines: Sequence[str], how: How) -> Joined:
    """Join the second table to the first. Columns of it that stand in the first already get ``_2``.

    Raises Fail for columns that are not there or cannot be compared, and for a result that is beyond
    measure, as it is when many rows of both agree.
    """
    import polars as pl

    partners = _partners(first, second, lines)
    for one, other in partners.items():
        first, second = _alike(first, second, one, other)
    renamed = _new_names(first, second, {other: one for one, other in partners.items()})
    second = second.select([pl.col(name).alias(new) for name, new in renamed.items()])
    _require_moderate(first, second, list(partners), how)
    frame = first.join(
        second,
        on=list(partners),
        how=_STRATEGIES[how],
        coalesce=None if how == "anti" else True,
        maintain_order="left_right" if how == "outer" else "left",
    )
    return Joined(frame, renamed)


def _partners(first: pl.LazyFrame, second: pl.LazyFrame, lines: Sequence[str]) -> dict[str, str]:
    """Columns of the first table, each with that of the second which it agrees with."""
    partners: dict[str, str] = {}
    for line in read_lines(WHERE, lines):
        one, other = _pair(line, first, second)
        if partners.get(one) != other and (one in partners or other in partners.values()):
            raise line.wrong(f"{one if one in partners else other} has a partner in a line before already.")
        partners[one] = other
    if not partners:
        raise Fail(f"{WHERE}: name at least one column that both tables have.")
    return partners


def _pair(line: Line, first: pl.LazyFrame, second: pl.LazyFrame) -> tuple[str, str]:
    one, rest = line.column(visible(first.collect_schema().names()))
    if not rest:
        return one, line.column(visible(second.collect_schema().names()))[0]
    if not rest.startswith("="):
        raise line.wrong("a column, or two such as id = customer_id, was expected.")
    other, rest = line.column(visible(second.collect_schema().names()), rest[1:])
    if rest:
        raise line.wrong(f"nothing was expected after {other}, but there is {rest}.")
    return one, other


def _alike(
    first: pl.LazyFrame, second: pl.LazyFrame, one: str, other: str
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both columns as one type, so that they can be compared."""
    import polars as pl

    left, right = first.collect_schema()[one], second.collect_schema()[other]
    if left == right:
        return first, second
    common = _common(left, right)
    if common is None:
        raise Fail(
            f"{WHERE}: {one} holds {holds(left)} and its partner {other} {holds(right)}; "
            "they cannot be compared."
        )
    return (
        first.with_columns(pl.col(one).cast(common)),
        second.with_columns(pl.col(other).cast(common)),
    )


def _common(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    import polars as pl

    if is_whole(left) and is_whole(right):
        return pl.Int64() if fits_int64(left) and fits_int64(right) else pl.Decimal(38, 0)
    if left.is_numeric() and right.is_numeric():
        return pl.Float64()
    if isinstance(left, pl.Datetime) and isinstance(right, pl.Datetime):
        return pl.Datetime("us", left.time_zone) if bool(left.time_zone) == bool(right.time_zone) else None
    texts = [dtype for dtype in (left, right) if dtype == pl.String]
    return pl.String() if texts and (left.is_integer() or right.is_integer()) else None


def _new_names(first: pl.LazyFrame, second: pl.LazyFrame, keys: dict[str, str]) -> dict[str, str]:
    """What each column of the second table is called: its partner's name, or one that is free."""
    taken, theirs = visible(first.collect_schema().names()), second.collect_schema().names()
    others = [name for name in visible(theirs) if name not in keys]
    free = tidy_names([*taken, *others], snake_case=False)[len(taken) :]
    renamed = dict(zip(others, free, strict=True))
    written = {beside(name): beside(new) for name, new in renamed.items() if beside(name) in theirs}
    return keys | renamed | written


def _require_moderate(first: pl.LazyFrame, second: pl.LazyFrame, keys: list[str], how: How) -> None:
    import polars as pl

    if how == "anti":
        return
    twins = second.group_by(keys).agg(pl.len().cast(pl.Int64).alias(_MANY))
    counted = first.select(keys).join(twins, on=keys, how="left")
    rows = counted.select(pl.col(_MANY).fill_null(1).sum()).collect(engine="streaming").item()
    if rows > MOST_ROWS:
        raise Fail(
            f"{WHERE}: the joined table would have {rows:,} rows, more than {MOST_ROWS:,}: the same values "
            "stand in many rows of both tables. Name more columns, or leave out duplicates first."
        )
