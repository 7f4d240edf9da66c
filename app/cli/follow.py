"""One task, followed to its end: what is new at each look, for callers that show it line by line.

Status, place in line, progress and the log's whole lines. The log of an attempt is complete before its
outcome is written, so the last look has all of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app.core.access.access import Access
from app.core.errors import QueueUnavailable, Unavailable
from app.core.excerpts import settled, tail
from app.core.mongo import translated
from app.core.queue.rq import Queues
from app.core.tasks.states import Status
from app.core.tasks.task import Task

LEFT_OUT = "… the log is long: its end is shown when the task ends, all that is kept of it on its page …\n"
END_LINES, END_MOST = 40, 20_000


@dataclass(frozen=True)
class Look:
    """What is new: ``moved`` when status, attempt or place in line is another; ``log`` is to be printed."""

    task: Task
    place: int | None
    moved: bool
    progress: dict[str, Any] | None
    log: str


class Follower:
    """Remembers what was seen, so that it can be followed on after an interruption."""

    def __init__(self, access: Access, queues: Queues, task_id: ObjectId) -> None:
        self._access, self._queues = access, queues
        self._id = task_id
        self._seen: tuple[Any, ...] = ()
        self._progress: dict[str, Any] | None = None
        self._attempt = 0
        self._shown = 0
        self._cut = False

    def looks(self, every_s: float = 0.5) -> Iterator[Look]:
        """Look until the task has ended; while MongoDB is away, wait. Raises NotFound when it is gone."""
        while True:
            try:
                look = self.look()
            except Unavailable:
                time.sleep(every_s)
                continue
            yield look
            if look.task.status.ended:
                return
            time.sleep(every_s)

    def look(self) -> Look:
        """Raises NotFound, Unavailable."""
        with translated("following the task"):
            task = self._access.get(self._id)
            log = self._log(task)
        place = self._place(task)
        seen = (task.status, task.attempt, place)
        moved, self._seen = seen != self._seen, seen
        new = task.progress if task.progress != self._progress and isinstance(task.progress, dict) else None
        self._progress = task.progress
        return Look(task, place, moved, new, log)

    def _place(self, task: Task) -> int | None:
        try:
            return self._queues.place(task) if task.status is Status.QUEUED else None
        except QueueUnavailable:
            return None

    def _log(self, task: Task) -> str:
        """What the attempt printed since; before another attempt begins, the rest of the one before."""
        if not task.attempt:
            return ""
        rest = ""
        if self._attempt and task.attempt != self._attempt:
            rest = self._fresh(task, self._attempt, ended=True)
        if task.attempt != self._attempt:
            self._attempt, self._shown, self._cut = task.attempt, 0, False
        return rest + self._fresh(task, task.attempt, ended=task.status is not Status.RUNNING)

    def _fresh(self, task: Task, attempt: int, *, ended: bool) -> str:
        log = self._access.log(task, attempt)
        if self._cut or not log.complete:
            return self._of_a_long_one(log.text, ended)
        until = len(log.text) if ended else log.text.rfind("\n") + 1
        new = log.text[self._shown : until]
        self._shown = max(self._shown, until)
        return new

    def _of_a_long_one(self, text: str, ended: bool) -> str:
        """Its middle is not kept, so what was shown cannot be found in it: say so once, then show the end."""
        notice = "" if self._cut else LEFT_OUT
        self._cut = True
        if not ended or self._shown < 0:
            return notice
        self._shown = -1
        return notice + "\n".join(tail(settled(text), END_MOST)[0].split("\n")[-END_LINES - 1 :])
