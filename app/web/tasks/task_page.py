"""The page of a task, and the regions of it that are renewed."""

from __future__ import annotations

import contextlib
from typing import Any

from bson import ObjectId
from flask import render_template

from app.core.catalog import TaskType
from app.core.errors import NotFound
from app.core.files.store import StoredFile
from app.core.listing.filter import TaskFilter
from app.core.params.paths import MOST_ITEMS
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from app.extensions import access, services
from app.web.create.as_commands import commands_of
from app.web.create.envelope import nonce
from app.web.platform import request_args
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live
from app.web.results import table_state
from app.web.results.selection import Around, View, piece, view
from app.web.results.source import ResultSource, source_of
from app.web.results.table_state import TableState
from app.web.tasks import detail, timeline
from app.web.tasks.blueprint import blueprint


@blueprint.get("/tasks/<task_id>", endpoint="detail")
@requires("task.read")
def detail_page(task_id: str) -> str:
    task = access().get(request_args.task_id_of(task_id))
    query = request_args.only("attempt", *table_state.NAMES)
    attempt = request_args.attempt_of(task, query.get("attempt", ""))
    files = {str(each.id): each for each in access().files.of_task(task)}
    kind = _kind(task.type)
    parent = _parent(task)
    compared = parent if parent and parent.type == task.type else None
    named = {str(each.id): each for each in access().files.of_task(compared)} if compared else {}
    parameters = detail.parameters(task, kind, named | files, compared)
    values = _live_values(task, kind, list(files.values()), TableState.parse(query), attempt=attempt)
    return render_template(
        "tasks/detail.html",
        parameters=parameters,
        compared=compared is not None,
        changed=sum(one.before is not None for one in parameters),
        runs=_runs(task),
        calm=detail.asks_every_s(task) > detail.NEAR_S,
        stream_task=str(task.id),
        commands=commands_of(task, kind, list(files.values())) if kind and "clone" in values["may"] else None,
        **values,
        **_log_values(task, attempt),
    )


@blueprint.get("/tasks/<task_id>/live")
@requires("task.read")
def detail_live(task_id: str) -> str:
    try:
        task = access().get(request_args.task_id_of(task_id))
    except NotFound:
        return region("tasks/_gone.html")
    query = request_args.only("was", "attempt")
    files = access().files.of_task(task) if not task.live else []
    attempt = request_args.attempt_of(task, query.get("attempt", ""))
    values = _live_values(task, _kind(task.type), files, attempt=attempt)
    if query.get("was", task.status.value) == task.status.value:
        return region("tasks/_live.html", **values)
    said = {"change": detail.change(task), "asked_to_stop": bool(task.cancel)}
    runs = _runs(task) if task.status.ended else None
    return region("tasks/_changed.html", runs=runs, **said, **values, **_log_values(task, attempt))


@blueprint.get("/tasks/<task_id>/result")
@requires("task.read")
def result(task_id: str) -> str:
    """One table of a result, sorted and paged as the address says."""
    looked = TableState.parse(request_args.only(*table_state.NAMES))
    task = access().get(request_args.task_id_of(task_id))
    source, around = _source(task, access().files.of_task(task), looked)
    found: View | None = piece(source, task.result_kind, around) if source else None
    if found is None or found.kind != "table":
        raise NotFound("There is no such table in the result of this task.")
    return region("results/_table_region.html", task=task, view=found, offered=list(around.outputs))


@blueprint.get("/tasks/<task_id>/log/live")
@requires("task.read")
def log_live(task_id: str) -> str | tuple[str, int]:
    """The log of an attempt; 204 while there is nothing new."""
    query = request_args.only("attempt", "shown", "size")
    try:
        task = access().get(request_args.task_id_of(task_id))
    except NotFound:
        return ""
    values = _log_values(task, request_args.attempt_of(task, query.get("attempt", "")))
    known = (query.get("shown"), query.get("size"))
    if values["log_live"] and known == (str(values["log_attempt"]), str(values["log_size"])):
        return "", 204
    return region("tasks/_log.html", task=task, **values)


def _kind(name: str) -> TaskType | None:
    with contextlib.suppress(NotFound):
        return services().catalog.get(name)
    return None


def _runs(task: Task) -> timeline.Runs | None:
    """Return the latest runs of the task's type that the person sees, with this one among them."""
    wanted = TaskFilter(type=task.type, sort="finished", per_page=2 * timeline.MOST_RUNS)
    return timeline.runs_of(task, access().page(wanted).tasks)


def _parent(task: Task) -> Task | None:
    """Return the task that this one is a rerun of, if it is still there."""
    return access().find(task.parent)


def _names(task: Task) -> dict[str, str]:
    """Return the names of the people whom the page of a task names by their IDs."""
    ids = (task.owner, (task.cancel or {}).get("by"))
    return services().people.users.names(one for one in ids if one)


def _live_values(
    task: Task,
    kind: TaskType | None,
    files: list[StoredFile],
    looked: TableState | None = None,
    attempt: int | None = None,
) -> dict[str, Any]:
    waits = task.status is Status.QUEUED
    now = live().pulse()
    paused = now.pauses.keys()
    place = live().ask_queue(lambda: services().queues.place(task, paused)) if waits else None
    can_start = task.priority not in paused
    starts_in_s = now.starts_in_s(place, task.type) if place and can_start else None
    attempts = detail.attempts(task)
    return {
        "task": task,
        "tab": detail.tab(task),
        "every_s": detail.asks_every_s(task),
        "log_pinned_to": attempt,
        "kind": kind,
        "parent": _parent(task),
        "above": access().find(task.child_of),
        "children": access().children(task),
        "may": sorted(action.value for action in access().actions(task, kind)),
        "names": _names(task),
        "sees_all": access().sees_all,
        "steps": detail.steps(task),
        "progress": detail.progress(task),
        "attempts": attempts,
        "line": timeline.timeline(task, attempts),
        "place": place,
        "again_key": nonce(),
        "starts_in_s": starts_in_s,
        "announced": task.hint != "due",
        "priorities": list(Priority),
        **_result_values(task, files, looked or TableState()),
    }


def _result_values(task: Task, files: list[StoredFile], looked: TableState) -> dict[str, Any]:
    source, around = _source(task, files, looked)
    return {
        "outputs": list(around.outputs.values()),
        "is_text": source is not None and source.is_text,
        "most_inputs": MOST_ITEMS,
        "beginning_of": source.file if source and not source.whole else None,
        "result": view(source, task.result_kind, around) if source else None,
    }


def _source(task: Task, files: list[StoredFile], looked: TableState) -> tuple[ResultSource | None, Around]:
    outputs = {str(each.id): each for each in files if each.role == "output"}
    stored = access().files

    def head(file_id: ObjectId, most: int) -> bytes:
        return stored.head(outputs[str(file_id)], most)

    return source_of(task, outputs, head), Around(looked, outputs, head)


def _log_values(task: Task, attempt: int | None) -> dict[str, Any]:
    chosen = attempt or task.attempt
    log = access().log(task, chosen) if chosen else None
    shown = detail.shown_log(log.text) if log else detail.ShownLog()
    return {
        "log_size": log.size if log else 0,
        "log_shown": shown,
        "log_attempt": chosen,
        "log_pinned": attempt is not None,
        "log_live": task.status is Status.RUNNING and attempt in (None, task.attempt),
    }
