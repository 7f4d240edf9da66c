"""What `outbox` and `sending` ask about people; `app.core.access.audience` answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.core.tasks.task import Task


class Audience(Protocol):
    """Rights as they are now: `app.core.access.audience`."""

    def enabled(self, owner: str) -> bool:
        """Return whether a person may sign in still."""

    def sees(self, owner: str, task: Task, wanted: Mapping[str, str]) -> bool:
        """Return whether a person may know of a task, and a filter matches it."""

    def name(self, owner: str) -> str:
        """Return what a person is called."""
