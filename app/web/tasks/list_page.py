"""The list of tasks, and the regions of it that are renewed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import ObjectId
from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.catalog import TypeName
from app.core.errors import BadQuery, BadSearch
from app.core.listing.cursors import Page
from app.core.listing.filter import ORDERINGS, PAGE_SIZES, TYPED, TaskFilter
from app.core.listing.listing import MOST_NEW
from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.task import Task
from app.extensions import access, services
from app.http.owners import with_owner
from app.web.bulk import wording as bulk_wording
from app.web.platform import request_args
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.tasks import detail
from app.web.tasks.blueprint import blueprint
from app.web.tasks.list_frame import Frame, frame_of, part_frame


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
    kinds = services().catalog.names()
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
    kinds = services().catalog.names()
    return region("tasks/_rows_update.html", tasks=found, kept=frame.kept, **_row_values(found, kinds, frame))


def _polls(ids: list[str]) -> list[str]:
    """The ids of which the list asks again, as many in each question as it takes."""
    return [
        ".".join(ids[at : at + request_args.LIVE_ROWS]) for at in range(0, len(ids), request_args.LIVE_ROWS)
    ]


def _row_values(shown: list[Task], kinds: list[TypeName], frame: Frame) -> dict[str, Any]:
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


def _actions_of(kinds: list[TypeName]) -> Callable[[Task], list[str]]:
    """Return what tells what the person may do to a task of the list."""
    known, rights = {kind.name: kind for kind in kinds}, access()

    def actions(task: Task) -> list[str]:
        found = rights.actions(task, known.get(task.type))
        return sorted(action.value for action in found if not (task.cancel and action is Action.CANCEL))

    return actions
