"""Writing down an attempt that has ended: what it printed, its progress and its outcome, in this order.

Each write is guarded by the attempt, so all of it may be done again, by any holder: the child that
ran the attempt, or any worker of its host that finds it in the journal (`workers.attempt.journal`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pymongo.errors import PyMongoError

from app.core.errors import Unavailable
from app.core.mongo import is_refusal
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from workers.attempt.attempt import Outcome, refused, settle

log = logging.getLogger("workers.attempt.persist")


class Printed(Protocol):
    """What an attempt printed, without its secrets."""

    def write(self, *, ended: bool) -> None:
        """Copy to the logs what is not there yet. Raises PyMongoError."""

    def parts(self) -> list[tuple[int, bytes]]:
        """What is kept of it, each part with its place."""


@dataclass(frozen=True)
class EndedAttempt:
    """An attempt that has ended and everything about it that is to be written."""

    task: Task
    outcome: Outcome
    progress: dict[str, Any] | None
    printed: Printed


def write_down(services: Services, ended: EndedAttempt) -> Status | None:
    """Write all of it; returns the task's status then, or None when the attempt was no longer ours.

    Raises what a store raises that does not answer (see `away`); what cannot be written is left out.
    """
    task, progress = ended.task, ended.progress
    _courtesy("output", task, lambda: ended.printed.write(ended=True))
    if progress is not None:
        _courtesy("progress", task, lambda: services.tasks.report_progress(task, progress))
    try:
        return settle(services, task, ended.outcome)
    except Exception as error:  # whatever it is: a child that dies of it would run the task again
        _left_out("outcome", task, error)
        instead = refused(error)
    return settle(services, task, instead)


def _courtesy(what: str, task: Task, write: Callable[[], object]) -> None:
    """Write what an outcome does not depend on. Raises what a store raises that does not answer."""
    try:
        write()
    except Exception as error:
        _left_out(what, task, error)


def _left_out(what: str, task: Task, error: Exception) -> None:
    """Log what cannot be written, now or later. Raises the error where it can be later."""
    if away(error):
        raise error
    log.error("Task %s, attempt %d: its %s cannot be written.", task.id, task.attempt, what, exc_info=error)


def away(error: BaseException) -> bool:
    """Whether MongoDB is to be waited for: it does not answer, has no room or lets nobody in."""
    return isinstance(error, Unavailable) or (isinstance(error, PyMongoError) and not is_refusal(error))
