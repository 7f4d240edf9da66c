"""The dashboard and the alert rules ask for metrics, labels and values that there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import promql_parser
import pytest
import yaml

from app.core.catalog import WorkerState
from app.core.statistics.metrics import METRICS, Kind, Metric
from app.core.tasks.states import Ending, Priority, Status
from tests.docs.documents import DOCS, ROOT
from workers.maintenance import EVERY_S

RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
BOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
PANELS = {panel["title"]: panel for panel in BOARD["panels"] if panel["type"] != "row"}
OF_PROMETHEUS = {"job", "instance"}
VALUES: Mapping[str, set[str]] = {
    "status": {status.value for status in Status},
    "priority": {priority.word for priority in Priority},
    "state": {state.value for state in WorkerState},
    "outcome": {ending.value for ending in Ending},
    "repair": {*EVERY_S},
    "served": {"true", "false"},
    "store": {"mongodb", "redis"},
    "process": {"web", "worker"},
    "by": {"worker", "person"},
}


def _series(metric: Metric) -> dict[str, set[str]]:
    """Return the names by which Prometheus knows a metric, each with its labels."""
    labels = {*metric.labels} | OF_PROMETHEUS
    if metric.kind is not Kind.HISTOGRAM:
        return {metric.name: labels}
    return {
        f"{metric.name}_bucket": labels | {"le"},
        f"{metric.name}_sum": labels,
        f"{metric.name}_count": labels,
    }


SERIES = {name: labels for metric in METRICS for name, labels in _series(metric).items()}


def _queries() -> Iterator[Any]:
    for name, rule in ALERTS.items():
        yield pytest.param(rule["expr"], id=name)
    for title, panel in PANELS.items():
        for target in panel["targets"]:
            yield pytest.param(target["expr"].replace("$__rate_interval", "5m"), id=title)


def problems(query: str) -> list[str]:
    """Return what is wrong with a query. Raises ValueError where it is no PromQL."""
    found: list[str] = []
    _walk(promql_parser.parse(query), found.append)
    return found


def _walk(node: Any, say: Callable[[str], None]) -> set[str]:
    """Return the labels that what a part of a query gives has."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        return _selected(node, say)
    if kind == "MatrixSelector":
        return _selected(node.vector_selector, say)
    if kind == "AggregateExpr":
        given = _walk(node.expr, say)
        wanted = set(node.modifier.labels) if node.modifier else set()
        for label in wanted - given:
            say(f"there is no label {label} to aggregate by")
        return wanted
    if kind == "BinaryExpr":
        return _walk(node.lhs, say) & _walk(node.rhs, say) or _walk(node.lhs, say)
    if kind == "Call":
        labels = [_walk(argument, say) for argument in node.args]
        if node.func.name == "histogram_quantile" and "le" not in labels[1]:
            say("a quantile needs the label le")
        return set().union(*labels)
    if kind == "ParenExpr":
        return _walk(node.expr, say)
    assert kind in ("NumberLiteral", "StringLiteral"), kind
    return set()


def _selected(node: Any, say: Callable[[str], None]) -> set[str]:
    labels = SERIES.get(node.name)
    if labels is None:
        say(f"there is no metric {node.name}")
        return set()
    for matcher in node.matchers.matchers:
        if matcher.name not in labels:
            say(f"{node.name} has no label {matcher.name}")
        values = VALUES.get(matcher.name)
        for value in matcher.value.split("|") if values else ():
            if value not in values:
                say(f"{matcher.name} is never {value}")
    return labels


@pytest.mark.parametrize("query", [*_queries()])
def test_a_query_asks_for_what_there_is(query: str) -> None:
    assert problems(query) == []


@pytest.mark.parametrize(
    "query",
    [
        "dtq_task",
        "rate(dtq_queue_time_seconds[5m])",
        'dtq_workers{status="ready"}',
        'dtq_workers{state="idle"}',
        'dtq_attempts_total{outcome=~"crash|lost_worker"}',
        "sum by (type) (dtq_queue_depth)",
        "histogram_quantile(0.5, sum by (priority) (rate(dtq_queue_time_seconds_bucket[5m])))",
    ],
)
def test_a_wrong_query_is_found(query: str) -> None:
    assert problems(query)


def test_what_is_no_query_is_found() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        problems("sum by (type (dtq_tasks)")


def test_every_metric_is_on_the_dashboard() -> None:
    asked = " ".join(target["expr"] for panel in PANELS.values() for target in panel["targets"])
    assert [metric.name for metric in METRICS if metric.name not in asked] == []


def test_panels_have_places_and_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    places = [
        (place["x"] + column, place["y"])
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for column in range(place["w"])
    ]
    assert len(ids) == len({*ids}) and len(places) == len({*places})
    assert max(x for x, _ in places) < 24


def test_an_alert_says_what_to_do_and_is_in_the_guide() -> None:
    guide = (DOCS / "how-to/monitor.md").read_text(encoding="utf-8")
    for name, rule in ALERTS.items():
        assert {*rule["annotations"]} == {"summary", "description"}, name
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert f"`{name}`" in guide, name
