"""What the writes of `store` tell: whether an end leaves a notice, open pages, and the figures.

`Observer` is asked before a task ends whether somebody is to be told, because the update that ends it has the
notice in it (`updates.ended`). All the rest follows a write that took effect, may be lost, and never raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from app.core.mongo import Document
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import Task


class Counting(Protocol):
    """Counts what happens, and never raises; who does is in `app.core.statistics.task_counts`."""

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


NOT_COUNTED = NotCounted()


class Observer:
    """What each kind of write tells, and whom.

    ``concerns`` says whether somebody is to be told of an end (of the task, or of any). ``changed`` and
    ``progressed`` tell open pages. Tasks are as they were before the write, where nothing else is said.
    """

    def __init__(
        self,
        concerns: Callable[[Task | None, Status], bool] = lambda task, status: False,
        changed: Callable[[Sequence[Task]], None] = lambda tasks: None,
        progressed: Callable[[Sequence[Task]], None] = lambda tasks: None,
        counting: Counting = NOT_COUNTED,
    ) -> None:
        self._concerns = concerns
        self._changed = changed
        self._progressed = progressed
        self._counting = counting

    # Before a write

    def wants_notice(self, task: Task | None, status: Status) -> bool:
        """Return whether the update that ends a task notes that somebody is to be told; None is any task."""
        return self._concerns(task, status)

    # After a write

    def created(self, task: Task) -> None:
        self._counting.created(task.type, task.priority)
        self._changed([task])

    def created_in_batch(self, documents: Sequence[Document]) -> None:
        """Count them only: pages are told when the hints of their part are pushed."""
        created = Counter((document["type"], Priority(document["priority"])) for document in documents)
        for (type_, priority), tasks in created.items():
            self._counting.created(type_, priority, tasks)

    def claimed(self, claimed: Task) -> None:
        """An attempt began; the task is as it is then."""
        self._counting.started(claimed)
        self._changed([claimed])

    def attempt_over(self, task: Task, ending: Ending, *, retried: bool) -> None:
        """An attempt ended, and its task waits again. ``retried``: because of an error."""
        self._counting.attempt_ended(task, ending)
        self._counting.retried(int(retried), by_person=False)
        self._changed([task])

    def ended(self, task: Task, ending: Ending, status: Status) -> None:
        """The last attempt of a task ended."""
        self._counting.attempt_ended(task, ending)
        self._counting.ended(task, status)
        self._changed([task])

    def canceled_waiting(self, tasks: int) -> None:
        """So many tasks ended before an attempt began; who canceled them tells pages of all at once."""
        self._counting.canceled_waiting(tasks)

    def retried(self, tasks: int) -> None:
        """A person retried so many tasks, and tells pages of all at once."""
        self._counting.retried(tasks, by_person=True)

    def changed(self, tasks: Sequence[Task]) -> None:
        """Tasks came into another state, moved within theirs, or are gone."""
        self._changed(tasks)

    def progressed(self, task: Task) -> None:
        self._progressed([task])


SILENT = Observer()
"""Tells nobody anything."""
