"""The list of tasks and the page of each: views, the regions they renew, and actions by POST."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.catalog import TaskType
from app.core.clock import utcnow
from app.core.errors import BadQuery, BadSearch, Conflict, Invalid, NotFound
from app.core.files.store import StoredFile
from app.core.listing.cursors import Page
from app.core.listing.filter import ORDERINGS, PAGE_SIZES, TYPED, TaskFilter
from app.core.listing.listing import MOST_NEW
from app.core.params.paths import MOST_ITEMS
from app.core.queue.dispatcher import UNDO_LEEWAY, UNDO_WITHIN
from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.task import Task
from app.extensions import access, services
from app.http.owners import with_owner
from app.web.bulk import wording as bulk_wording
from app.web.create.envelope import nonce
from app.web.platform import request_args
from app.web.platform.errors import wants_json
from app.web.platform.flashes import Undo, flash_at
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live, unless_refused
from app.web.results import table_state
from app.web.results.selection import Around, View, piece, view
from app.web.results.source import ResultSource, source_of
from app.web.results.table_state import TableState
from app.web.tasks import detail, timeline
from app.web.tasks.as_commands import commands
from app.web.tasks.list_frame import Frame, frame_of, part_frame

blueprint = Blueprint("tasks", __name__)

NOT_YET = "The queue (Redis) does not answer. The task is saved and starts when the queue is back."


# The list


@blueprint.get("/tasks")
@requires("task.read")
def index() -> str | Response:
    frame, given = frame_of(request.args.to_dict(flat=False))
    if not request.args and frame.preference.first:
        return redirect(url_for(".index", view=frame.preference.first), 303)
    unchanged = frame.view is not None and not frame.changed
    try:
        wanted = with_owner(TaskFilter.parse(given))
        if named := _named(wanted):
            return redirect(url_for(".detail", task_id=named), 303)
        page = access().page(wanted)
    except BadSearch as bad:
        usable = TaskFilter.parse({name: texts for name, texts in given.items() if name not in TYPED})
        return _list(frame, usable, access().page(usable), typed=given.get("q", [""])[0], problem=str(bad))
    except BadQuery as bad:
        if not unchanged:
            raise
        # A view of another version must not shut the list of somebody that begins with it.
        return _list(Frame(), TaskFilter(), access().page(TaskFilter()), broken_view=str(bad))
    if not unchanged and _was_typed(wanted, given):
        return redirect(frame.url(wanted.args()), 303)
    return _list(frame, wanted, page)


def _was_typed(wanted: TaskFilter, given: dict[str, list[str]]) -> bool:
    """Return whether the address says something in words that a filter says better."""
    said = {name: given.get(name, [""])[0].strip() for name in ("q", "owner")}
    return len(given.get("status", ())) > 1 or said != {"q": wanted.q, "owner": wanted.owner}


def _named(wanted: TaskFilter) -> ObjectId | None:
    """Return the only task that a search names by its ID, where no other filter is on."""
    ids = access().ids_of(wanted.q) if wanted.narrowing.keys() == {"q"} else None
    return ids[0] if ids and len(ids) == 1 else None


def _list(
    frame: Frame, wanted: TaskFilter, page: Page, typed: str = "", problem: str = "", broken_view: str = ""
) -> str:
    """Return the page of a list; ``problem`` says why what was ``typed`` cannot be searched for."""
    views = access().views
    own, shared = views.own(), views.of_others()
    kinds = services().catalog.types()
    named = {wanted.owner, *(view.owner for view in shared)} - {""}
    return render_template(
        "tasks/list.html",
        wanted=wanted,
        searching=wanted,
        typed=typed or wanted.q,
        problem=problem,
        page=page,
        sizes=PAGE_SIZES,
        orderings=ORDERINGS,
        kinds=kinds,
        names=services().people.users.names(named),
        priorities=list(Priority),
        statuses=list(Status),
        own_views=own,
        shared_views=shared,
        broken_view=broken_view,
        possible=bulk_wording.possible(access().among(wanted, [*Status])),
        **frame.values(wanted),
        **_row_values([*page.tasks], kinds, frame),
    )


@blueprint.get("/tasks/counts")
@requires("task.read")
def counts() -> str:
    """The tabs; with ``before``, the top of a list, also how many tasks have come into it since."""
    frame, given = part_frame(request.args.to_dict(flat=False))
    wanted = TaskFilter.parse(given)
    new = access().newer(wanted, wanted.before) if wanted.before else 0
    return region(
        "tasks/_tabs.html",
        wanted=wanted,
        counts=access().counts(wanted),
        new=new,
        most_new=MOST_NEW,
        list_url=frame.url,
    )


@blueprint.get("/tasks/rows")
@requires("task.read")
def rows() -> str:
    """The rows that may still change, each in its place; and again the question for those still live."""
    frame, given = part_frame(request.args.to_dict(flat=False))
    found = access().rows(request_args.task_ids(given))
    kinds = services().catalog.types()
    return region("tasks/_rows_update.html", tasks=found, kept=frame.kept, **_row_values(found, kinds, frame))


def _polls(ids: list[str]) -> list[str]:
    """The ids of which the list asks again, as many in each question as it takes."""
    return [
        ".".join(ids[at : at + request_args.LIVE_ROWS]) for at in range(0, len(ids), request_args.LIVE_ROWS)
    ]


def _row_values(shown: list[Task], kinds: list[TaskType], frame: Frame) -> dict[str, Any]:
    owners = {task.owner for task in shown} if "owner" in frame.look.columns else ()
    return {
        "look": frame.look,
        "owners": services().people.users.names(owners),
        "queued_for": detail.queued_for,
        "worker_of": detail.worker_of,
        "titles": {kind.name: kind.title for kind in kinds},
        "polls": _polls([str(task.id) for task in shown if task.live]),
        "progress_of": detail.progress,
        "took": detail.took,
        "operations": bulk_wording.allowed(access().person),
        "actions_of": _actions_of(kinds),
    }


def _actions_of(kinds: list[TaskType]) -> Callable[[Task], list[str]]:
    """Return what tells what the person may do to a task of the list."""
    known, rights = {kind.name: kind for kind in kinds}, access()

    def actions(task: Task) -> list[str]:
        found = rights.actions(task, known.get(task.type))
        return sorted(action.value for action in found if not (task.cancel and action is Action.CANCEL))

    return actions


# The page of a task


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
        commands=commands(task, kind, list(files.values())) if kind and "clone" in values["may"] else None,
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


# Actions


@blueprint.post("/tasks/<task_id>/cancel")
@requires("task.cancel")
def cancel(task_id: str) -> Response:
    access().cancel(request_args.task_id_of(task_id))
    task = access().get(request_args.task_id_of(task_id))
    if not task.status.ended:
        return _done(task_id, "Stopping the task…")
    undo = Undo(url_for(".undo_cancel", task_id=task_id)) if task.waited else None
    return _done(task_id, "The task is canceled.", undo=undo)


@blueprint.post("/tasks/<task_id>/undo-cancel")
@requires("task.cancel")
def undo_cancel(task_id: str) -> Response:
    try:
        access().undo_cancel(request_args.task_id_of(task_id))
    except Conflict as conflict:
        return _not_undone(task_id, conflict)
    task = access().get(request_args.task_id_of(task_id))
    scheduled = task.status is Status.SCHEDULED
    return _done(
        task_id,
        "Cancel undone. The task is scheduled as before."
        if scheduled
        else f"Cancel undone. The task is at the end of the {task.priority.word}-priority queue.",
    )


@blueprint.post("/tasks/<task_id>/again")
@requires("task.clone")
def run_again(task_id: str) -> Response:
    """A task with the same inputs at once; one that cannot be made leads to the form, which says why."""
    past = access().get(request_args.task_id_of(task_id))
    try:
        submitted = access().run_again(past.id, request_args.submission_key_of(request.form))
    except Invalid as error:
        named: dict[str, Any] = {"from": task_id}
        form = url_for("create.form", type_name=past.type, **named)
        return _said(form, " ".join([str(error), *error.fields.values()]), "danger")
    made = str(submitted.task.id)
    if submitted.dispatched:
        return _done(made, "Created from the previous run.")
    return _done(made, unless_refused(NOT_YET), "warning")


@blueprint.post("/tasks/<task_id>/retry")
@requires("task.retry")
def retry(task_id: str) -> Response:
    announced = access().retry(request_args.task_id_of(task_id))
    return (
        _done(task_id, "Task queued for retry.")
        if announced
        else _done(task_id, unless_refused(NOT_YET), "warning")
    )


@blueprint.post("/tasks/<task_id>/priority")
@requires("task.reprioritize")
def reprioritize(task_id: str) -> Response:
    priority = request_args.priority_of(request.form.get("priority", ""))
    before = access().reprioritize(request_args.task_id_of(task_id), priority)
    fields = {
        "priority": before.priority.word,
        "dispatch": str(before.dispatch + 1),
        "until": str(int((utcnow() + UNDO_WITHIN + UNDO_LEEWAY).timestamp())),
    }
    return _done(
        task_id,
        f"Priority changed to {priority.label}. "
        f"The task moved to the end of the {priority.word}-priority queue.",
        undo=Undo(url_for(".undo_priority", task_id=task_id), fields),
    )


@blueprint.post("/tasks/<task_id>/undo-priority")
@requires("task.reprioritize")
def undo_priority(task_id: str) -> Response:
    """Move a task back that was moved by the page before; the form has its number since."""
    task = access().get(request_args.task_id_of(task_id))
    priority = request_args.priority_of(request.form.get("priority", ""))
    dispatch = request_args.number_of(request.form, "dispatch")
    try:
        if request_args.number_of(request.form, "until") < utcnow().timestamp():
            raise Conflict("It's too late to undo this. Change the priority instead.")
        access().reprioritize(task.id, priority, dispatch)
    except Conflict as conflict:
        return _not_undone(task_id, conflict)
    return _done(
        task_id,
        f"Priority is {priority.label} again. The task is at the end of the {priority.word}-priority queue.",
    )


def _not_undone(task_id: str, conflict: Conflict) -> Response:
    """Say on the page of the task, which shows how it is now, why it was not undone."""
    if wants_json():
        raise conflict
    return _done(task_id, f"Not undone. {conflict}", "warning")


@blueprint.post("/tasks/<task_id>/delete")
@requires("task.delete")
def delete(task_id: str) -> Response:
    access().delete(request_args.task_id_of(task_id))
    return _said(url_for(".index"), "The task, its log and its files are deleted.", "success")


def _done(task_id: str, message: str, category: str = "success", undo: Undo | None = None) -> Response:
    return _said(url_for(".detail", task_id=task_id), message, category, undo)


def _said(address: str, message: str, category: str, undo: Undo | None = None) -> Response:
    flash_at(address, message, category, undo)
    return redirect(address, 303)
