"""What maintenance does to tasks and to their hints.

Each repair looks at a batch, and at further ones while they are full, for a time that leaves the
others theirs. What is left over is for the next round.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from bson.errors import BSONError

from app.core.errors import TaskQueueError
from app.core.failpoints import reach
from app.core.mongo import cannot_write, is_away
from app.core.queue.dispatcher import Dispatcher
from app.core.tasks.queries import START, Place, Queries
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task

OLDEST = 300
BATCH = 500
WORDS = 50  # So a large vocabulary is gone through in hours, while words are kept for days.
REPAIR_S = 2.0
RECOVERY_S = 5.0

log = logging.getLogger("app.core.queue.recovery")


@dataclass(frozen=True)
class Batch:
    """How a batch went: whether it was full, how many it repaired, and how many stay where it found them."""

    full: bool
    repaired: int
    left: int = 0


def repeated(batch: Callable[[int], Batch], until: float) -> int:
    """Repair batch after batch while they are full and there is time; returns how many were repaired.

    A batch is told how many were left by those before it: it begins behind them, so what cannot be repaired
    keeps nothing from its turn.
    """
    repaired, left = 0, 0
    while True:
        done = batch(left)
        repaired, left = repaired + done.repaired, left + done.left
        if not done.full or time.monotonic() >= until:
            return repaired


def isolated(tasks: Iterable[Task], act: Callable[[Task], object]) -> list[Task]:
    """Do something to each task, so that one to which it cannot be done keeps no other from its turn.

    Returns those to which it was. Raises what says that a store is away.
    """
    done = []
    for task in tasks:
        try:
            if act(task):
                done.append(task)
        except Exception as error:
            if isinstance(error, TaskQueueError) or is_away(error) or cannot_write(error):
                raise
            log.exception("Task %s is passed over: a repair of it failed.", task.id)
    return done


def soon() -> float:
    """Until when a repair goes on."""
    return time.monotonic() + REPAIR_S


class Recovery:
    """The repairs of one process. What happens to a task goes through the dispatcher, as everywhere."""

    def __init__(self, dispatcher: Dispatcher, queries: Queries) -> None:
        self._dispatcher, self._queries = dispatcher, queries
        self._tasks, self.queues = dispatcher.tasks, dispatcher.queues

    # Hints

    def push_due(self) -> int:
        """Push what was never pushed; returns how many hints. Raises QueueUnavailable."""
        return repeated(self._push_batch, soon())

    def _push_batch(self, left: int) -> Batch:
        """Push those that do not wait in Redis already (pushed, but not marked), and mark all."""
        due = self._queries.undispatched(BATCH)
        lost = self._with_lost_hints(due)
        self.queues.push(lost)
        self._tasks.mark_dispatched(due)
        return Batch(len(due) == BATCH, len(lost))

    def _with_lost_hints(self, tasks: list[Task]) -> list[Task]:
        """Those whose hint is gone although nobody took them: a worker may have, since they were read."""
        return self._queries.still_waiting(self.queues.missing(tasks))

    def sweep(self) -> int:
        """Push again what Redis no longer has; returns how many hints.

        Looks at a fixed number of tasks whatever the backlog (docs/explanation/architecture.md).
        """
        pushed = 0
        for priority in Priority:
            lost = self._with_lost_hints(self._queries.oldest_dispatched(priority, OLDEST))
            self._dispatcher.push(lost)
            pushed += len(lost)
        return pushed

    def recover(self) -> int:
        """Push everything again after Redis lost its data, as far as there is time; returns how many hints.

        The next round, in whatever process, resumes from there. Raises QueueUnavailable.
        """
        if self.queues.epoch.exists():
            return 0
        return repeated(self._recover_batch, time.monotonic() + RECOVERY_S)

    def _recover_batch(self, left: int) -> Batch:
        redispatch = self.queues.epoch.redispatch(str(START))
        try:
            place = Place.parse(redispatch.place)
        except (ValueError, BSONError):
            redispatch, place = self.queues.epoch.restart(str(START)), START
        tasks = self._queries.dispatched_behind(place, BATCH)
        lost = self._with_lost_hints(tasks)
        self.queues.push(lost)
        behind = Place.of(tasks[-1]) if len(tasks) == BATCH else place.next_queue
        self.queues.epoch.advance(redispatch, str(behind) if behind else None)
        return Batch(behind is not None, len(lost))

    # Tasks

    def rescue(self, lost: Sequence[Task]) -> int:
        """Take up again tasks whose worker is lost (`LeaseWatch`), as far as there is time; returns how many.

        One that was renewed since it was looked at is its worker's.
        """
        until = soon()
        return len(isolated(takewhile(lambda _: time.monotonic() < until, lost), self._rescue_one))

    def _rescue_one(self, task: Task) -> bool:
        lost = f"The worker {task.worker} was lost while it ran this task."
        rescued = self._dispatcher.lost(task, lost) is not None
        reach("rescued")
        return rescued

    def stage(self) -> int:
        """Queue the scheduled tasks whose time has come; returns how many."""
        return repeated(self._stage_batch, soon())

    def _stage_batch(self, left: int) -> Batch:
        due = self._queries.due(BATCH, left)
        staged = isolated(due, self._tasks.stage)
        reach("staged", bool(staged))
        self._dispatcher.push(
            [replace(task, status=Status.QUEUED, dispatch=task.dispatch + 1) for task in staged]
        )
        return Batch(len(due) == BATCH, len(staged), len(due) - len(staged))

    def prune(self) -> int:
        """Delete ended tasks past their retention, files nobody came to own, and words that no task has.

        Returns how many tasks.
        """
        pruned = repeated(self._prune_batch, soon())
        self._dispatcher.deletions.go_on(BATCH)
        self._dispatcher.files.prune_orphans(BATCH)
        self._dispatcher.words.prune(WORDS)
        return pruned

    def _prune_batch(self, left: int) -> Batch:
        past = self._queries.past_retention(BATCH, left)
        gone = len(self._dispatcher.deletions.delete(past))
        return Batch(len(past) == BATCH, gone, len(past) - gone)
