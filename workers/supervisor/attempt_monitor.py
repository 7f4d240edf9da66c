"""The attempt that a child runs, as its supervisor watches over it.

Renews the lease, looks for a cancellation, copies the log, enforces the time, and says what became of
an attempt whose process died. Times are of the monotonic clock, in seconds.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bson import ObjectId

from app.core import clock
from app.core.errors import NotFound
from app.core.secrets.redaction import Mask
from app.core.secrets.vault import CannotOpen
from app.core.services import Services
from app.core.tasks.task import Task
from workers.attempt.attempt import timeout_sentence
from workers.attempt.limits import Limits
from workers.attempt.output_capture import LogWriter, log_path
from workers.attempt.signals import CANCEL_GENTLY, CANCEL_NOW, TIME_OVER
from workers.supervisor.child_process import ChildProcess

LOOK_EVERY_S = 1.0
RENEW_EVERY_S = 10.0
CANCEL_NOW_AFTER_S = 2.0
CANCEL_KILL_AFTER_S = 5.0
TIMEOUT_KILL_AFTER_S = 3.0
KILLED_TOGETHER_S = 0.25

log = logging.getLogger("workers.supervisor.attempt_monitor")


@dataclass
class Watch:
    """One attempt of one task, run by ``child`` for the worker ``name``."""

    services: Services
    name: str
    child: ChildProcess
    task_id: ObjectId
    attempt: int
    timeout_s: int
    limits: Limits
    killed: Callable[[Task, str, Mapping[str, str] | None], None] = lambda task, outcome, error: None
    """Told of an attempt whose process was killed, once its outcome is written: see `workers.traces`."""
    began: float = field(default_factory=time.monotonic)
    lost: bool = False
    over: bool = False  # the task's own code has ended; only the outcome is still to be written
    kept: bool = False  # ... and it is on disk (`workers.attempt.journal`)
    _task: Task | None = None
    _log: LogWriter | None = None
    _looked: float = 0.0
    _renewed: float = 0.0
    _doubted: bool = False
    _disowned: str = ""  # why it is no longer ours
    _canceled: bool = False
    _time_over: bool = False
    _sent: dict[int, float] = field(default_factory=dict)

    def due(self) -> bool:
        """Whether it is time for another look; a short task is over before the first."""
        now = time.monotonic()
        return now - self.began >= LOOK_EVERY_S and now - self._looked >= LOOK_EVERY_S

    def look(self) -> None:
        """Renew the lease when it is time, and see whether the attempt is canceled or no longer ours.

        Signals nobody: it may take a while, and the child be at its next attempt then. Raises what a store
        raises that does not answer; the next look tries again.
        """
        now = self._looked = time.monotonic()
        task = self.task()
        if task is None:
            self._not_ours("it is no longer this worker's")
            return
        if now - self._renewed >= RENEW_EVERY_S:
            clock.require(self.services.db)
            if not self.services.tasks.renew(task):
                self._not_ours("its lease was taken")
                return
            self._renewed = now
        self._canceled = self._canceled or self.services.tasks.cancel_requested(task)
        if self._log is not None:
            self._log.write()

    def task(self) -> Task | None:
        """The task as claimed; None when the attempt is not the current one any more."""
        if self._task is None:
            try:
                task = self.services.tasks.get(self.task_id)
            except NotFound:
                return None
            if task.attempt != self.attempt or task.worker != self.name:
                return None
            self._task = task
            path = log_path(self.child.folder, task.id, task.attempt)
            self._log = LogWriter(self.services.logs, path, task.id, task.attempt, self._mask(task))
        return self._task

    def _mask(self, task: Task) -> Mask:
        """For the secrets of the task; where they cannot be read, the child has not read them either."""
        try:
            return Mask.of(self.services.vault.opened(task.params, task.id))
        except CannotOpen:
            return Mask()

    def enforce(self) -> None:
        """Ask first, then interrupt, then kill: cancellation after 0, 2 and 7 s, time after 0 and 3 s.

        Each is counted from the signal before: a look that was held up takes nothing from a task's time to
        clean up.
        """
        if self.over:
            return
        if self._disowned:
            self._kill(self._disowned)
        elif self._canceled:
            asked_in_vain = self._sent_for(CANCEL_GENTLY) >= CANCEL_NOW_AFTER_S
            if asked_in_vain and self._sent_for(CANCEL_NOW) >= CANCEL_KILL_AFTER_S:
                self.child.signal(signal.SIGKILL)
        elif time.monotonic() - self.began >= self.timeout_s:
            self._time_over = True
            if self._sent_for(TIME_OVER) >= TIMEOUT_KILL_AFTER_S:
                self.child.signal(signal.SIGKILL)

    def _sent_for(self, number: int) -> float:
        """Send a signal, once; returns how long ago that was."""
        now = time.monotonic()
        if number not in self._sent:
            self._sent[number] = now
            self.child.signal(number)
        return now - self._sent[number]

    def _not_ours(self, why: str) -> None:
        """Be sure at the second look: its child may just have ended it and not said so yet.

        One of which only the outcome is left does no harm: that write is refused.
        """
        if self._doubted:
            self._disowned = why
        self._doubted = True

    def _kill(self, why: str) -> None:
        if self.lost:
            return
        log.warning("Task %s, attempt %d is killed: %s.", self.task_id, self.attempt, why)
        self.lost = True
        self.child.signal(signal.SIGKILL)

    def conclude(self, ended: str) -> None:
        """The child died in the attempt: copy the end of its log, where its reason is mostly to be read,
        and say what became of it, unless the journal has it.

        ``ended`` says how the process ended.
        """
        task = None if self.lost or self.kept else self.task()
        if task is None or self._log is None:
            return
        self._log.write(ended=True)
        if self._canceled:
            self.services.tasks.end_canceled(
                task, "Canceled while it ran; its process did not heed it and was killed."
            )
            self.killed(task, "canceled", None)
        elif self._time_over:
            self._failed(task, "timeout", "TimedOut", timeout_sentence(task))
        elif self.limits.used_mb is not None:
            self._failed(task, "memory", "OutOfMemory", self.limits.sentence())
        else:
            # Who kills all of a worker kills its child first as likely as not. That is no crash of the task:
            # this process is gone, too, before it can say so.
            time.sleep(KILLED_TOGETHER_S)
            message = f"The process of the task {ended} before the task had ended."
            self.services.dispatch.crashed(task, message)
            self.killed(task, "failed", {"type": "WorkerDied", "message": message, "traceback": ""})

    def _failed(self, task: Task, kind: str, type_: str, message: str) -> None:
        error = {"kind": kind, "type": type_, "message": message, "traceback": ""}
        self.services.dispatch.failed(task, error)
        self.killed(task, "failed", error)

    def finishing(self, *, kept: bool) -> None:
        """The task's own code has ended: from now on nothing is enforced, only the lease is kept."""
        self.over = self.limits.over = True
        self.kept = kept

    def release(self) -> None:
        """The worker stops and the grace time is over: kill the attempt; it begins anew elsewhere."""
        self.child.signal(signal.SIGKILL)
        self.lost = True
        task = None if self.kept else self.task()
        if task is not None:
            self.services.dispatch.release(task, "The worker was stopped; the task begins anew elsewhere.")
            self.killed(task, "released", None)
