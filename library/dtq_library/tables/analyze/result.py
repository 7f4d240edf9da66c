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
            "column": each.name,
            "type": each.kind,
            "missing": each.missing,
            "distinct": each.frequent.distinct,
            "min": plain(each.low),
            "max": plain(each.high),
            "mean": plain(each.mean),
            "median": plain(each.median),
            "std": plain(each.std),
        }
        for each in profiles
    ]


def quantiles(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """A row for each column of numbers: the values below which 5, 25, 50, 75 and 95 % of its values are."""
    names = [f"p{round(share * 100)}" for share in QUANTILES]
    return [
        {"column": each.name, **dict(zip(names, map(plain, each.quantiles), strict=True))}
        for each in profiles
        if each.quantiles
    ]


def commonest(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """A row for each value; the percentage is of the values that are not missing."""
    return [
        {
            "column": each.name,
            "value": plain(value),
            "count": times,
            "percent": round(100 * times / (each.rows - each.missing), 2),
        }
        for each in profiles
        for value, times in each.frequent.commonest
    ]


def correlations(found: Iterable[Correlation]) -> list[dict[str, Any]]:
    """A row for each pair, the strongest first."""
    ordered = sorted(found, key=lambda each: -abs(each.value or 0))
    return [
        {"column": each.column, "other": each.other, "correlation": plain(each.value), "rows": each.rows}
        for each in ordered
    ]


def charts(profiles: Sequence[Profile], found: Iterable[Correlation]) -> list[dict[str, Any]]:
    """Histograms of numbers and dates, bars of the commonest values of everything else, and correlations.

    A histogram has one edge more than counts; bars have labels.
    """
    drawn = [_histogram(each) if each.histogram else _bars(each) for each in profiles]
    return [chart for chart in drawn if chart["counts"]][:MOST_CHARTS] + _strongest(found)


def _strongest(found: Iterable[Correlation]) -> list[dict[str, Any]]:
    known = [each for each in correlations(found) if each["correlation"] is not None][:MOST_PAIRS]
    bars = {
        "kind": "bars",
        "title": "The strongest correlations" if len(known) == MOST_PAIRS else "Correlations",
        "labels": [f"{each['column']} × {each['other']}" for each in known],
        "values": [each["correlation"] for each in known],
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
