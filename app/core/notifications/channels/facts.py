"""What a person reads of a delivery, in an e-mail or a chat: facts with their labels, and where to look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.core.notifications.deliveries import Delivery
from config import Settings

_OF_A_TASK = {
    "title": "Title", "type": "Type", "status": "Status", "id": "ID", "owner_name": "Owner",
    "created_at": "Created", "started_at": "Started", "finished_at": "Finished", "attempt": "Attempt",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """``lines`` are label and value; ``error`` is empty where there is none, ``link`` without PUBLIC_URL."""

    lines: tuple[tuple[str, str], ...]
    error: str = ""
    link: str = ""


def facts_of(settings: Settings, delivery: Delivery) -> Facts:
    """Return what a delivery says, of its task without inputs and results."""
    data: dict[str, Any] = json.loads(delivery.body)["data"]
    base = settings.public_url.rstrip("/")
    task = data.get("task")
    if not isinstance(task, dict):
        said = tuple((name.replace("_", " ").capitalize(), _shown(value)) for name, value in data.items())
        return Facts(said, link=f"{base}/tasks" if base else "")
    known = ((label, task.get(name)) for name, label in _OF_A_TASK.items())
    lines = tuple((label, str(value)) for label, value in known if value not in (None, ""))
    error = str((task.get("error") or {}).get("message") or "")
    return Facts(lines, error, f"{base}/tasks/{delivery.task}" if base else "")


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
