"""Repair: what maintenance does to tasks and to their hints.

Each repair looks at a batch, and at further ones while they are full, for a time that leaves the
others theirs. What is left over is for the next round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.core.deletions import Deletions
from app.core.errors import QueueUnavailable
from app.core.failpoints import reach
from app.core.files import Files
from app.core.queue import Queues
from app.core.reads import START, Place
from app.core.states import Priority, Status
from app.core.task import Task
from app.core.tasks import Tasks
from app.core.words import Words

OLDEST = 300
BATCH = 500
WORDS = 50  # So a large vocabulary is gone through in hours, while words are kept for days.
REPAIR_S = 2.0
RECOVERY_S = 5.0


def repeated(batch: Callable[[], tuple[bool, int]], until: float) -> tuple[bool, int]:
    """Repair batch after batch while they are full and there is time.

    A batch says whether it was full, and how many it repaired. Returns whether all were seen, and how many
    were repaired.
    """
    repaired = 0
    while True:
        full, done = batch()
        repaired += done
        if not full or time.monotonic() >= until:
            return not full, repaired


def soon() -> float:
    """Until when a repair goes on."""
    return time.monotonic() + REPAIR_S


class Repair:
    """The repairing half of `dispatch.Dispatch`."""

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
        return repeated(self._push_batch, soon())[1]

    def _push_batch(self) -> tuple[bool, int]:
        """Push those that do not wait in Redis already (pushed, but not marked), and mark all."""
        due = self.tasks.undispatched(BATCH)
        lost = self._lost(due)
        self.queues.push(lost)
        self.tasks.mark_dispatched(due)
        return len(due) == BATCH, len(lost)

    def _lost(self, tasks: list[Task]) -> list[Task]:
        """Those whose hint is gone although nobody took them: a worker may have, since they were read."""
        return self.tasks.still_waiting(self.queues.missing(tasks))

    def sweep(self) -> int:
        """Push again what Redis no longer has; returns how many hints.

        Looks at a fixed number of tasks whatever the backlog (docs/architecture.md).
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
        return repeated(self._recover_batch, time.monotonic() + RECOVERY_S)[1]

    def _recover_batch(self) -> tuple[bool, int]:
        recovery = self.queues.recovery(str(START))
        place = Place.parse(recovery.place)
        tasks = self.tasks.dispatched_behind(place, BATCH)
        lost = self._lost(tasks)
        self.queues.push(lost)
        behind = Place.of(tasks[-1]) if len(tasks) == BATCH else place.next_lane
        self.queues.go_on(recovery, str(behind) if behind else None)
        return behind is not None, len(lost)

    # Tasks

    def stage(self) -> int:
        """Queue the scheduled tasks whose time has come; returns how many."""
        return repeated(self._stage_batch, soon())[1]

    def _stage_batch(self) -> tuple[bool, int]:
        due = self.tasks.due(BATCH)
        staged = [task for task in due if self.tasks.stage(task)]
        reach("staged", bool(staged))
        self.push([replace(task, status=Status.QUEUED, dispatch=task.dispatch + 1) for task in staged])
        return len(due) == BATCH, len(staged)

    def prune(self) -> int:
        """Delete ended tasks past their retention, files nobody came to own, and words that no task has.

        Returns how many tasks.
        """
        _, pruned = repeated(self._prune_batch, soon())
        self.deletions.go_on(BATCH)
        self.files.prune_orphans(BATCH)
        self.words.prune(WORDS)
        return pruned

    def _prune_batch(self) -> tuple[bool, int]:
        past = self.tasks.past_retention(BATCH)
        return len(past) == BATCH, len(self.deletions.delete(past))
