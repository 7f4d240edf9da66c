"""Pearson's correlation of pairs of columns, over the rows in which neither is missing (as pandas does)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtq_library.tables.analyze.profile import Profile
from dtq_library.tables.model import Pulse
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS = 40


@dataclass(frozen=True)
class Correlation:
    """``rows`` is how many rows have both values; ``value`` is None where one column never changes there."""

    column: str
    other: str
    value: float | None
    rows: int


def correlate(stage: Stage, profiles: Sequence[Profile], pulse: Pulse) -> list[Correlation]:
    """Each pair of the first `MOST_COLUMNS` columns of numbers, in the order of the columns."""
    numeric = [profile for profile in profiles if profile.numeric and profile.mean is not None][:MOST_COLUMNS]
    found: list[Correlation] = []
    for at, one in enumerate(numeric):
        pulse(at / len(numeric))
        found += _with_others(stage, one, numeric[at + 1 :])
    return found


def _with_others(stage: Stage, one: Profile, others: Sequence[Profile]) -> list[Correlation]:
    if not others:
        return []
    sums = [
        total.alias(f"{at} {name}")
        for at, other in enumerate(others)
        for name, total in _sums(one, other).items()
    ]
    row = stage.scan().select(sums).collect(engine="streaming").row(0, named=True)
    return [
        _coefficient(one, other, {name: row[f"{at} {name}"] for name in ("n", "x", "y", "xx", "yy", "xy")})
        for at, other in enumerate(others)
    ]


def _sums(one: Profile, other: Profile) -> dict[str, pl.Expr]:
    """The sums that the coefficient needs, of distances from the mean so that they stay small.

    Adding 0 times its partner makes a value missing where its partner is.
    """
    import polars as pl

    x = pl.col(one.name).cast(pl.Float64) - one.mean
    y = pl.col(other.name).cast(pl.Float64) - other.mean
    x, y = x + y * 0, y + x * 0
    return {
        "n": x.count(),
        "x": x.sum(),
        "y": y.sum(),
        "xx": (x * x).sum(),
        "yy": (y * y).sum(),
        "xy": (x * y).sum(),
    }


def _coefficient(one: Profile, other: Profile, sums: dict[str, float]) -> Correlation:
    rows = int(sums["n"])
    value = None
    if rows > 1:
        shared = sums["xy"] - sums["x"] * sums["y"] / rows
        spread_x = sums["xx"] - sums["x"] ** 2 / rows
        spread_y = sums["yy"] - sums["y"] ** 2 / rows
        product = spread_x * spread_y
        constant = one.low == one.high or other.low == other.high
        if product > 0 and math.isfinite(product) and not constant:
            value = max(-1.0, min(1.0, shared / math.sqrt(product)))
    return Correlation(one.name, other.name, value, rows)
