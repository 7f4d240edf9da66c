"""The tasks of a list as a file, written while they are read: in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from flask import Blueprint, Response, request

from app.core.exports.fields import Values
from app.core.exports.task_rows import TASK_FIELDS, values_of_task
from app.core.exports.texts import PIECE
from app.core.tasks.task import Task
from app.extensions import access, services
from app.http.exports import exported, require_format
from app.web.platform import request_args
from app.web.platform.permissions import requires

blueprint = Blueprint("exports", __name__)


@blueprint.post("/export/tasks")
@requires("task.read")
def tasks() -> Response:
    """Every task of a filter that the person sees; the export is recorded before its first byte."""
    wanted = request_args.task_filter()
    chosen = require_format(request.form.get("format", ""))
    return exported("tasks", chosen, TASK_FIELDS, _rows(access().export(wanted, chosen)))


def _rows(found: Iterator[Task]) -> Iterator[Values]:
    """Yield the values of tasks, with the names of their owners, which are asked for some at a time."""
    users = services().people.users
    while piece := list(islice(found, PIECE)):
        names = users.names({task.owner for task in piece})
        yield from (values_of_task(task, names) for task in piece)
