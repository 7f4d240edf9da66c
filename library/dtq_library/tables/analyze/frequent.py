"""How many different values a column has, and its commonest ones, in memory that has a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_PART_ROWS = 2_000_000


@dataclass(frozen=True)
class Frequent:
    """``commonest`` are pairs of a value and how often it occurs, the most frequent first."""

    distinct: int
    commonest: list[tuple[Any, int]]


def count_values(stage: Stage, column: str, most: int) -> Frequent:
    """Count the values of a column that are not missing; of equally frequent ones the smaller comes first.

    Equal values are in the same part of the rows, and only one part is counted at a time.
    """
    import polars as pl

    parts = stage.height // _PART_ROWS + 1
    distinct, found = 0, []
    for part in range(parts):
        counts = _counts(stage.scan(), column, part, parts)
        distinct += counts.height
        found.append(_first(counts, most))
    return Frequent(distinct, _first(pl.concat(found), most).rows())


def _counts(frame: pl.LazyFrame, column: str, part: int, parts: int) -> pl.DataFrame:
    import polars as pl

    values = frame.select(pl.col(column).alias("value")).drop_nulls()
    if parts > 1:
        values = values.filter(pl.col("value").hash() % parts == part)
    return values.group_by("value").agg(pl.len().alias("times")).collect(engine="streaming")


def _first(counts: pl.DataFrame, most: int) -> pl.DataFrame:
    return counts.sort(["times", "value"], descending=[True, False]).head(most)
