"""What a person does to a task by POST; each answer leads back to a page, which says what came of it."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from app.core.clock import utcnow
from app.core.errors import Conflict, Invalid
from app.core.queue.dispatcher import UNDO_LEEWAY, UNDO_WITHIN
from app.core.tasks.states import Status
from app.extensions import access
from app.web.platform import request_args
from app.web.platform.errors import wants_json
from app.web.platform.flashes import Undo, flash_at
from app.web.platform.permissions import requires
from app.web.platform.pulse import unless_refused
from app.web.tasks.blueprint import blueprint

NOT_YET = "The queue (Redis) does not answer. The task is saved and starts when the queue is back."


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
