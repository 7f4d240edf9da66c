"""Quantiles of durations from counts by bucket, which can be added up, as quantiles themselves cannot.

The bounds grow by a fifth from 1 ms on, so a quantile is off by a tenth at most, as in DDSketch (Masson, Rim
and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

FIRST_S, GROWTH, LAST = 0.001, 1.2, 120
"""The last bucket begins at 32 days."""


def bucket_of(duration_s: float) -> int:
    """Return the number of the bucket that a duration is in: 0 up to 1 ms."""
    if duration_s <= FIRST_S:
        return 0
    return min(LAST, math.ceil(math.log(duration_s / FIRST_S, GROWTH)))


def quantile_s(counts: Mapping[int, int], share: float) -> float | None:
    """Return the duration that a share of the counted ones does not exceed, in seconds; None of none."""
    rank = max(1, math.ceil(share * sum(counts.values())))
    for bucket, count in sorted(counts.items()):
        rank -= count
        if rank <= 0:
            return _middle_s(bucket)
    return None


def _middle_s(bucket: int) -> float:
    """Return what differs from both bounds of a bucket by the same share."""
    return FIRST_S / 2 if bucket == 0 else FIRST_S * GROWTH**bucket * 2 / (1 + GROWTH)
