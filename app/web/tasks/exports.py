"""The tasks of a list as a file, written while they are read: in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from flask import Blueprint, Response, request

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.exports.fields import Fields, Values
from app.core.exports.formats import FORMATS
from app.core.exports.task_rows import TASK_FIELDS, values_of_task
from app.core.exports.texts import PIECE
from app.core.tasks.task import Task
from app.extensions import access, services
from app.http.sending import INERT
from app.web.platform import request_args
from app.web.platform.permissions import requires

blueprint = Blueprint("exports", __name__)


@blueprint.post("/export/tasks")
@requires("task.read")
def tasks() -> Response:
    """Every task of a filter that the person sees; the export is recorded before its first byte."""
    wanted = request_args.task_filter()
    chosen = require_format(request.form.get("format", ""))
    return streamed("tasks", chosen, TASK_FIELDS, _rows(access().export(wanted, chosen)))


def require_format(chosen: str) -> str:
    """Return a format that there is. Raises Invalid."""
    if chosen not in FORMATS:
        raise Invalid(f"Choose a format: {', '.join(FORMATS)}.", {"format": "Choose a format."})
    return chosen


def streamed(name: str, chosen: str, fields: Fields, rows: Iterable[Values]) -> Response:
    """Return rows as a file to be saved."""
    written_as = FORMATS[chosen]
    pieces = written_as.write(fields, rows)
    begun = list(islice(pieces, 2))  # With the first rows: what MongoDB refuses is still an error page.
    response = Response(chain(begun, pieces), content_type=written_as.content_type)
    file_name = f"{name}-{utcnow():%Y-%m-%d}.{chosen}"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Content-Security-Policy"] = INERT
    return response


def _rows(found: Iterator[Task]) -> Iterator[Values]:
    """Yield the values of tasks, with the names of their owners, which are asked for some at a time."""
    users = services().people.users
    while piece := list(islice(found, PIECE)):
        names = users.names({task.owner for task in piece})
        yield from (values_of_task(task, names) for task in piece)
