"""Bulk actions that were started: their list, and the page of each with progress, Stop and Resume."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.core.bulk.operations import KEPT, BulkOperation, State
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.web.bulk import wording as bulk_wording
from app.web.platform import request_args
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live

blueprint = Blueprint("bulk", __name__, url_prefix="/bulk")


@blueprint.get("")
@requires("task.read")
def index() -> str:
    rights = access().bulk
    after = request_args.only("after").get("after", "")
    page = rights.page(after)
    return render_template(
        "bulk/list.html",
        page=page,
        first=not after,
        names=services().people.users.names(operation.who for operation in page.operations),
        of=bulk_wording.of,
        states=bulk_wording.STATES,
        everybody=rights.sees_all,
        kept=KEPT.days,
    )


@blueprint.get("/<operation_id>")
@requires("task.read")
def show(operation_id: str) -> str:
    operation = access().bulk.get(parse_task_id(operation_id))
    return render_template("bulk/operation.html", **_shown(operation))


@blueprint.get("/<operation_id>/live")
@requires("task.read")
def show_live(operation_id: str) -> str:
    """The part of the page that changes while it runs."""
    operation = access().bulk.get(parse_task_id(operation_id))
    return region("bulk/_operation.html", **_shown(operation))


def _shown(operation: BulkOperation) -> dict[str, Any]:
    wording, rights = bulk_wording.of(operation), access().bulk
    wanted = operation.wanted
    stopped_by = (operation.stop or {}).get("by", "")
    names = services().people.users.names(filter(None, [operation.who, stopped_by, wanted.owner]))
    running = operation.state is State.RUNNING
    return {
        "operation": operation,
        "wording": wording,
        "wanted": wanted,
        "names": names,
        "kinds": {kind.name: kind.title for kind in services().catalog.names()},
        "skipped": bulk_wording.skipped(operation),
        "stopped": bulk_wording.stopped(operation, names),
        "roughly": bulk_wording.roughly(operation),
        "may_control": rights.may_control(operation),
        "titles": _titles(operation),
        "no_worker": running and not live().pulse().workers,
    }


def _titles(operation: BulkOperation) -> dict[ObjectId, str]:
    """Return the titles of the skipped tasks that are still there and that the person sees."""
    ids = [task_id for each in operation.skipped.values() for task_id in each.ids]
    return {task.id: task.title for task in (access().rows(ids) if ids else [])}


@blueprint.post("/<operation_id>/stop")
@requires("task.read")
def stop(operation_id: str) -> Response:
    access().bulk.stop(parse_task_id(operation_id))
    return _back(operation_id)


@blueprint.post("/<operation_id>/resume")
@requires("task.read")
def resume(operation_id: str) -> Response:
    access().bulk.resume(parse_task_id(operation_id))
    return _back(operation_id)


def _back(operation_id: str) -> Response:
    return redirect(url_for(".show", operation_id=operation_id), 303)
