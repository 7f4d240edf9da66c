"""Home: queues, workers, outcomes, failures and the newest tasks; the pulse of every page; health."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.core.errors import BadQuery
from app.core.listing.filter import ENDED_WITHIN, TaskFilter
from app.core.people.person import PUBLIC
from app.core.queue.changes import Change
from app.core.statistics.series import PERIODS
from app.core.store_errors.advice import reason
from app.extensions import access, services, session
from app.streams.page_stream import PageStream
from app.streams.response import answer_with, chunked
from app.streams.stream import Watcher
from app.web.home.charts import charts
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live
from app.web.platform.request_args import only, task_id_of

blueprint = Blueprint("dashboard", __name__)

WINDOWS = ENDED_WITHIN
RECENT = TaskFilter(per_page=25)
RECENT_SHOWN = 8
READ_MS = 2_000
"""So long before its time a page may have read what it shows."""


@blueprint.get("/")
@requires("task.read")
def home() -> str:
    window, period = _chosen()
    return render_template("home/home.html", **{**_figures(window, period), **_charts(window, period)})


@blueprint.get("/home/live")
@requires("task.read")
def home_live() -> str:
    return region("home/_live.html", **_figures(*_chosen()))


@blueprint.get("/home/charts")
@requires("task.read")
def home_charts() -> str:
    return region("home/_charts.html", **_charts(*_chosen()))


@blueprint.get("/pulse")
@requires("task.read")
def pulse() -> str:
    return region("platform/_pulse_update.html", calm="calm" in only("calm"))


@blueprint.get("/events")
@requires("task.read")
def events() -> Response:
    """Names of what changes, as server-sent events: for a page of many tasks, or for that of one."""
    query, rights = only("task", "since"), access()
    task = str(rights.get(task_id_of(query["task"])).id) if "task" in query else ""
    watcher = Watcher(rights.person, session=session())

    def may_know(change: Change) -> bool:
        return rights.may_know(change.owner, private=change.private)

    return answer_with(PageStream(watcher, may_know, task, chunked=chunked()), _since(query))


def _since(query: dict[str, str]) -> int | None:
    """Return the time of what the page shows, in ms: a browser that comes back says what it heard last."""
    text = request.headers.get("Last-Event-ID") or query.get("since", "")
    return int(text) - READ_MS if text.isascii() and text.isdigit() and len(text) < 15 else None


@blueprint.get("/healthz")
@requires(PUBLIC)
def healthz() -> tuple[str, dict[str, str]]:
    """This process answers; says nothing about the stores."""
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}


@blueprint.get("/readyz")
@requires(PUBLIC)
def readyz() -> Any:
    """Whether tasks can be accepted and run, and why not.

    Redis may be away, as tasks are kept and start later. One that refuses does not come back by itself.
    """
    found = {"mongodb": live().database_cause(), "redis": live().queue_cause()}
    settings = {"mongodb": "MONGODB_URI", "redis": "REDIS_URL"}
    body: dict[str, Any] = {
        store: "ok" if cause is None else "refuses" if cause.refusal else "away"
        for store, cause in found.items()
    }
    troubles = {store: cause for store, cause in found.items() if cause is not None}
    if troubles:
        body["causes"] = {
            store: {"code": cause.value, "detail": reason(settings[store], cause)}
            for store, cause in troubles.items()
        }
    refused = any(cause.refusal for cause in troubles.values())
    return jsonify(body), 503 if refused or found["mongodb"] else 200


def _chosen() -> tuple[str, str]:
    """Return the period of the failures and that of the charts. Raises BadQuery."""
    given = only("failures", "period")
    window, period = given.get("failures", "24h"), given.get("period", "1h")
    if window not in WINDOWS:
        raise BadQuery(f"“failures” is one of: {', '.join(WINDOWS)}.")
    if period not in PERIODS:
        raise BadQuery(f"Use one of these for “period”: {', '.join(PERIODS)}.")
    return window, period


def _figures(window: str, period: str) -> dict[str, Any]:
    rights = access()
    recent = rights.page(RECENT).tasks[:RECENT_SHOWN]
    return {
        "window": window,
        "windows": WINDOWS,
        "period": period,
        "ended": rights.figures.ended(WINDOWS[period]),
        "failures": rights.figures.failures(WINDOWS[window]),
        "recent": recent,
        "running": rights.operations.running(live().pulse().workers),
        "titles": {kind.name: kind.title for kind in services().catalog.names()},
    }


def _charts(window: str, period: str) -> dict[str, Any]:
    points = services().series.points(period)
    known = [point for point in reversed(points) if point.ended or point.waiting is not None]
    return {"window": window, "period": period, "periods": PERIODS, "charts": charts(points), "points": known}
