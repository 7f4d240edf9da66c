"""Tasks: create, list, read, wait for, and change."""

from __future__ import annotations

import hashlib
import json as json_text
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from bson import ObjectId
from flask import Blueprint, Response, current_app, request, url_for
from pydantic import ConfigDict, Field, create_model

from app.api import following
from app.api.models import tasks as models
from app.api.operation import created, operation
from app.api.preconditions import tagged
from app.core.access.access import Access
from app.core.access.inputs import KnownFiles, TaskRequest, checked_task
from app.core.catalog import TaskType
from app.core.errors import Conflict, Invalid, NotFound
from app.core.files.store import StoredFile
from app.core.listing.filter import TaskFilter, value_schema
from app.core.queue.dispatcher import Submitted
from app.core.secrets.secret import masked
from app.core.tasks.described import described
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task, parse_task_id
from app.extensions import access, services
from app.http.owners import with_owner

blueprint = Blueprint("tasks", __name__, url_prefix="/tasks")

KEY = "Idempotency-Key"
LONGEST_KEY = 255
LOOK_EVERY_S = 0.25
TASK_PATH = "/<string(minlength=6):task_id>"
"""So short is no ID, and `/tasks/batch` is not a task that may be read and deleted."""

_filters: dict[str, Any] = {
    name: (str, Field("", json_schema_extra=value_schema(name))) for name in TaskFilter.__dataclass_fields__
}
TaskQuery = create_model("TaskQuery", __config__=ConfigDict(extra="forbid"), **_filters)
"""The query string of View Tasks, which `TaskFilter` reads."""


# Create


@blueprint.post("")
@operation("task.create", models.Task, status=201, json=models.NewTask, also=("HTTP_409",))
def create_task(json: models.NewTask) -> Any:
    """Create a task.

    With the header Idempotency-Key, the same key again answers with the task that it made, whose answer has
    the header Idempotent-Replayed; the same key with another body is refused with 422.
    """
    kind = services().catalog.definition(json.type)
    access().require_type(kind)
    new = _new_task(json, kind)
    submitted = access().submit(new, kind)
    if not submitted.created and submitted.task.submission_hash != new.submission_hash:
        raise Invalid(f"The {KEY} was used with another body. Use a new one for another task.")
    return _submitted(submitted, kind)


def _new_task(sent: models.NewTask, kind: TaskType) -> NewTask:
    """Raises Invalid."""
    files, key = KnownFiles(access().files), idempotency_key()
    new = checked_task(kind, kind.fields, request_of(sent), files)
    named = {str(file): files.known.get(str(file)) for file in new.files}
    found = {one: file for one, file in named.items() if file}
    return replace(new, submission_key=key, submission_hash=_bodyhashed(sent, found) if key else "")


def request_of(sent: models.NewTask) -> TaskRequest:
    """Return what a program asks for."""
    return TaskRequest(
        type=sent.type,
        params=sent.params,
        title=sent.title or "",
        priority=Priority.from_word(sent.priority) if sent.priority else None,
        tags=tuple(sent.tags),
        run_at=sent.run_at,
        max_attempts=sent.max_attempts,
        timeout_s=sent.timeout_s,
        notify=_subscriptions(sent.notify),
        private=sent.private,
    )


def idempotency_key() -> str | None:
    """Return the key of a submission, of one length. Raises Invalid."""
    given = request.headers.get(KEY)
    if given is None:
        return None
    if not 0 < len(given) <= LONGEST_KEY or not (given.isascii() and given.isprintable()):
        raise Invalid(f"{KEY} takes 1 to {LONGEST_KEY} printable ASCII characters.")
    return hashed(["api", given])


def _bodyhashed(sent: models.NewTask, files: Mapping[str, StoredFile]) -> str:
    body = sent.model_dump(mode="json", exclude={"notify"} if not sent.notify else None)
    return hashed(body | {"params": with_contents(body["params"], files)})


def with_contents(params: Any, files: Mapping[str, StoredFile]) -> Any:
    """Return parameters with files by name and content: a program that starts again uploads them again."""
    return _replaced(params, {one: [file.name, file.sha256] for one, file in files.items() if file.sha256})


def _replaced(value: Any, contents: dict[str, list[Any]]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(part, contents) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, contents) for part in value]
    return contents.get(value, value) if isinstance(value, str) else value


def hashed(value: Any) -> str:
    text = json_text.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# Read


@blueprint.get("")
@operation("task.read", models.TaskList, query=TaskQuery, also=("HTTP_422",))
def list_tasks() -> models.TaskList:
    """List tasks, by the filters, the sorts and the cursors of View Tasks."""
    wanted = with_owner(TaskFilter.parse(request.args.to_dict(flat=False)))
    page = access().page(wanted)
    return models.TaskList(
        tasks=_summaries(page.tasks),
        next=_page(wanted, after=page.next) if page.next else None,
        previous=_page(wanted, before=page.previous) if page.previous else None,
    )


def _page(wanted: TaskFilter, **cursor: str) -> str:
    return url_for("api.tasks.list_tasks", **wanted.args(**cursor))


