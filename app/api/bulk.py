"""Bulk operations: the same change to many tasks, as a resource with its progress."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import ObjectId
from flask import Blueprint, url_for

from app.api.models import bulk as models
from app.api.models.common import AfterQuery
from app.api.operation import created, operation
from app.api.tasks import KEY, hashed, idempotency_key
from app.core.bulk import operations as core
from app.core.clock import utcnow
from app.core.errors import BadQuery, Invalid
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import COUNT_LIMIT
from app.core.queue.bulk import Operation, Reason
from app.core.tasks.limits import one_tag
from app.core.tasks.states import Action, Priority, legal
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.http.owners import with_owner

blueprint = Blueprint("bulk", __name__, url_prefix="/bulk")

OPERATION_PATH = "/<string(minlength=8):operation_id>"
"""So short is no ID, and `/bulk/preview` is not an operation."""


@blueprint.post("/preview")
@operation("task.read", models.BulkPreview, json=models.BulkChoice, tag="bulk")
def preview_bulk(json: models.BulkChoice) -> models.BulkPreview:
    """Count what a bulk operation would change. Nothing is changed."""
    wanted, ids, asked = _wanted(json), _ids(json), _operation(json)
    rights = access().bulk
    if json.ids is None:
        with _of_the_filter():
            return models.BulkPreview(
                count=rights.count(asked, wanted).value,
                unaffected=rights.count_unaffected(asked, wanted).value,
                denied=rights.count_denied(asked, wanted).value,
            )
    named = rights.named(asked, ids)
    fit = [task for task in named.tasks if task.status in legal(asked.action)]
    skips = [asked.skips(task) for task in fit]
    there = skips.count(Reason.THERE)
    return models.BulkPreview(count=skips.count(None), unaffected=there, denied=named.denied)


@blueprint.post("")
@operation("task.read", models.BulkOperation, status=201, json=models.NewBulk, tag="bulk")
def create_bulk(json: models.NewBulk) -> Any:
    """Start a bulk operation. It goes on without you, through restarts, and keeps an exact record.

    With the header Idempotency-Key, the same key again answers with the operation that it started.
    """
    key = idempotency_key() or hashed(["api-bulk", secrets.token_urlsafe(16)])
    wanted, ids, asked = _wanted(json), _ids(json), _operation(json)
    with _of_the_filter():
        new = core.NewBulk(asked, wanted, ids, _most(json, asked, wanted), utcnow(), key)
        begun = access().bulk.begin(new)
    if (begun.operation, begun.filter, begun.ids) != (asked, wanted.args(), ids):
        raise Invalid(f"The {KEY} was used with another body. Use a new one for another operation.")
    return created(_shown(begun), url_for("api.bulk.get_bulk", operation_id=str(begun.id)))


@blueprint.get("")
@operation("task.read", models.BulkOperations, query=AfterQuery, tag="bulk")
def list_bulk(query: AfterQuery) -> models.BulkOperations:
    """List bulk operations, newest first: your own, or everybody's where you may read private tasks."""
    page = access().bulk.page(query.after)
    following = url_for("api.bulk.list_bulk", after=page.next) if page.next else None
    return models.BulkOperations(operations=[_shown(found) for found in page.operations], next=following)


@blueprint.get(OPERATION_PATH)
@operation("task.read", models.BulkOperation, tag="bulk")
def get_bulk(operation_id: str) -> models.BulkOperation:
    """Return a bulk operation: how far it is, and what it skipped and why."""
    return _found(operation_id)


@blueprint.post("/<operation_id>/stop")
@operation("task.read", models.BulkOperation, tag="bulk")
def stop_bulk(operation_id: str) -> models.BulkOperation:
    """Stop a bulk operation after the tasks that it is changing."""
    access().bulk.stop(parse_task_id(operation_id))
    return _found(operation_id)


@blueprint.post("/<operation_id>/resume")
@operation("task.read", models.BulkOperation, tag="bulk")
def resume_bulk(operation_id: str) -> models.BulkOperation:
    """Let a stopped bulk operation continue."""
    access().bulk.resume(parse_task_id(operation_id))
    return _found(operation_id)


# What was sent


def _operation(sent: models.BulkChoice) -> Operation:
    """Raises Invalid."""
    action = Action(sent.action)
    if (action is Action.REPRIORITIZE) != (sent.priority is not None):
        said = "Give a priority." if sent.priority is None else "Only reprioritize takes a priority."
        raise Invalid("Check the fields.", {"priority": said})
    if (action in (Action.TAG, Action.UNTAG)) != (sent.tag is not None):
        said = "Give a tag." if sent.tag is None else "Only tag and untag take a tag."
        raise Invalid("Check the fields.", {"tag": said})
    priority = Priority.from_word(sent.priority) if sent.priority else None
    return Operation(action, access().person.id, priority, "" if sent.tag is None else one_tag(sent.tag))


def _wanted(sent: models.BulkChoice) -> TaskFilter:
    """Raises Invalid."""
    if (sent.ids is None) == (sent.filter is None):
        raise Invalid("Check the fields.", {"filter": "Give either ids or a filter; {} is every task."})
    with _of_the_filter():
        return with_owner(TaskFilter.parse({name: [value] for name, value in (sent.filter or {}).items()}))


@contextmanager
def _of_the_filter() -> Iterator[None]:
    """Say what is wrong with a filter as of a field. Raises Invalid."""
    try:
        yield
    except BadQuery as error:
        raise Invalid("Check the fields.", {"filter": str(error)}) from None


def _most(sent: models.NewBulk, asked: Operation, wanted: TaskFilter) -> int | None:
    """Return how many tasks may change: what is left of it at the end counts as changed meanwhile."""
    if sent.ids is not None:
        return len(set(sent.ids)) if sent.most is None else min(sent.most, len(set(sent.ids)))
    if sent.most is None:
        return None
    count = access().bulk.count(asked, wanted).value
    return sent.most if count > COUNT_LIMIT else min(sent.most, count)


def _ids(sent: models.BulkChoice) -> tuple[ObjectId, ...]:
    """Raises Invalid."""
    found = {text: parse_task_id(text) for text in sent.ids or ()}
    for place, text in enumerate(sent.ids or ()):
        if found[text] is None:
            raise Invalid(
                "Check the fields.", {f"ids.{place}": "A task ID is 24 characters of 0 to 9 and a to f."}
            )
    return tuple(task_id for task_id in found.values() if task_id)


# What is answered


def _found(operation_id: str) -> models.BulkOperation:
    """Raises NotFound."""
    return _shown(access().bulk.get(parse_task_id(operation_id)))


def _shown(found: core.BulkOperation) -> models.BulkOperation:
    names = services().people.users.names([found.who])
    return models.BulkOperation(
        id=str(found.id),
        action=found.action.value,
        priority=found.priority.word if found.priority is not None else None,
        tag=found.tag or None,
        filter=None if found.ids else {name: str(value) for name, value in found.filter.items()},
        ids=[str(task_id) for task_id in found.ids],
        owner=found.who,
        owner_name=names.get(found.who, found.who),
        state=found.state.value,
        stop_requested=bool(found.stop),
        reason=found.why.value if found.why else None,
        message=found.message,
        most=found.total,
        done=found.done,
        skipped={
            reason: models.BulkSkipped(count=each.count, ids=[str(task_id) for task_id in each.ids])
            for reason, each in found.skipped.items()
        },
        created_at=found.created_at,
        ended_at=found.ended_at,
    )
