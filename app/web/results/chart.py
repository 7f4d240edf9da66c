"""Charts: what the script of the page draws, and the same numbers as a table for everybody.

A chart is a dictionary with `kind`: histogram (edges, counts), bars (labels, values), line or
scatter (x, y).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from app.core.quantities import number, plural
from app.web.results.table import ResultTable
from app.web.results.table import build as build_table
from app.web.results.table_state import TableState

NEEDS = "a chart or a list of charts, each with “kind”: histogram, bars, line or scatter, and its numbers"
MOST_CHARTS = 60
MOST_BARS = 60
MOST_POINTS = 20_000
MOST_SERIES = 6
MOST_TEXT = 200
NUMBERS = TableState(size=100)
Values = list[float | None]
Numbers = list[tuple[str, list[Any]]]  # a column after the other
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Chart:
    """``drawn`` is for the script, ``numbers`` a table, ``names`` of several lines; ``more`` is left out."""

    kind: str
    title: str
    summary: str
    drawn: dict[str, Any]
    numbers: ResultTable
    names: list[str] = field(default_factory=list)
    more: int = 0


def build(value: Any) -> list[Chart] | None:
    """The charts of a chart or a list of them; None where anything is no chart."""
    parts = value if isinstance(value, list) else [value]
    charts = [chart for part in parts[:MOST_CHARTS] if (chart := _chart(part))]
    return charts if charts and len(charts) == len(parts[:MOST_CHARTS]) else None


def _chart(value: Any) -> Chart | None:
    build_one = _KINDS.get(value.get("kind", "")) if isinstance(value, Mapping) and _texts(value) else None
    return build_one(value) if build_one else None


def _texts(value: Mapping[str, Any]) -> bool:
    """What is written in and beside a chart is text."""
    return all(
        isinstance(value.get(name, ""), str) for name in ("kind", "title", "column", "x_title", "y_title")
    )


def _title(value: Mapping[str, Any], otherwise: str) -> str:
    return str(value.get("title") or value.get("column") or otherwise)[:MOST_TEXT]


# The kinds


def _histogram(value: Mapping[str, Any]) -> Chart | None:
    edges, counts = _axis(value.get("edges")), _values(value.get("counts"))
    if not edges or not counts or len(edges.at) != len(counts) + 1 or len(counts) > MOST_POINTS:
        return None
    if edges.labels or edges.at != sorted(edges.at) or None in counts:
        return None
    said = [f"{low} to {high}" for low, high in zip(edges.said, edges.said[1:], strict=False)]
    if edges.at[0] == edges.at[-1]:
        return _bars({**value, "labels": edges.said[:1], "values": [sum(map(_known, counts))]})
    drawn = {"edges": edges.at, "y": counts, "said": said, "time": edges.time}
    most = max(range(len(counts)), key=lambda at: _known(counts[at]))
    summary = (
        f"{plural(len(counts), 'bin')} from {edges.said[0]} to {edges.said[-1]}; most are in {said[most]}."
    )
    return _made(value, "histogram", "Histogram", summary, drawn, [("From – to", said), ("Count", counts)])


def _bars(value: Mapping[str, Any]) -> Chart | None:
    labels, values = value.get("labels"), _values(value.get("values", value.get("counts")))
    if not isinstance(labels, list) or not values or len(labels) != len(values):
        return None
    if any(isinstance(label, (list, Mapping)) for label in labels):
        return None
    said = [_said(label)[:MOST_TEXT] or "–" for label in labels]
    drawn = {"labels": said[:MOST_BARS], "y": values[:MOST_BARS]}
    top = max(range(len(values)), key=lambda at: _known(values[at]))
    summary = f"{plural(len(values), 'bar')}; the largest is {said[top]} with {_said(values[top])}."
    named = "Count" if "counts" in value else value.get("y_title") or "Value"
    return _made(
        value,
        "bars",
        "Bars",
        summary,
        drawn,
        [("Of", said), (named, values)],
        max(0, len(values) - MOST_BARS),
    )


def _line(value: Mapping[str, Any]) -> Chart | None:
    x, series = _axis(value.get("x")), _series(value.get("y"))
    if not x or not series or any(len(values) != len(x.at) for values in series.values()):
        return None
    order = sorted(range(len(x.at)), key=x.at.__getitem__)
    said = [x.said[at] for at in order]
    lines = {name: [values[at] for at in order] for name, values in series.items()}
    drawn = {
        "x": [x.at[at] for at in order][:MOST_POINTS],
        "series": [{"name": name, "y": item[:MOST_POINTS]} for name, item in lines.items()],
        "time": x.time,
        "labels": said[:MOST_POINTS] if x.labels else None,
    }
    what = "A line" if len(lines) == 1 else f"{len(lines)} lines ({', '.join(lines)})"
    summary = f"{what} over {plural(len(said), 'point')} from {said[0]} to {said[-1]}."
    numbers: Numbers = [(_x_title(value), said), *lines.items()]
    return _made(value, "line", "Line", summary, drawn, numbers, max(0, len(said) - MOST_POINTS))


def _scatter(value: Mapping[str, Any]) -> Chart | None:
    x, y = _axis(value.get("x")), _values(value.get("y"))
    if not x or not y or x.labels or len(x.at) != len(y):
        return None
    order = sorted(range(len(y)), key=x.at.__getitem__)
    said, points = [x.said[at] for at in order], [y[at] for at in order]
    drawn = {"x": [x.at[at] for at in order][:MOST_POINTS], "y": points[:MOST_POINTS], "time": x.time}
    summary = f"{plural(len(y), 'point')} from {said[0]} to {said[-1]}."
    numbers: Numbers = [(_x_title(value), said), (value.get("y_title") or "y", points)]
    return _made(value, "scatter", "Points", summary, drawn, numbers, max(0, len(y) - MOST_POINTS))


_KINDS: dict[str, Callable[[Mapping[str, Any]], Chart | None]] = {
    "histogram": _histogram,
    "bars": _bars,
    "line": _line,
    "scatter": _scatter,
}


def _made(
    value: Mapping[str, Any],
    kind: str,
    otherwise: str,
    summary: str,
    drawn: dict[str, Any],
    numbers: Numbers,
    more: int = 0,
) -> Chart | None:
    names, columns = zip(*numbers, strict=True)
    table = build_table(
        {"columns": [*names], "rows": [[*row] for row in zip(*columns, strict=True)]}, NUMBERS
    )
    if table is None:
        return None
    titles = {name: value[name][:MOST_TEXT] for name in ("x_title", "y_title") if value.get(name)}
    lines = [line["name"] for line in drawn.get("series", [])]
    whole = {**drawn, **titles, "kind": kind}
    return Chart(kind, _title(value, otherwise), summary, whole, table, lines if len(lines) > 1 else [], more)


# Numbers, moments and words


@dataclass(frozen=True)
class _Axis:
    """Places on an axis: ``at`` in numbers (seconds since 1970 if ``time``), ``said`` as people read them."""

    at: list[float]
    said: list[str]
    time: bool = False
    labels: bool = False


def _axis(value: Any) -> _Axis | None:
    if not isinstance(value, list) or not value:
        return None
    if all(map(_finite, value)):
        return _Axis(value, [_said(item) for item in value])
    if not all(isinstance(item, str) for item in value):
        return None
    said = [item[:MOST_TEXT] for item in value]
    try:
        moments = [datetime.fromisoformat(item) for item in value]
    except ValueError:
        return _Axis([float(at) for at in range(len(value))], said, labels=True)
    aware = [moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc) for moment in moments]
    return _Axis([(moment - EPOCH).total_seconds() for moment in aware], said, time=True)


def _series(value: Any) -> dict[str, Values] | None:
    """The lines by name: of a list one without a name of its own, of a dictionary each."""
    named = value if isinstance(value, Mapping) else {"y": value}
    found = {str(name)[:MOST_TEXT]: _values(values) for name, values in named.items()}
    known = {name: values for name, values in found.items() if values}
    return known if 0 < len(known) == len(named) <= MOST_SERIES else None


def _values(value: Any) -> Values | None:
    """Numbers, None being a gap."""
    if not isinstance(value, list) or not all(item is None or _finite(item) for item in value):
        return None
    return value if any(item is not None for item in value) else None


def _finite(value: Any) -> bool:
    """A number that a drawing can place; one beyond what a float holds it cannot."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


def _known(value: float | None) -> float:
    return value if value is not None else -math.inf


def _said(value: Any) -> str:
    if value is None:
        return "–"
    return number(value).replace(",", "") if isinstance(value, float) else str(value)


def _x_title(value: Mapping[str, Any]) -> str:
    return value.get("x_title") or "x"
