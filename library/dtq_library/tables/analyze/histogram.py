"""Histograms: how wide the bins are, and how many values are in each.

There are as many bins as Sturges' rule asks for, ceil(log2 n + 1), or as Freedman and Diaconis' does, whose
bins are 2 IQR / n^(1/3) wide, whichever are more (numpy's `auto`), but 60 at the most. Whole numbers and
dates have bins of a whole width. A bin holds its lower edge and not its upper one; where edges are
not whole, the last bin holds both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOST_BINS = 60


@dataclass(frozen=True)
class Histogram:
    """One count fewer than there are edges."""

    edges: list[float]
    counts: list[int]


def bin_edges(low: float, high: float, count: int, iqr: float | None, *, whole: bool) -> list[float]:
    """The edges for ``count`` values from ``low`` to ``high``; ``iqr`` is their interquartile range."""
    span = high - low
    if not whole and not 0 < span < math.inf:
        return [low, high]
    bins = min(MOST_BINS, max(math.ceil(math.log2(count) + 1), _freedman_diaconis(span, count, iqr)))
    if whole:
        width = math.ceil((span + 1) / bins)
        return [low + width * at for at in range(math.ceil((span + 1) / width) + 1)]
    large = math.isinf(span * bins)  # Divided first, large numbers stay finite, and others are less round.
    return [low + (span / bins * at if large else span * at / bins) for at in range(bins)] + [high]


def count_bins(values: pl.LazyFrame, column: str, edges: list[float], count: int) -> Histogram:
    """Count the values between the edges; ``count`` is how many there are in all, none of them outside."""
    import polars as pl

    below = [(pl.col(column) < edge).sum().alias(f"{at}") for at, edge in enumerate(edges[1:-1])]
    inside = values.select(below).collect(engine="streaming").row(0) if below else ()
    reached = [0, *inside, count]
    return Histogram(edges, [upper - lower for lower, upper in zip(reached, reached[1:], strict=False)])


def _freedman_diaconis(span: float, count: int, iqr: float | None) -> int:
    width = 2 * (iqr or 0) / count ** (1 / 3)
    return math.ceil(min(span / width, MOST_BINS)) if width > 0 else 0
