"""Batches: many tasks created in one request, and what has become of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, url_for
from pydantic import ValidationError

from app.api.models import batches as models
from app.api.models.common import AfterQuery
from app.api.models.problems import FieldProblem
from app.api.models.tasks import NewTask
from app.api.operation import created, operation, sentences_of
from app.api.tasks import KEY, hashed, idempotency_key, request_of, with_contents
from app.core.access.batches import BatchRequest, Row
from app.core.access.inputs import KnownFiles
from app.core.batches import batch as core
from app.core.batches import results
from app.core.errors import Invalid
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.http.exports import exported

blueprint = Blueprint("batches", __name__)


@blueprint.post("/tasks/batch")
@operation("task.create", models.BatchCreated, status=201, json=models.NewBatch, also=("HTTP_409",))
def create_batch(json: models.NewBatch) -> Any:
    """Create up to 10,000 tasks at once: all or none, or each by itself.

    With the header Idempotency-Key, the same key again answers with the batch that it made, whose answer has
    the header Idempotent-Replayed; the same key with another body is refused with 422.
    """
    key = idempotency_key()
    given = hashed(["batch", key]) if key else None
    body = _hash_of(json) if key else ""
    rows = [_row(sent) for sent in json.tasks]
    asked = BatchRequest(rows, core.Mode(json.mode), json.title or "", given, body)
    batch, is_new = access().batches.submit(asked)
    if not is_new and batch.submission_hash != body:
        raise Invalid(f"The {KEY} was used with another body. Use a new one for another batch.")
    address = url_for("api.batches.get_batch", batch_id=str(batch.id))
    return created(_receipt(batch), address, replayed=not is_new)


@blueprint.get("/batches")
@operation("task.read", models.Batches, query=AfterQuery)
def list_batches(query: AfterQuery) -> models.Batches:
    """List batches, newest first."""
    page = access().batches.page(query.after)
    names = services().people.users.names({found.owner for found in page.batches})
    return models.Batches(
        batches=[models.BatchSummary(**_common(found, names)) for found in page.batches],
        next=url_for("api.batches.list_batches", after=page.next) if page.next else None,
    )


@blueprint.get("/batches/<batch_id>")
@operation("task.read", models.Batch)
def get_batch(batch_id: str) -> models.Batch:
    """Return a batch: its tasks by status, how long they took, and why some failed.

    Its tasks are those of `GET /tasks?batch=`.
    """
    found = access().batches.get(parse_task_id(batch_id))
    summary = access().batches.summary(found)

    def seconds(took: Any) -> float | None:
        return None if took is None else took.total_seconds()

    return models.Batch(
        **_common(found, services().people.users.names([found.owner])),
        total=len(found.ids),
        created=len(found.task_ids),
        rejected=found.rejected,
        ended=summary.ended,
        deleted=summary.deleted,
        counts={status.value: count for status, count in summary.counts.items()},
        duration_median_s=seconds(summary.median),
        duration_p95_s=seconds(summary.p95),
        failures=[
            models.BatchFailure(type=reason.type, error=reason.error, count=reason.count)
            for reason in summary.reasons
        ],
    )


@blueprint.get("/batches/<batch_id>/results")
@operation("task.read", None, query=models.ResultsQuery)
def get_batch_results(batch_id: str, query: models.ResultsQuery) -> Response:
    """Return the parameters and results of the tasks of a batch as one table, in the order sent."""
    batch = access().batches.get(parse_task_id(batch_id))
    tasks = access().batches.export(batch, query.format)
    name = f"batch-{str(batch.id)[-8:]}"
    return exported(name, query.format, results.fields_of(tasks()), results.rows(batch, tasks()))


def _row(sent: Any) -> Row:
    try:
        return request_of(NewTask.model_validate(sent))
    except Invalid as error:
        return error
    except ValidationError as error:
        return Invalid("Check the fields.", sentences_of(error))


def _hash_of(sent: models.NewBatch) -> str:
    rows: list[Any] = [*sent.tasks]  # as they were sent: each is checked by itself
    params = [row.get("params") for row in rows if isinstance(row, dict)]
    files = KnownFiles(access().files).look_up(params)
    return hashed([sent.mode, sent.title, with_contents(rows, files)])


def _receipt(batch: core.Batch) -> models.BatchCreated:
    return models.BatchCreated(
        id=str(batch.id),
        total=len(batch.ids),
        created=len(batch.task_ids),
        rejected=batch.rejected,
        task_ids=[str(task_id) if task_id else None for task_id in batch.ids],
        errors=[
            FieldProblem(
                pointer="/".join(["", "tasks", str(problem.row), *_parts(problem.path)]),
                detail=problem.sentence,
            )
            for problem in batch.problems
        ],
    )


def _parts(path: str) -> list[str]:
    return path.replace("~", "~0").replace("/", "~1").split(".") if path else []


def _common(batch: core.Batch, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": str(batch.id),
        "title": batch.title,
        "owner": batch.owner,
        "owner_name": names.get(batch.owner, batch.owner),
        "private": batch.private,
        "types": list(batch.types),
        "created_at": batch.created_at,
    }