@blueprint.get(TASK_PATH)
@operation("task.read", models.Task, query=models.WaitQuery, also=("HTTP_304",))
def get_task(task_id: str, query: models.WaitQuery) -> Any:
    """Return a task; with `wait`, when it has ended or the seconds have passed.

    Where too many requests wait already, the answer comes at once: ask again in a second.
    """
    found = id_of(task_id)
    task = access().get(found)
    if not query.wait or not task.live or following.hold(task, query.wait, _shown):
        return tagged(_task(task))
    if waiters().acquire(blocking=False):
        try:
            task = _ended(found, query.wait)
        finally:
            waiters().release()
    return tagged(_task(task))


@blueprint.get("/<task_id>/events")
@operation("task.read", None)
def follow_task(task_id: str) -> Response:
    """Follow a task by server-sent events: `status` first and with each change, `progress`, and `end`."""
    return following.events_of(access().get(id_of(task_id)))


def waiters() -> threading.Semaphore:
    """Return what counts the requests of this process that wait in a thread: at most a third of them do.

    That is for servers that cannot hold an answer without one.
    """
    return cast(threading.Semaphore, current_app.extensions["api_waiters"])


def _ended(task_id: ObjectId, seconds: int) -> Task:
    deadline = time.monotonic() + seconds
    while True:
        task = access().get(task_id)
        left_s = deadline - time.monotonic()
        if not task.live or left_s <= 0:
            return task
        time.sleep(min(LOOK_EVERY_S, left_s))


# Change


@blueprint.post("/<task_id>/cancel")
@operation("task.cancel", models.Task, also=("HTTP_409",))
def cancel_task(task_id: str) -> models.Task:
    """Cancel a task that waits or runs. One that runs is asked to stop, and ends within seconds."""
    access().cancel(id_of(task_id))
    return _again(task_id)


@blueprint.post("/<task_id>/retry")
@operation("task.retry", models.Task, also=("HTTP_409",))
def retry_task(task_id: str) -> models.Task:
    """Queue a failed or canceled task for another attempt."""
    access().retry(id_of(task_id))
    return _again(task_id)


@blueprint.post("/<task_id>/clone")
@operation("task.clone", models.Task, status=201, also=("HTTP_409", "HTTP_422"))
def clone_task(task_id: str) -> Any:
    """Create a task with the inputs of another one. Takes the header Idempotency-Key."""
    found = id_of(task_id)
    key = hashed(["clone", task_id, idempotency_key() or secrets.token_urlsafe(16)])
    submitted = access().run_again(found, key)
    return _submitted(submitted)


@blueprint.post("/<task_id>/priority")
@operation("task.reprioritize", models.Task, json=models.NewPriority, also=("HTTP_409",))
def set_priority(task_id: str, json: models.NewPriority) -> models.Task:
    """Move a waiting task to the end of another queue."""
    access().reprioritize(id_of(task_id), Priority.from_word(json.priority))
    return _again(task_id)


@blueprint.delete(TASK_PATH)
@operation("task.delete", None, status=204, also=("HTTP_409",))
def delete_task(task_id: str) -> Any:
    """Delete an ended task with its log and its files."""
    access().delete(id_of(task_id))
    return Response(status=204)


def _again(task_id: str) -> models.Task:
    try:
        return _task(access().get(id_of(task_id)))
    except NotFound:
        raise Conflict("The task was changed as you asked, and has been deleted since.") from None


# What is answered


def id_of(text: str) -> ObjectId:
    """Raises NotFound for what is no ID of a task."""
    task_id = parse_task_id(text)
    if task_id is None:
        raise NotFound(f"“{text[:60]}” isn't a valid task ID. Task IDs are 24 characters (0–9, a–f).")
    return task_id


def _subscriptions(texts: Sequence[str]) -> tuple[ObjectId, ...]:
    """Raises Invalid."""
    found = [parse_task_id(text) for text in texts]
    if None in found:
        raise Invalid("Check the fields.", {"notify": "Use IDs of subscriptions, as /webhooks lists them."})
    return tuple(one for one in found if one)


def _submitted(submitted: Submitted, kind: TaskType | None = None) -> Any:
    address = url_for("api.tasks.get_task", task_id=str(submitted.task.id))
    return created(_task(submitted.task, kind), address, replayed=not submitted.created)


def _task(task: Task, kind: TaskType | None = None) -> models.Task:
    return _shown(access(), task, _name_of_owner(task), kind)


def _shown(rights: Access, task: Task, owner_name: str, kind: TaskType | None = None) -> models.Task:
    """Return a task as a person is told of it; also outside of a request."""
    known: Any = masked(task.params)
    return models.Task(
        **described(task, owner_name),
        params=known,
        has_result=task.result is not None or task.result_file is not None,
        parent=str(task.parent) if task.parent else None,
        child_of=str(task.child_of) if task.child_of else None,
        actions=sorted(action.value for action in rights.actions(task, kind)),
    )


def _name_of_owner(task: Task) -> str:
    """Return the name for an answer about one task, which is most often about one of one's own."""
    person = access().person
    if task.owner == person.id:
        return person.name
    return services().people.users.names([task.owner]).get(task.owner, task.owner)


def _summaries(tasks: Sequence[Task]) -> list[models.TaskSummary]:
    names = services().people.users.names(task.owner for task in tasks)
    return [
        models.TaskSummary(**described(task, names.get(task.owner, task.owner), traceback=False))
        for task in tasks
    ]
