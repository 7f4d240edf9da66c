"""What counts tasks and attempts, as `store` sees it; who does is in `app.core.statistics.task_counts`."""

from __future__ import annotations

from typing import Protocol

from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import Task


class Counting(Protocol):
    """Is told of each write that took effect, and never raises. ``task`` is as it was before."""

    def created(self, type: str, priority: Priority, tasks: int = 1) -> None:
        """So many tasks of a type were created."""

    def started(self, task: Task) -> None:
        """An attempt began; ``task`` is as it is then."""

    def attempt_ended(self, task: Task, ending: Ending) -> None:
        """An attempt ended, whatever becomes of its task."""

    def ended(self, task: Task, status: Status) -> None:
        """A task ended."""

    def canceled_waiting(self, tasks: int) -> None:
        """So many tasks were canceled before an attempt began."""

    def retried(self, tasks: int, *, by_person: bool) -> None:
        """So many tasks may try once more."""


class NotCounted:
    """Counts nothing."""

    def created(self, type: str, priority: Priority, tasks: int = 1) -> None: ...
    def started(self, task: Task) -> None: ...
    def attempt_ended(self, task: Task, ending: Ending) -> None: ...
    def ended(self, task: Task, status: Status) -> None: ...
    def canceled_waiting(self, tasks: int) -> None: ...
    def retried(self, tasks: int, *, by_person: bool) -> None: ...
