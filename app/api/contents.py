"""What a task read and made: log, result, attempts and files; and files for a task to come."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.api import following
from app.api.models import contents as models
from app.api.operation import operation
from app.api.tasks import id_of
from app.core.errors import BadQuery, Invalid, NotFound
from app.core.files.store import StoredFile
from app.core.tasks.task import Task
from app.extensions import access, services
from app.http.receiving import BODY, sent
from app.http.sending import INERT, as_json, attachment, streamed
from dtq.filenames import safe_name

blueprint = Blueprint("contents", __name__)

MB = 2**20


@blueprint.get("/tasks/<task_id>/log")
@operation("task.download", None, query=models.LogQuery, tag="contents")
def get_log(task_id: str, query: models.LogQuery) -> Response:
    """Return what is kept of the output of an attempt, as text.

    With `Accept: text/event-stream`, follow it instead: `log` with each part that is printed, and `end`.
    """
    task = access().downloadable(id_of(task_id))
    attempt = _attempt(task, query)
    if following.wants_stream():
        if query.times:
            raise BadQuery("A stream of a log has no times. Leave out times, or the header Accept.")
        response = following.log_of(task, query.attempt)
    else:
        text = access().log_lines(task, attempt).timed() if query.times else access().log(task, attempt).text
        response = Response(text, mimetype="text/plain")
        response.headers["Content-Security-Policy"] = INERT
    response.vary.add("Accept")
    return response


def _attempt(task: Task, query: models.AttemptQuery) -> int:
    """Raises NotFound."""
    if query.attempt is not None and query.attempt > task.attempt:
        raise NotFound(f"There is no attempt {query.attempt} of this task; it had {task.attempt} so far.")
    return query.attempt or task.attempt


@blueprint.get("/tasks/<task_id>/result")
@operation("task.download", None, tag="contents")
def get_result(task_id: str) -> Response:
    """Return the result, as JSON."""
    task = access().downloadable(id_of(task_id))
    if task.result_file:
        return streamed(access().files.download(task, str(task.result_file)))
    if task.result is None:
        raise NotFound("This task has no result.")
    return attachment(as_json(task.result) + "\n", f"result-{task.id}.json", "application/json")


@blueprint.get("/tasks/<task_id>/attempts")
@operation("task.read", models.Attempts, tag="contents")
def list_attempts(task_id: str) -> models.Attempts:
    """List the attempts that have ended, oldest first."""
    return models.Attempts(
        attempts=[
            models.Attempt(
                **{name: past.get(name) for name in _PAST},
                outcome=past.get("outcome"),
                message=str(past.get("message") or ""),
            )
            for past in access().get(id_of(task_id)).history
        ]
    )


_PAST = ("attempt", "worker", "queued_at", "started_at", "finished_at")


@blueprint.get("/tasks/<task_id>/files")
@operation("task.read", models.Files, tag="contents")
def list_files(task_id: str) -> models.Files:
    """List the files that the task was given and made, oldest first."""
    return models.Files(files=[_file(file) for file in access().files.of_task(access().get(id_of(task_id)))])


@blueprint.get("/tasks/<task_id>/files/<file_id>")
@operation("task.download", None, also=("HTTP_416",), tag="contents")
def get_file(task_id: str, file_id: str) -> Response:
    """Return a file, whole or the range that is asked for."""
    return streamed(access().files.download(access().get(id_of(task_id)), file_id))


@blueprint.post("/files")
@operation(
    "task.create",
    models.StoredFile,
    status=201,
    query=models.UploadQuery,
    also=("HTTP_413", "HTTP_422", "HTTP_507"),
    tag="contents",
)
def upload_file(query: models.UploadQuery) -> Any:
    """Store a file for a task to come: the body of the request, as application/octet-stream with its length.

    A parameter then names it by its ID. Without a task it is deleted after a day.
    """
    found = sent(services().settings.upload_max_mb * MB, query.name, query.type)
    if len(found) != 1:
        raise Invalid("Send one file.")
    name, content_type = safe_name(found[0].filename or ""), found[0].mimetype or BODY
    return _file(access().files.save(found[0].stream, name, content_type, found[0].content_length)), 201


def _file(file: StoredFile) -> models.StoredFile:
    return models.StoredFile(
        id=str(file.id), name=file.name, size=file.size, content_type=file.content_type, sha256=file.sha256
    )
