"""What people and workers do to tasks: the document first, then the queue, then repair (`recovery`).

A failure of Redis is never an error here: the task stays marked as not dispatched, and the sweep
pushes it when Redis is back.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import Conflict, QueueUnavailable
from app.core.failpoints import reach
from app.core.files.store import Files
from app.core.listing.search_index import Words
from app.core.mongo import Document
from app.core.queue.rq import Queues
from app.core.secrets.vault import TaskSecrets
from app.core.tasks.deletions import Deletions
from app.core.tasks.document import require_room
from app.core.tasks.states import Action, Ending, Priority, Status
from app.core.tasks.store import ExpectedLease, Tasks
from app.core.tasks.task import NewTask, Task, searched_words

MAX_CRASHES = 3
LOSS_WAIT_FIRST_S = 5.0
LOSS_WAIT_LONGEST_S = 5 * 60.0
BACKOFF_FIRST_S = 2.0
BACKOFF_LONGEST_S = 15 * 60.0
DEFERRED_LONGEST_S = 30.0
UNSERVED_LONGEST_S = 5 * 60.0
UNDO_WITHIN = timedelta(seconds=10)
UNDO_LEEWAY = timedelta(seconds=5)
"""For the way of the page and of the button."""


@dataclass(frozen=True)
class Submitted:
    """What became of a submission: ``created`` is False for one that was there already,
    ``dispatched`` is False while Redis is away."""

    task: Task
    created: bool
    dispatched: bool


def backoff_s(attempt: int) -> float:
    """Seconds to wait before the attempt after number ``attempt``: full jitter, so that many do not
    come back at once (Brooker, "Exponential Backoff and Jitter", AWS 2015)."""
    return random.uniform(0, min(BACKOFF_LONGEST_S, BACKOFF_FIRST_S * 2**attempt))  # noqa: S311 - no secret


def loss_wait_s(losses: int) -> float:
    """Seconds to wait after so many losses of a worker, this one included: full jitter, so that what a host
    ran does not start all at once, and longer each time, so that what kills hosts does it more seldom."""
    longest = min(LOSS_WAIT_LONGEST_S, LOSS_WAIT_FIRST_S * 2.0 ** min(losses - 1, 30))
    return random.uniform(0, longest)  # noqa: S311 - no secret


class Dispatcher:
    """The one way to change what happens to a task; one fails for good at its ``max_losses``-th loss."""

    def __init__(
        self,
        tasks: Tasks,
        queues: Queues,
        files: Files,
        deletions: Deletions,
        words: Words,
        vault: TaskSecrets,
        max_losses: int,
    ) -> None:
        self.tasks, self.queues, self.files = tasks, queues, files
        self.deletions, self.words, self.vault = deletions, words, vault
        self.max_losses = max_losses

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

    def revoke(self, tasks: Sequence[Task]) -> None:
        """Remove the hints of tasks from Redis; this is tidiness only, as a stale hint does nothing."""
        try:
            self.queues.remove(tasks)
        except QueueUnavailable:
            return

    # What people do

    def submit(self, new: NewTask) -> Submitted:
        """Make a task durable, its secrets sealed, then tell the workers.

        Raises Invalid when an uploaded file is gone, a secret cannot be kept or the parameters are too large,
        Unavailable when MongoDB does not answer.
        """
        task_id = ObjectId()
        new = replace(new, params=self.vault.sealed(new.params, task_id))
        require_room(new.params)
        self.words.learn(searched_words(new))
        self.files.attach(new.files, task_id)
        task, created = self.tasks.insert(new, task_id)
        if created:
            self.files.confirm(new.files)
        else:
            self.files.release(task_id)
        must_push = created and task.status is Status.QUEUED
        return Submitted(task, created, dispatched=self.push([task]) if must_push else True)

    def cancel(self, task_id: ObjectId, by: str) -> None:
        """Cancel a task that waits or runs. Raises NotFound, or Conflict when it has ended."""
        task = self._allowed(task_id, Action.CANCEL)
        if not self.tasks.cancel(task_id, by, task):
            raise _moved_on("canceled")
        self.tasks.observer.changed([task])
        self.revoke([task])

    def undo_cancel(self, task_id: ObjectId, by: str) -> None:
        """Let a task wait again that the same person has just canceled while it waited.

        Raises NotFound, or Conflict where it is too late or something else happened to it.
        """
        task = self.tasks.get(task_id)
        canceled = task.cancel or {}
        at = canceled.get("at")
        if task.status is not Status.CANCELED or not task.waited or canceled.get("by") != by or not at:
            raise _moved_on("restored")
        if utcnow() - at > UNDO_WITHIN + UNDO_LEEWAY:
            raise Conflict("It's too late to undo this. Retry the task instead.")
        if not self.tasks.undo_cancel(task):
            raise _moved_on("restored")
        if task.waited["status"] == Status.QUEUED.value:
            self.push([self.tasks.get(task_id)])

    def retry(self, task_id: ObjectId) -> bool:
        """Queue a failed or canceled task once more; returns whether the workers know already."""
        task = self._allowed(task_id, Action.RETRY)
        if not self.tasks.retry(task):
            raise _moved_on("retried")
        return self.push([self.tasks.get(task_id)])

    def reprioritize(self, task_id: ObjectId, priority: Priority, dispatch: int | None = None) -> Task:
        """Move a waiting task to the end of another queue; returns it as it was. Raises NotFound, Conflict.

        With ``dispatch``, only where the task still has this number, so that nothing else happened to it.
        """
        task = self._allowed(task_id, Action.REPRIORITIZE)
        if dispatch not in (None, task.dispatch):
            raise _moved_on("moved")
        if not self.tasks.reprioritize(task, priority):
            raise _moved_on("moved")
        self.revoke([task])
        if task.status is Status.QUEUED:
            self.push([self.tasks.get(task_id)])
        return task

    def delete(self, task_id: ObjectId) -> None:
        """Remove an ended task with its log and files. Raises NotFound or Conflict."""
        task = self._allowed(task_id, Action.DELETE)
        if not self.deletions.delete([task_id]):
            raise _moved_on("deleted")
        self.tasks.observer.changed([task])

    def _allowed(self, task_id: ObjectId, action: Action) -> Task:
        task = self.tasks.get(task_id)
        if action not in task.actions:
            if action is Action.CANCEL and task.status is Status.CANCELED:
                raise Conflict("This task is already canceled.")
            raise Conflict(f"This task is {task.status.label.lower()}, so it cannot be {_PAST[action]}.")
        return task

    # How an attempt that did not succeed goes on

    def failed(
        self,
        task: Task,
        error: Document,
        *,
        retry: bool = True,
        after_s: float | None = None,
        expected: ExpectedLease | None = None,
    ) -> Status | None:
        """Schedule another attempt where one is left, else fail.

        Returns the task's status then, or None when the attempt was no longer the current one.
        """
        if self.tasks.cancel_requested(task):
            return self._end_canceled(task, expected)
        if retry and task.attempt < task.max_attempts:
            wait_s = backoff_s(task.attempt) if after_s is None else after_s
            return self._reschedule(task, error, wait_s, expected)
        return Status.FAILED if self.tasks.fail(task, error, expected) else None

    def _reschedule(
        self, task: Task, error: Document, wait_s: float, expected: ExpectedLease | None
    ) -> Status | None:
        run_at = utcnow() + timedelta(seconds=wait_s)
        if self.tasks.reschedule(task, error, run_at, expected):
            return Status.SCHEDULED
        return self._end_canceled(task, expected)

    def _end_canceled(self, task: Task, expected: ExpectedLease | None = None) -> Status | None:
        """An attempt that was not allowed to go on: canceled if somebody asked, else it was not ours."""
        if self.tasks.cancel_requested(task) and self.tasks.end_canceled(task, "Canceled.", expected):
            return Status.CANCELED
        return None

    def crashed(self, task: Task, message: str) -> Status | None:
        """The process of an attempt died, and its supervisor saw it: again at once, unless it did so too
        often or no attempt is left. What kills its own process is poison, wherever it runs."""
        error = {"kind": Ending.CRASH.value, "type": "WorkerDied", "message": message, "traceback": ""}
        if task.crashes + 1 >= MAX_CRASHES:
            error["message"] = (
                f"{message} It has crashed {MAX_CRASHES} times, the most allowed. It is not tried again."
            )
            return self.failed(task, error, retry=False)
        if task.attempt >= task.max_attempts or self.tasks.cancel_requested(task):
            return self.failed(task, error)
        released = self.tasks.release(task, message, error)
        if released is None:
            return self._end_canceled(task)
        self.push([released])
        return Status.QUEUED

    def lost(self, task: Task, message: str) -> Status | None:
        """The worker of an attempt is gone, and nobody is left who saw why: a host died, most likely.

        That is no fault of the task and does not count as one of its attempts, so it begins anew soon. What
        takes its whole host down with it ends by a limit of its own. An attempt whose lease was renewed since
        ``task`` was read goes on.
        """
        error = {"kind": Ending.WORKER_LOST.value, "type": "WorkerLost", "message": message, "traceback": ""}
        losses, expected = task.losses + 1, ExpectedLease.of(task)
        if losses >= self.max_losses:
            error["message"] = (
                f"{message} It has lost {losses:,} workers, the most allowed (MAX_WORKER_LOSSES). "
                "It is not tried again."
            )
            return self.failed(task, error, retry=False, expected=expected)
        if self.tasks.cancel_requested(task):
            return self._end_canceled(task, expected)
        return self._reschedule(task, error, loss_wait_s(losses), expected)

    def release(self, task: Task, message: str, ending: Ending = Ending.HANDED_BACK) -> bool:
        """A worker stops before its task ended: somebody else begins it anew, and it does not count.

        Returns whether they will; a task that was canceled ends here.
        """
        released = self.tasks.release(task, message, ending=ending)
        if released is None:
            self._end_canceled(task)
            return False
        self.push([released])
        return True

    def defer(self, task: Task, *, served: bool) -> bool:
        """A worker that may not run a task lets it wait for one that has its type, or for a pause to end.

        It is offered again soon where a living worker serves the type. Where none does, or the type is
        paused, it is more and more seldom, and at once when one comes or it is resumed (`Tasks.offer`).
        """
        times = 2.0 ** min(task.put_offs, 10)
        wait_s = min(DEFERRED_LONGEST_S, times) if served else min(UNSERVED_LONGEST_S, 30 * times)
        jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
        return self.tasks.defer(task, utcnow() + timedelta(seconds=wait_s * jitter))


_PAST = {
    Action.CANCEL: "canceled",
    Action.RETRY: "retried",
    Action.REPRIORITIZE: "moved to another priority",
    Action.DELETE: "deleted",
}


def _moved_on(done: str) -> Conflict:
    return Conflict(f"The task's status changed before it could be {done}. Here is its current state.")
