"""What a person reads of a delivery, in an e-mail or a chat: facts with their labels, and where to look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core.notifications.deliveries import Delivery
from config import Settings

_OF_A_TASK = {
    "title": "Title", "type": "Type", "status": "Status", "id": "ID", "owner_name": "Owner",
    "created_at": "Created", "started_at": "Started", "finished_at": "Finished", "attempt": "Attempt",
}  # fmt: skip


class Fact(NamedTuple):
    """One thing that is said; ``name`` is its field in the body of a webhook."""

    name: str
    label: str
    value: str


@dataclass(frozen=True)
class Facts:
    """``error`` is empty where there is none, ``link`` without PUBLIC_URL."""

    lines: tuple[Fact, ...]
    error: str = ""
    link: str = ""


def facts_of(settings: Settings, delivery: Delivery) -> Facts:
    """Return what a delivery says, of its task without inputs and results."""
    data: dict[str, Any] = json.loads(delivery.body)["data"]
    base = settings.public_url.rstrip("/")
    task = data.get("task")
    if not isinstance(task, dict):
        said = tuple(Fact(name, _label(name), _shown(value)) for name, value in data.items())
        return Facts(said, link=f"{base}/tasks" if base else "")
    there = ((name, label, task.get(name)) for name, label in _OF_A_TASK.items())
    lines = tuple(Fact(name, label, str(value)) for name, label, value in there if value not in (None, ""))
    error = str((task.get("error") or {}).get("message") or "")
    return Facts(lines, error, f"{base}/tasks/{delivery.task}" if base else "")


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
