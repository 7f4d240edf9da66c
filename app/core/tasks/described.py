"""A task as programs see it: what the API answers in lists, and what webhooks say."""

from __future__ import annotations

from typing import Any

from app.core.tasks.task import Task

_AS_IS = (
    *("type", "title", "owner", "private", "created_at", "run_at", "queued_at", "started_at", "finished_at"),
    *("attempt", "max_attempts", "timeout_s", "worker"),
)


def described(task: Task, owner_name: str, *, traceback: bool = True) -> dict[str, Any]:
    """Return the fields of `TaskSummary` of the API; times are aware UTC. There are no inputs among them."""
    return {
        **{name: getattr(task, name) for name in _AS_IS},
        "id": str(task.id),
        "status": task.status.value,
        "priority": task.priority.word,
        "owner_name": owner_name,
        "tags": list(task.tags),
        "progress": _progress(task.progress),
        "error": _error(task.error, traceback=traceback),
        "cancel_requested": bool(task.cancel) and task.live,
    }


def _progress(stored: Any) -> dict[str, Any] | None:
    """What is stored may be of another version, or damaged."""
    if not isinstance(stored, dict):
        return None
    done, total = (_number(stored.get(name)) for name in ("done", "total"))
    return {"done": done, "total": total, "message": str(stored.get("message") or "")}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _error(stored: Any, *, traceback: bool) -> dict[str, str] | None:
    if not stored:
        return None
    names = ("kind", "type", "message", *(("traceback",) if traceback else ()))
    return {name: str(stored.get(name) or "") for name in names}
