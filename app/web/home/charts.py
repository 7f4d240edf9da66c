"""The charts of Home: lines through the points of a series, as the server draws them in SVG.

uPlot, which draws the charts of results, weighs 26 KB with its script and would bring Home over the 70 KB
that a first visit may take. What is drawn here takes a tenth of that, needs no script and follows the theme
by style sheet. A line is told from another by its dashes as well, and every number stands in a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.quantities import duration, number
from app.core.statistics.series import Point
from app.core.tasks.states import Status

WIDTH, HEIGHT = 600, 100
Value = Callable[[Point], float | None]


@dataclass(frozen=True)
class Line:
    """A line of a chart: the points of each of its parts, as SVG takes them, between gaps."""

    name: str
    parts: list[str]


@dataclass(frozen=True)
class Spot:
    """A stretch of a chart, and what is said where the pointer rests on it."""

    x: str
    width: str
    says: str


@dataclass(frozen=True)
class Chart:
    """``top`` is what the upper edge stands for, ``summary`` what is said of the whole."""

    title: str
    unit: str
    top: str
    lines: list[Line]
    spots: list[Spot]
    summary: str


@dataclass(frozen=True)
class _Plan:
    """What a chart shows: its lines by name, how a value is said, and what its height stands for at least."""

    title: str
    unit: str
    values: dict[str, Value]
    says: Callable[[float], str]
    least: float
    most: float = math.inf


def charts(points: Sequence[Point]) -> list[Chart]:
    """Return the charts of a series; none where nothing is known of any of its points."""
    if not any(point.ended or point.waiting is not None for point in points):
        return []
    step = points[0].end - points[0].start
    return [_chart(plan, points) for plan in _plans(step)]


def _plans(step: timedelta) -> list[_Plan]:
    def ended(status: Status) -> Value:
        return lambda point: None if point.ended is None else point.ended.get(status, 0)

    outcomes = {status.label: ended(status) for status in (Status.SUCCEEDED, Status.FAILED)}
    queue_times: dict[str, Value] = {
        "Median": lambda point: point.queue_p50_s,
        "95th percentile": lambda point: point.queue_p95_s,
    }
    return [
        _Plan("Finished tasks", f"per {_said(step)}", outcomes, number, 4),
        _Plan(
            "Failure rate",
            "of tasks that ran",
            {"Failure rate": _failure_rate},
            _percent,
            0.1,
            1,
        ),
        _Plan("Queue time", "of finished tasks", queue_times, _seconds, 1),
        _Plan("Utilization", "workers that run a task", {"Utilization": _utilization}, _percent, 1, 1),
        _Plan("Waiting tasks", "most at a time", {"Waiting": lambda point: point.waiting}, number, 4),
        _Plan("Longest wait", "oldest waiting task", {"Longest wait": _oldest_wait_s}, _seconds, 1),
    ]


def _failure_rate(point: Point) -> float | None:
    return point.failure_rate


def _utilization(point: Point) -> float | None:
    return point.utilization


def _oldest_wait_s(point: Point) -> float | None:
    return point.oldest_wait_s


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _seconds(seconds: float) -> str:
    return duration(timedelta(seconds=seconds))


def _said(step: timedelta) -> str:
    minutes = step // timedelta(minutes=1)
    return "minute" if minutes == 1 else f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} hours"


def _chart(plan: _Plan, points: Sequence[Point]) -> Chart:
    values = {name: [value(point) for point in points] for name, value in plan.values.items()}
    known = [value for line in values.values() for value in line if value is not None]
    top = min(plan.most, _round_up(max([plan.least, *known])))
    lines = [Line(name, _parts(line, top)) for name, line in values.items()]
    width = WIDTH / len(points)
    spots = [
        Spot(
            f"{at * width:.4g}",
            f"{width:.4g}",
            _says(plan, points[at], {name: line[at] for name, line in values.items()}),
        )
        for at in range(len(points))
        if any(line[at] is not None for line in values.values())
    ]
    return Chart(plan.title, plan.unit, plan.says(top), lines, spots, _summary(plan, values))


def _says(plan: _Plan, point: Point, values: dict[str, float | None]) -> str:
    said = (f"{name} {plan.says(value)}" for name, value in values.items() if value is not None)
    return f"{_clock(point.start)}–{point.end:%H:%M} UTC: {', '.join(said)}"


def _clock(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment:%H:%M}"


def _summary(plan: _Plan, values: dict[str, list[float | None]]) -> str:
    """Return the most of each line, for who does not see it."""
    most = {
        name: max((value for value in line if value is not None), default=None)
        for name, line in values.items()
    }
    said = (f"{name} up to {plan.says(value)}" for name, value in most.items() if value is not None)
    return ", ".join(said) or "nothing is known"


def _parts(values: Sequence[float | None], top: float) -> list[str]:
    """Return the points of a line; a gap ends a part, and a part of one point is as wide as its stretch."""
    half = WIDTH / len(values) / 2
    parts: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append(((at + 0.5) * WIDTH / len(values), HEIGHT * (1 - value / top)))
    strokes = (
        part if len(part) > 1 else [(x + side, y) for x, y in part for side in (-half, half)]
        for part in parts
        if part
    )
    return [" ".join(f"{x:.4g},{y:.3g}" for x, y in stroke) for stroke in strokes]


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 and so on."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
