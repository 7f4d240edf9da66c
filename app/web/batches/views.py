"""Batches that were created: their list, and the page of each with progress, figures and an export."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from app.core.batches import results
from app.core.batches.batch import Batch
from app.core.listing.filter import TaskFilter
from app.core.tasks.states import Action, Status
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.http.exports import exported, require_format
from app.web.platform import request_args
from app.web.platform.fragments import region
from app.web.platform.permissions import requires
from app.web.platform.pulse import live

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

WAITING = f"{Status.SCHEDULED.value},{Status.QUEUED.value}"


@blueprint.get("")
@requires("task.read")
def index() -> str:
    after = request_args.only("after").get("after", "")
    page = access().batches.page(after)
    names = services().people.users.names({batch.owner for batch in page.batches})
    return render_template("batches/list.html", page=page, first=not after, names=names)


@blueprint.get("/<batch_id>")
@requires("task.read")
def show(batch_id: str) -> str:
    return render_template("batches/batch.html", **_shown(_found(batch_id)))


@blueprint.get("/<batch_id>/live")
@requires("task.read")
def show_live(batch_id: str) -> str:
    """The part of the page that changes while tasks run."""
    return region("batches/_batch.html", **_shown(_found(batch_id)))


@blueprint.post("/<batch_id>/export")
@requires("task.read")
def export(batch_id: str) -> Response:
    """The parameters and results of all tasks as one table; recorded before its first byte."""
    batch = _found(batch_id)
    chosen = require_format(request.form.get("format", ""))
    tasks = access().batches.export(batch, chosen)
    return exported(
        f"batch-{str(batch.id)[-8:]}", chosen, results.fields_of(tasks()), results.rows(batch, tasks())
    )


def _found(batch_id: str) -> Batch:
    """Raises NotFound."""
    return access().batches.get(parse_task_id(batch_id))


def _shown(batch: Batch) -> dict[str, Any]:
    summary, person = access().batches.summary(batch), access().person
    wanted = TaskFilter(batch=str(batch.id))
    may = {action.value for action in (Action.RETRY, Action.CANCEL) if _may(action, batch)}
    return {
        "batch": batch,
        "summary": summary,
        "wanted": wanted,
        "waiting": WAITING,
        "may": may,
        "mine": batch.owner == person.id,
        "statuses": list(Status),
        "names": services().people.users.names([batch.owner]),
        "kinds": {kind.name: kind.title for kind in services().catalog.names()},
        "no_worker": summary.live and not live().pulse().workers,
    }


def _may(action: Action, batch: Batch) -> bool:
    """Return whether the person may do something to the tasks of a batch."""
    return access().person.may(f"task.{action.value}", batch.owner)
