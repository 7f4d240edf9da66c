"""Writing down an attempt that has ended: what it printed, its progress and its outcome, in this order.

Each write is guarded by the attempt, so all of it may be done again, by whoever has it: the child that
ran the attempt, or any worker of its host that finds it in the journal (`workers.journal`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from app.core.db import is_away
from app.core.errors import TaskQueueError, Unavailable
from app.core.services import Services
from app.core.states import Status
from app.core.task import Task
from workers.runtime import Outcome, refused, settle

log = logging.getLogger("workers.finish")


class Printed(Protocol):
    """What an attempt printed, without its secrets."""

    def write(self, *, ended: bool) -> None:
        """Copy to the logs what is not there yet. Raises PyMongoError."""

    def parts(self) -> list[tuple[int, bytes]]:
        """What is kept of it, each part with its place."""


@dataclass(frozen=True)
class Ended:
    """An attempt that has ended and everything about it that is to be written."""

    task: Task
    outcome: Outcome
    progress: dict[str, Any] | None
    printed: Printed


def write_down(services: Services, ended: Ended) -> Status | None:
    """Write all of it; returns the task's status then, or None when the attempt was no longer ours.

    Raises what a store raises that does not answer (see `away`).
    """
    ended.printed.write(ended=True)
    if ended.progress is not None:
        services.tasks.report_progress(ended.task, ended.progress)
    try:
        return settle(services, ended.task, ended.outcome)
    except (PyMongoError, BSONError, TaskQueueError, OverflowError) as error:
        if away(error):
            raise
        log.exception(
            "Task %s, attempt %d: the database refused its outcome.", ended.task.id, ended.task.attempt
        )
        instead = refused(error)
    return settle(services, ended.task, instead)


def away(error: BaseException) -> bool:
    """Whether MongoDB did not answer, rather than refuse."""
    return isinstance(error, Unavailable) or is_away(error)
