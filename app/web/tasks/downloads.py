"""What leaves the pages as a file: uploaded and produced files, results, and logs as text.

Everything is sent as an attachment or as plain text (`app.http.sending`), never as something that a browser
renders. But for images: what is one by its first bytes is sent as just that, in a sandbox.
"""

from __future__ import annotations

from flask import Blueprint, Response

from app.core.errors import NotFound
from app.core.files.store import StoredFile
from app.core.params.formats.json_text import text_in
from app.extensions import access
from app.http.sending import INERT, as_json, attachment, streamed
from app.web.platform.permissions import requires
from app.web.platform.request_args import attempt_of, only, task_id_of
from app.web.results.saved_files import HEAD_BYTES, MOST_IMAGE_BYTES, image_type

blueprint = Blueprint("downloads", __name__)


@blueprint.get("/tasks/<task_id>/files/<file_id>")
@requires("task.download")
def file(task_id: str, file_id: str) -> Response:
    """A file of this task, streamed."""
    return streamed(_owned(task_id, file_id))


@blueprint.get("/tasks/<task_id>/files/<file_id>/image")
@requires("task.download")
def image(task_id: str, file_id: str) -> Response:
    """A file of this task, to be shown in the page where its first bytes are those of an image."""
    stored = _owned(task_id, file_id)
    kind = image_type(access().files.head(stored, HEAD_BYTES))
    if kind is None or stored.size > MOST_IMAGE_BYTES:
        raise NotFound("This file is no image that can be shown here: PNG, JPEG, GIF or WebP up to 20 MB.")
    response = streamed(stored, kind)
    response.headers["Content-Disposition"] = "inline"
    return response


def _owned(task_id: str, file_id: str) -> StoredFile:
    return access().files.download(access().get(task_id_of(task_id)), file_id)


@blueprint.get("/tasks/<task_id>/result.json")
@requires("task.download")
def result(task_id: str) -> Response:
    task = access().downloadable(task_id_of(task_id))
    if task.result is None:
        raise NotFound("This task has no result to download.")
    return attachment(as_json(task.result) + "\n", f"result-{task.id}.json", "application/json")


@blueprint.get("/tasks/<task_id>/result.txt")
@requires("task.download")
def result_text(task_id: str) -> Response:
    """A result that is a text, as it is."""
    task = access().downloadable(task_id_of(task_id))
    name, kind = f"result-{task.id}.txt", "text/plain; charset=utf-8"
    if isinstance(task.result, str):
        return attachment(task.result, name, kind)
    files = access().files
    stored = files.download(task, str(task.result_file)) if task.result_file else None
    if stored is None or files.head(stored, 1) != b'"':
        raise NotFound("The result of this task is no text.")
    return attachment(text_in(files.chunks(stored)), name, kind)


@blueprint.get("/tasks/<task_id>/log")
@requires("task.download")
def log(task_id: str) -> Response:
    """The whole log that is kept of an attempt, the newest unless one is asked for."""
    task = access().downloadable(task_id_of(task_id))
    kept = access().log(task, attempt_of(task, only("attempt").get("attempt", "")) or task.attempt)
    response = Response(kept.text, mimetype="text/plain")
    response.headers["Content-Security-Policy"] = INERT
    return response
