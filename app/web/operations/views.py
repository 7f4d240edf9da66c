"""Workers, queues and task types as they are now, and what operators change about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.catalog import TaskType, TypeName, WorkerInfo
from app.core.errors import BadQuery
from app.core.listing.filter import ENDED_WITHIN
from app.core.listing.stats import quantile
from app.core.queue.pauses import MAX_WHY
from app.core.tasks.states import Priority
from app.extensions import access, services
from app.web.platform import request_args
from app.web.platform.flashes import flash_at
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live

blueprint = Blueprint("operations", __name__)

PERIOD = "24h"


# Workers


@blueprint.get("/workers")
@requires("task.read")
def workers() -> str:
    return render_template("operations/workers.html", **_workers())


@blueprint.get("/workers/live")
@requires("task.read")
def workers_live() -> str:
    return region("operations/_workers.html", **_workers())


@blueprint.post("/workers/<worker>/stop")
@requires("worker.manage")
def stop_worker(worker: str) -> Response:
    access().operations.stop_worker(worker)
    return _said(url_for(".workers"), f"Worker {worker} stops after its task. It notices within 10 seconds.")


def _workers() -> dict[str, Any]:
    online = services().catalog.workers()
    asked = [worker.stop.by for worker in online if worker.stop]
    return {
        "workers": online,
        "running": access().operations.running(online),
        "names": services().people.users.names(asked),
        "titles": _titles(services().catalog.names()),
    }


# Queues


@blueprint.get("/queues")
@requires("task.read")
def queues() -> str:
    return render_template("operations/queues.html", priorities=list(Priority), most=MAX_WHY, **_queues())


@blueprint.get("/queues/live")
@requires("task.read")
def queues_live() -> str:
    return region("operations/_queues.html", **_queues())


@blueprint.post("/queues/pause")
@requires("queue.manage")
def pause() -> Response:
    priority = request_args.priority_of(request.form.get("priority", ""))
    access().operations.pause(priority, request.form.get("why", "").strip())
    live().forget()
    said = f"The {priority.word}-priority queue is paused. Running tasks continue; no other task starts."
    return _said(url_for(".queues"), said)


@blueprint.post("/queues/resume")
@requires("queue.manage")
def resume() -> Response:
    priority = request_args.priority_of(request.form.get("priority", ""))
    access().operations.resume(priority)
    live().forget()
    return _said(url_for(".queues"), f"The {priority.word}-priority queue is resumed.")


def _queues() -> dict[str, Any]:
    types = services().catalog.types()
    unserved = [kind.name for kind in types if not kind.served]
    paused = services().pauses.read()  # Another web process may have a pulse of before the change.
    names = services().people.users.names(pause.by for pause in paused.queues.values())
    return {
        "now": replace(live().pulse(), paused=paused, names=names),
        "unserved": access().figures.waiting_of(unserved),
        "titles": _titles(types),
    }


# Types


@blueprint.get("/types")
@requires("task.read")
def types() -> str:
    period = _period()
    return render_template(
        "operations/types.html",
        types=services().catalog.types(),
        runs=access().figures.runs(ENDED_WITHIN[period]),
        period=period,
        periods=ENDED_WITHIN,
    )


@blueprint.get("/types/<type_name>")
@requires("task.read")
def type_page(type_name: str) -> str:
    kind, period = services().catalog.get(type_name), _period()
    within = ENDED_WITHIN[period]
    return render_template(
        "operations/type.html",
        kind=kind,
        most=MAX_WHY,
        usable=access().may_use(kind),
        workers=_serving(kind),
        ended=access().figures.ended_of(type_name, within),
        durations=_durations(type_name, within),
        schema=json.dumps(kind.schema, indent=2, ensure_ascii=False, default=str),
        period=period,
        periods=ENDED_WITHIN,
    )


@blueprint.post("/types/<type_name>/pause")
@requires("queue.manage")
def pause_type(type_name: str) -> Response:
    access().operations.pause_type(type_name, request.form.get("why", "").strip())
    live().forget()
    said = "The task type is paused. Running tasks continue; no other task of it starts."
    return _said(url_for(".type_page", type_name=type_name), said)


@blueprint.post("/types/<type_name>/resume")
@requires("queue.manage")
def resume_type(type_name: str) -> Response:
    access().operations.resume_type(type_name)
    live().forget()
    return _said(url_for(".type_page", type_name=type_name), "The task type is resumed.")


def _durations(type_name: str, within: timedelta) -> dict[str, timedelta | None]:
    """Return the figures of how long runs took, by name; none where nothing succeeded."""
    took = access().figures.durations(type_name, within)
    shares = {"Shortest": 0.0, "Median": 0.5, "95th percentile": 0.95, "Longest": 1.0}
    return {name: quantile(took, share) for name, share in shares.items()} if took else {}


def _serving(kind: TaskType) -> list[WorkerInfo]:
    return [worker for worker in live().pulse().workers if kind.name in worker.types]


def _period() -> str:
    """Return the period that the address asks for. Raises BadQuery."""
    period = request_args.only("period").get("period", PERIOD)
    if period not in ENDED_WITHIN:
        raise BadQuery(f"Use one of these for “period”: {', '.join(ENDED_WITHIN)}.")
    return period


def _titles(types: Sequence[TaskType | TypeName]) -> dict[str, str]:
    return {kind.name: kind.title for kind in types}


def _said(address: str, message: str) -> Response:
    flash_at(address, message, "success")
    return redirect(address, 303)
