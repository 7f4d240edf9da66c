"""What is found out about one column."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dtq_library.tables.analyze.frequent import Frequent, count_values
from dtq_library.tables.analyze.histogram import Histogram, bin_edges, count_bins
from dtq_library.tables.model import Kind
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DAY_ZERO = dt.datetime(1970, 1, 1)
_EPOCH = _DAY_ZERO.toordinal()
_LAST_MICROSECOND = (dt.datetime.max - _DAY_ZERO) // dt.timedelta(microseconds=1)


@dataclass
class Profile:
    """Figures about a column. None where there is no such figure, as the mean of a text.

    ``std`` is the standard deviation of a sample (divided by n - 1). ``quantiles`` are those of `QUANTILES`,
    between two values in proportion (numpy's and pandas' default); the third is the median.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    frequent: Frequent
    low: Any = None
    high: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: list[float] = field(default_factory=list)
    histogram: Histogram | None = None

    @property
    def median(self) -> float | None:
        return self.quantiles[2] if self.quantiles else None

    @property
    def numeric(self) -> bool:
        return self.kind in ("integer", "number")


def profile_column(stage: Stage, name: str, kind: Kind, most_common: int) -> Profile:
    """Everything about one column. At most its numbers are in memory at the same time, never its texts."""
    import polars as pl

    column = stage.scan().select(pl.col(name).alias("value"))
    found = Profile(name, kind, stage.height, 0, count_values(stage, name, most_common))
    if kind == "nested":
        found.missing = column.select(pl.col("value").null_count()).collect(engine="streaming").item()
        return found
    values = pl.col("value")
    figures = column.select(missing=values.null_count(), low=values.min(), high=values.max())
    found.missing, found.low, found.high = figures.collect(engine="streaming").row(0)
    if found.missing < found.rows:
        if found.numeric:
            _add_numbers(found, column)
        elif kind in ("date", "datetime"):
            found.histogram = _of_times(found, column)
    return found


def _add_numbers(found: Profile, column: pl.LazyFrame) -> None:
    import polars as pl

    values = (
        column.drop_nulls().select(pl.col("value").cast(pl.Float64)).collect(engine="streaming").to_series()
    )
    found.mean, found.std = _figure(values.mean()), _figure(values.std(ddof=1))
    values = values.sort()
    found.quantiles = [_quantile(values, share) for share in QUANTILES]
    iqr = found.quantiles[3] - found.quantiles[1]
    low, high = float(found.low), float(found.high)
    if math.isinf(low) or math.isinf(high):
        return
    edges = bin_edges(low, high, len(values), iqr, whole=found.kind == "integer")
    found.histogram = count_bins(values.to_frame().lazy(), "value", edges, len(values))


def _quantile(ordered: pl.Series, share: float) -> float:
    """Of sorted values, in proportion between the two that are nearest."""
    at = share * (len(ordered) - 1)
    lower, upper = float(ordered[math.floor(at)]), float(ordered[math.ceil(at)])
    return lower if lower == upper else lower + (upper - lower) * (at - math.floor(at))


def _figure(value: Any) -> float | None:
    return float(value) if value is not None else None


def _of_times(found: Profile, column: pl.LazyFrame) -> Histogram:
    """Days since 1970 for dates, microseconds for moments; `as_time` turns edges into dates again."""
    import polars as pl

    values = pl.col("value") if found.kind == "date" else pl.col("value").dt.cast_time_unit("us")
    physical = column.select(values.to_physical().cast(pl.Int64)).drop_nulls()
    low, high = physical.select(low=pl.col("value").min(), high=pl.col("value").max()).collect().row(0)
    count = found.rows - found.missing
    return count_bins(physical, "value", bin_edges(low, high, count, None, whole=True), count)


def as_time(edge: float, kind: Kind) -> str:
    """The edge of a bin as an ISO date, with the minute where it is a moment.

    The last edge lies behind the last value, but not behind the last day there is, 9999-12-31.
    """
    if kind == "date":
        return dt.date.fromordinal(min(_EPOCH + int(edge), dt.date.max.toordinal())).isoformat()
    moment = _DAY_ZERO + dt.timedelta(microseconds=min(int(edge), _LAST_MICROSECOND))
    return moment.isoformat(sep=" ", timespec="minutes")
