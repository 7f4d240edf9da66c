"""What is said of an event: the body of a webhook, and the subject of an e-mail.

A body is thin: what a list of tasks shows, without inputs, results and tracebacks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.core.notifications.events import EventType
from app.core.tasks.described import described
from app.core.tasks.states import Status
from app.core.tasks.task import Task

_ENDED = {
    EventType.TASK_SUCCEEDED: "Succeeded",
    EventType.TASK_FAILED: "Failed",
    EventType.TASK_CANCELED: "Canceled",
}
LONGEST_SUBJECT = 200


def at_end(task: Task, status: str, note: Mapping[str, Any]) -> Task:
    """Return a task as it was when it ended; it may have been retried since."""
    if task.status.value == status and task.attempt == note["attempt"]:
        return task
    same = (one for one in reversed(task.history) if one.get("attempt") == note["attempt"])
    past: Mapping[str, Any] = next(same, {})
    error = {"message": past.get("message") or ""} if status == Status.FAILED.value else None
    return replace(
        task, status=Status(status), attempt=note["attempt"], finished_at=note["at"], lease=None,
        error=error, progress=None, cancel=None,
    )  # fmt: skip


def of_task(event: EventType, task: Task, owner_name: str, at: datetime) -> dict[str, Any]:
    """Return the message of an event of one task."""
    said = {"task": described(task, owner_name, traceback=False)}
    word = _ENDED.get(event, "Waiting")
    about = {"task": task.id, "of": task.owner, "private": task.private}
    return _message(event, f"{word}: {task.title}", said, at) | about


def of_condition(event: EventType, subject: str, said: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return the message of a condition that holds now."""
    return _message(event, subject, said, at)


def _message(event: EventType, subject: str, said: dict[str, Any], at: datetime) -> dict[str, Any]:
    body = {"type": event.value, "timestamp": _written(at), "data": said}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_written)
    return {"event": event.value, "subject": subject[:LONGEST_SUBJECT], "body": text}


def _written(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
