"""Saved views: their page, saving the list that is shown, renaming, deleting; and how lists look."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.errors import BadQuery, Conflict, Invalid
from app.core.listing.filter import TaskFilter
from app.core.tasks.task import parse_task_id
from app.core.views.look import Look
from app.core.views.saved_views import LONGEST_NAME, MOST, MOST_SHARED, NewView, SavedView
from app.extensions import access, services
from app.web.platform.errors import wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import requires
from app.web.tasks.list_frame import Frame, frame_of

blueprint = Blueprint("saved_views", __name__, url_prefix="/views")


@blueprint.get("")
@requires("task.read")
def index() -> str:
    views = access().views
    own, others = views.own(), views.of_others()
    return render_template(
        "tasks/views.html",
        own=own,
        others=others,
        may_change={view.id: views.may_change(view) for view in (*own, *others)},
        may_share=views.may_share,
        first=views.preference().first,
        names=services().people.users.names([view.owner for view in others]),
        most=MOST,
        most_shared=MOST_SHARED,
        longest_name=LONGEST_NAME,
    )


@blueprint.post("")
@requires("view.save")
def save() -> Response:
    """Save the list whose filter is in the address, under the name of the form."""
    frame, wanted = _listed()
    new = NewView(request.form.get("name", ""), wanted.args(), frame.look, shared=_ticked("shared"))
    try:
        view = access().views.save(new, over=_ticked("over"))
    except (Invalid, Conflict) as error:
        return _refused(error, frame.page_url(wanted.args()))
    return _said(_address(view), f"View “{view.name}” saved.")


@blueprint.post("/<view_id>/filter")
@requires("view.save")
def save_filter(view_id: str) -> Response:
    """Give a view the filter and the sort in the address."""
    view = access().views.get(parse_task_id(view_id))
    _, wanted = _listed()
    view = access().views.replace(view, NewView(view.name, wanted.args(), view.look, view.shared))
    return _said(_address(view), f"View “{view.name}” saved.")


@blueprint.post("/<view_id>/rename")
@requires("view.save")
def rename(view_id: str) -> Response:
    try:
        view = access().views.rename(
            parse_task_id(view_id), request.form.get("name", ""), shared=_ticked("shared")
        )
    except (Invalid, Conflict) as error:
        return _refused(error, url_for(".index"))
    return _said(url_for(".index"), f"View “{view.name}” saved.")


@blueprint.post("/<view_id>/delete")
@requires("view.save")
def delete(view_id: str) -> Response:
    view = access().views.get(parse_task_id(view_id))
    access().views.delete(view)
    return _said(url_for(".index"), f"View “{view.name}” deleted.")


@blueprint.post("/first")
@requires("view.save")
def begin_with() -> Response:
    """Have the list begin with a view; without one in the form, with all tasks."""
    text = request.form.get("view", "")
    view = access().views.get(parse_task_id(text)) if text else None
    access().views.begin_with(view.id if view else None)
    return _said(url_for(".index"), f"View Tasks opens {f'“{view.name}”' if view else 'all tasks'} now.")


@blueprint.post("/look")
@requires("view.save")
def set_look() -> Response:
    """Give the list of the address the columns and density of the form: its view, or the person's lists."""
    frame, wanted = _listed()
    look = Look.parse(request.form.getlist("column"), request.form.get("density", ""))
    if frame.view:
        kept = NewView(frame.view.name, frame.view.filter, look, frame.view.shared)
        access().views.replace(frame.view, kept)
    else:
        access().views.prefer(look)
    return redirect(frame.page_url(wanted.args()), 303)


def _listed() -> tuple[Frame, TaskFilter]:
    """Return the list that the address of a form is about. Raises BadQuery, NotFound."""
    frame, rest = frame_of(request.args.to_dict(flat=False))
    wanted = TaskFilter.parse(rest)
    if any((wanted.after, wanted.before, wanted.last)):
        raise BadQuery("A view begins at the first page.")
    return frame, wanted


def _ticked(name: str) -> bool:
    return request.form.get(name) == "1"


def _address(view: SavedView) -> str:
    return url_for("tasks.index", view=str(view.id))


def _refused(error: Invalid | Conflict, address: str) -> Response:
    """Say why nothing was saved, on the page of the form. Raises the error to a program."""
    if wants_json():
        raise error
    fields = error.fields.values() if isinstance(error, Invalid) else ()
    flash_at(address, " ".join(["View not saved.", *(fields or [str(error)])]), "danger")
    return redirect(address, 303)


def _said(address: str, message: str) -> Response:
    flash_at(address, message, "success")
    return redirect(address, 303)
