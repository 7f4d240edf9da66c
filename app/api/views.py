"""Saved views of the list: filters, a sort and columns under a name."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from app.api.models import views as models
from app.api.operation import operation
from app.api.preconditions import if_matched, tagged
from app.core.errors import BadQuery, Invalid
from app.core.listing.filter import TaskFilter
from app.core.listing.query_string import PLACES
from app.core.tasks.task import parse_task_id
from app.core.views.look import Look
from app.core.views.saved_views import NewView, SavedView, checked_name
from app.extensions import access, services

blueprint = Blueprint("views", __name__, url_prefix="/views")


@blueprint.get("")
@operation("task.read", models.Views, also=("HTTP_304",), tag="views")
def list_views() -> Any:
    """List your saved views by name, then those that others share."""
    views = access().views
    found = [*views.own(), *views.of_others()]
    names = services().people.users.names(view.owner for view in found)
    return tagged(models.Views(views=[_shown(view, names) for view in found]))


@blueprint.post("")
@operation("view.save", models.View, status=201, json=models.NewView, also=("HTTP_409",), tag="views")
def create_view(json: models.NewView) -> Any:
    """Save a view of your own. Sharing it takes the permission view.share."""
    view = access().views.add(_new(json))
    return tagged(_one(view), 201, {"Location": url_for("api.views.get_view", view_id=str(view.id))})


@blueprint.get("/<view_id>")
@operation("task.read", models.View, also=("HTTP_304",), tag="views")
def get_view(view_id: str) -> Any:
    """Return a view: one of your own, or one that is shared."""
    return tagged(_one(access().views.get(parse_task_id(view_id))))


@blueprint.put("/<view_id>")
@operation("view.save", models.View, json=models.NewView, also=("HTTP_409", "HTTP_412"), tag="views")
def replace_view(view_id: str, json: models.NewView) -> Any:
    """Give a view another name and content."""
    before = access().views.get(parse_task_id(view_id))
    new = _new(json)
    with if_matched(_one(before)):
        after = access().views.replace(before, new)
    return tagged(_one(after))


@blueprint.delete("/<view_id>")
@operation("view.save", None, status=204, also=("HTTP_412",), tag="views")
def delete_view(view_id: str) -> Response:
    """Delete a view."""
    view = access().views.get(parse_task_id(view_id))
    with if_matched(_one(view)):
        access().views.delete(view, as_read="If-Match" in request.headers)
    return Response(status=204)


def _new(sent: models.NewView) -> NewView:
    """Raises Invalid."""
    problems = {}
    wanted, look = TaskFilter(), Look()
    try:
        wanted = TaskFilter.parse({name: [value] for name, value in sent.filter.items()})
    except BadQuery as error:
        problems["filter"] = str(error)
    if places := sorted(sent.filter.keys() & {*PLACES}):
        problems["filter"] = f"A view begins at the first page. Leave “{places[0]}” out."
    try:
        look = Look.parse(look.columns if sent.columns is None else sent.columns, sent.density)
    except BadQuery as error:
        problems["columns"] = str(error)
    try:
        checked_name(sent.name)
    except Invalid as error:
        problems |= error.fields
    if problems:
        raise Invalid("Check the fields.", problems)
    return NewView(sent.name, wanted.args(), look, sent.shared)


def _one(view: SavedView) -> models.View:
    return _shown(view, services().people.users.names([view.owner]))


def _shown(view: SavedView, names: dict[str, str]) -> models.View:
    return models.View(
        id=str(view.id),
        name=view.name,
        filter={name: str(value) for name, value in view.filter.items()},
        columns=list(view.look.columns),
        density=view.look.density,
        shared=view.shared,
        owner=view.owner,
        owner_name=names.get(view.owner, view.owner),
        version=view.version,
        changed_at=view.changed_at,
    )
