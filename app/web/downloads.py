"""What leaves the pages as a file: uploaded and produced files, results, and logs as text.

Everything is sent as an attachment or as plain text, never as something that a browser renders.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

from flask import Blueprint, Response

from app.core.errors import NotFound
from app.core.files import StoredFile
from app.web.asked import attempt_of, only, task_id_of
from app.web.permissions import requires
from app.web.stores import services
from app.web.viewer import as_json

blueprint = Blueprint("downloads", __name__)

# Types that may be named; anything else, HTML and SVG above all, goes as bytes.
NAMED_TYPES = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    }
)
INERT = "default-src 'none'; frame-ancestors 'none'; sandbox"


@blueprint.get("/tasks/<task_id>/files/<file_id>")
@requires("task.read")
def file(task_id: str, file_id: str) -> Response:
    """A file of this task, streamed."""
    owned = {str(each.id): each for each in services().files.of_task(task_id_of(task_id))}
    if file_id not in owned:
        raise NotFound("This task has no such file. It may have been deleted.")
    return _streamed(owned[file_id])


@blueprint.get("/tasks/<task_id>/result.json")
@requires("task.read")
def result(task_id: str) -> Response:
    task = services().tasks.get(task_id_of(task_id))
    if task.result is None:
        raise NotFound("This task has no result to download.")
    return _attachment(as_json(task.result) + "\n", f"result-{task.id}.json", "application/json")


@blueprint.get("/tasks/<task_id>/log")
@requires("task.read")
def log(task_id: str) -> Response:
    """The whole log that is kept of an attempt, the newest unless one is asked for."""
    task = services().tasks.get(task_id_of(task_id))
    kept = services().logs.read(task.id, attempt_of(task, only("attempt").get("attempt", "")) or task.attempt)
    response = Response(kept.text, mimetype="text/plain")
    response.headers["Content-Security-Policy"] = INERT
    return response


def _streamed(stored: StoredFile) -> Response:
    chunks = services().files.chunks(stored.id)
    first = next(chunks, b"")  # What is not there any more is found out before anything is sent.
    kind = stored.content_type if stored.content_type in NAMED_TYPES else "application/octet-stream"
    response = _attachment(chain([first], chunks), stored.name, kind)
    response.content_length = stored.size
    return response


def _attachment(content: str | Iterator[bytes], name: str, content_type: str) -> Response:
    response = Response(content, content_type=content_type)
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name
    )
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    response.headers["Content-Security-Policy"] = INERT
    return response
