"""An analysis as plain tables and the data of charts, for the page of a task."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any

from dtq_library.tables.analyze.correlation import Correlation
from dtq_library.tables.analyze.profile import QUANTILES, Profile, as_time

MOST_CHARTS = 40
MOST_PAIRS = 20
_LONG = 80


def overview(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """A row for each column of the table."""
    return [
        {
            "column": profile.name,
            "type": profile.kind,
            "missing": profile.missing,
            "distinct": profile.frequent.distinct,
            "min": plain(profile.low),
            "max": plain(profile.high),
            "mean": plain(profile.mean),
            "median": plain(profile.median),
            "std": plain(profile.std),
        }
        for profile in profiles
    ]


def quantiles(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """A row for each column of numbers: the values below which 5, 25, 50, 75 and 95 % of its values are."""
    names = [f"p{round(share * 100)}" for share in QUANTILES]
    return [
        {"column": profile.name, **dict(zip(names, map(plain, profile.quantiles), strict=True))}
        for profile in profiles
        if profile.quantiles
    ]


def commonest(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """A row for each value; the percentage is of the values that are not missing."""
    return [
        {
            "column": profile.name,
            "value": plain(value),
            "count": times,
            "percent": round(100 * times / (profile.rows - profile.missing), 2),
        }
        for profile in profiles
        for value, times in profile.frequent.commonest
    ]


def correlations(found: Iterable[Correlation]) -> list[dict[str, Any]]:
    """A row for each pair, the strongest first."""
    ordered = sorted(found, key=lambda pair: -abs(pair.value or 0))
    return [
        {"column": pair.column, "other": pair.other, "correlation": plain(pair.value), "rows": pair.rows}
        for pair in ordered
    ]


def charts(profiles: Sequence[Profile], found: Iterable[Correlation]) -> list[dict[str, Any]]:
    """Histograms of numbers and dates, bars of the commonest values of everything else, and correlations.

    A histogram has one edge more than counts; bars have labels.
    """
    drawn = [_histogram(profile) if profile.histogram else _bars(profile) for profile in profiles]
    return [chart for chart in drawn if chart["counts"]][:MOST_CHARTS] + _strongest(found)


def _strongest(found: Iterable[Correlation]) -> list[dict[str, Any]]:
    known = [pair for pair in correlations(found) if pair["correlation"] is not None][:MOST_PAIRS]
    bars = {
        "kind": "bars",
        "title": "The strongest correlations" if len(known) == MOST_PAIRS else "Correlations",
        "labels": [f"{pair['column']} × {pair['other']}" for pair in known],
        "values": [pair["correlation"] for pair in known],
        "y_title": "Pearson's coefficient",
    }
    return [bars] if known else []


def _histogram(profile: Profile) -> dict[str, Any]:
    assert profile.histogram is not None  # noqa: S101 - for the type checker
    return {
        "kind": "histogram",
        "column": profile.name,
        "edges": [edge_of(profile, edge) for edge in profile.histogram.edges],
        "counts": profile.histogram.counts,
    }


def _bars(profile: Profile) -> dict[str, Any]:
    values = profile.frequent.commonest
    return {
        "kind": "bars",
        "column": profile.name,
        "labels": [str(plain(value)) for value, _ in values],
        "counts": [times for _, times in values],
    }


def edge_of(profile: Profile, edge: float) -> float | int | str:
    """The edge of a bin as what the column holds."""
    if profile.kind in ("date", "datetime"):
        return as_time(edge, profile.kind)
    return int(edge) if profile.kind == "integer" else edge


def plain(value: Any) -> Any:
    """A value as JSON has it; long texts are cut, and what is no number becomes text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
