"""Repair: what maintenance does to tasks and to their hints.

Each repair looks at a batch, and at further ones while they are full, for a time that leaves the
others theirs. What is left over is for the next round.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bson.errors import BSONError

from app.core.errors import QueueUnavailable, TaskQueueError
from app.core.failpoints import reach
from app.core.files.store import Files
from app.core.listing.search_index import Words
from app.core.mongo import cannot_write, is_away
from app.core.queue.rq import Queues
from app.core.tasks.deletions import Deletions
from app.core.tasks.queries import START, Place
from app.core.tasks.states import Priority, Status
from app.core.tasks.store import Tasks
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


class Repair:
    """The repairing half of `dispatcher.Dispatch`."""

    def __init__(
        self, tasks: Tasks, queues: Queues, files: Files, deletions: Deletions, words: Words
    ) -> None:
        self.tasks, self.queues, self.files = tasks, queues, files
        self.deletions, self.words = deletions, words

    # Hints

    def push(self, tasks: Sequence[Task]) -> bool:
        """Push hints and mark them; False when Redis is away, and then the sweep will."""
        try:
            self.queues.push(tasks)
        except QueueUnavailable:
            return False
        reach("pushed")
        self.tasks.mark_dispatched(tasks)
        return True

    def push_due(self) -> int:
        """Push what was never pushed; returns how many hints. Raises QueueUnavailable."""
        return repeated(self._push_batch, soon())

    def _push_batch(self, left: int) -> Batch:
        """Push those that do not wait in Redis already (pushed, but not marked), and mark all."""
        due = self.tasks.undispatched(BATCH)
        lost = self._lost(due)
        self.queues.push(lost)
        self.tasks.mark_dispatched(due)
        return Batch(len(due) == BATCH, len(lost))

    def _lost(self, tasks: list[Task]) -> list[Task]:
        """Those whose hint is gone although nobody took them: a worker may have, since they were read."""
        return self.tasks.still_waiting(self.queues.missing(tasks))

    def sweep(self) -> int:
        """Push again what Redis no longer has; returns how many hints.

        Looks at a fixed number of tasks whatever the backlog (docs/explanation/architecture.md).
        """
        pushed = 0
        for priority in Priority:
            lost = self._lost(self.tasks.oldest_dispatched(priority, OLDEST))
            self.push(lost)
            pushed += len(lost)
        return pushed

    def recover(self) -> int:
        """Push everything again after Redis lost its data, as far as there is time; returns how many hints.

        The next round goes on from there, whoever makes it. Raises QueueUnavailable.
        """
        if self.queues.has_epoch():
            return 0
        return repeated(self._recover_batch, time.monotonic() + RECOVERY_S)

    def _recover_batch(self, left: int) -> Batch:
        recovery = self.queues.recovery(str(START))
        try:
            place = Place.parse(recovery.place)
        except (ValueError, BSONError):
            recovery, place = self.queues.begin_again(str(START)), START
        tasks = self.tasks.dispatched_behind(place, BATCH)
        lost = self._lost(tasks)
        self.queues.push(lost)
        behind = Place.of(tasks[-1]) if len(tasks) == BATCH else place.next_lane
        self.queues.go_on(recovery, str(behind) if behind else None)
        return Batch(behind is not None, len(lost))

    # Tasks

    def stage(self) -> int:
        """Queue the scheduled tasks whose time has come; returns how many."""
        return repeated(self._stage_batch, soon())

    def _stage_batch(self, left: int) -> Batch:
        due = self.tasks.due(BATCH, left)
        staged = isolated(due, self.tasks.stage)
        reach("staged", bool(staged))
        self.push([replace(task, status=Status.QUEUED, dispatch=task.dispatch + 1) for task in staged])
        return Batch(len(due) == BATCH, len(staged), len(due) - len(staged))

    def prune(self) -> int:
        """Delete ended tasks past their retention, files nobody came to own, and words that no task has.

        Returns how many tasks.
        """
        pruned = repeated(self._prune_batch, soon())
        self.deletions.go_on(BATCH)
        self.files.prune_orphans(BATCH)
        self.words.prune(WORDS)
        return pruned

    def _prune_batch(self, left: int) -> Batch:
        past = self.tasks.past_retention(BATCH, left)
        gone = len(self.deletions.delete(past))
        return Batch(len(past) == BATCH, gone, len(past) - gone)
