"""A task as a row of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.exports.fields import Fields, Kind
from app.core.secrets.secret import masked
from app.core.tasks.task import Task

TASK_FIELDS: Fields = {
    "id": Kind.TEXT,
    "title": Kind.TEXT,
    "type": Kind.TEXT,
    "status": Kind.TEXT,
    "priority": Kind.TEXT,
    "owner": Kind.TEXT,
    "tags": Kind.TEXTS,
    "created_at": Kind.TIME,
    "run_at": Kind.TIME,
    "started_at": Kind.TIME,
    "finished_at": Kind.TIME,
    "duration_s": Kind.NUMBER,
    "queue_time_s": Kind.NUMBER,
    "attempt": Kind.WHOLE,
    "worker": Kind.TEXT,
    "error_type": Kind.TEXT,
    "error": Kind.TEXT,
    "parameters": Kind.TEXT,
}


def values_of_task(task: Task, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the `TASK_FIELDS`; owners by their names, where known, and secrets masked."""
    error, last = task.error or {}, task.history[-1] if task.history else {}
    times = {name: getattr(task, name) for name in ("created_at", "run_at", "started_at", "finished_at")}
    return {
        "id": str(task.id),
        "title": task.title,
        "type": task.type,
        "status": task.status.value,
        "priority": task.priority.word,
        "owner": names.get(task.owner, task.owner),
        "tags": list(task.tags),
        **{name: at.isoformat(timespec="milliseconds") if at else None for name, at in times.items()},
        "duration_s": _seconds(task.started_at, task.finished_at),
        "queue_time_s": _seconds(task.queued_at, task.started_at),
        "attempt": task.attempt,
        "worker": task.worker or last.get("worker"),
        "error_type": error.get("type"),
        "error": error.get("message"),
        "parameters": masked(task.params),
    }


def _seconds(since: Any, until: Any) -> float | None:
    return max(0.0, (until - since).total_seconds()) if since and until else None
