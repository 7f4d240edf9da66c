"""The tasks collection and every write to it: what guards it. What it changes is in `updates`.

Each change of status is a compare-and-set: the filter names the states (and the attempt) it may
come from, and nothing matched means that somebody else was first. That is a normal outcome, so
these methods return whether they took effect, and raise only when MongoDB does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.failpoints import reach
from app.core.mongo import Document, Mongo
from app.core.tasks import states, updates
from app.core.tasks.document import new_document
from app.core.tasks.fingerprint import fingerprint
from app.core.tasks.observer import SILENT, Observer
from app.core.tasks.queries import readable
from app.core.tasks.states import ENDED, WAITING, Ending, Priority, Status
from app.core.tasks.task import NewTask, Task, error_keywords, worker_keyword
from app.core.tasks.updates import merged, without
from dtq.runtime import ResultKind

LEASE = timedelta(seconds=30)
Change = tuple[Document, Document]  # a guard, and the update of what it lets through
_ENDED = sorted(status.value for status in ENDED)


def _any_state(task: Task) -> Document:
    """The guard of what may be done in every state; the status is in it because a store has that index."""
    return {"_id": task.id, "status": {"$in": [status.value for status in Status]}}


def missing(task_id: ObjectId) -> NotFound:
    """Return what is said of a task that does not exist, or that a person may not know of."""
    return NotFound(
        f"Task {task_id} doesn't exist. It may have been deleted, or removed after its retention period."
    )


@dataclass(frozen=True)
class ExpectedLease:
    """The end of the lease that a write to an attempt expects; None expects a lease without an end, or none.

    Pass it to take an attempt from its worker: once the worker has renewed, the write has no effect.
    """

    until: datetime | None

    @classmethod
    def of(cls, task: Task) -> ExpectedLease:
        """Return the lease as it was when the task was read."""
        return cls((task.lease or {}).get("until"))


class Tasks:
    """The truth about every task; ``retention`` is how long an ended task is kept.

    Here is what concerns one task, and every write. Searches for many are in `queries.Queries`.

    Each write of a state writes the keywords of that state as well: those of the worker when an attempt
    begins, those of the error when it fails; and when another attempt is due, they go. So a task never has
    more than those of one attempt. ``learn`` is told of such keywords before. ``observer`` is told of each
    write that took effect; and where it wants a notice of an end, the update that ends the task has it.
    """

    def __init__(
        self,
        db: Mongo,
        retention: timedelta,
        learn: Callable[[list[str]], None] = lambda words: None,
        observer: Observer = SILENT,
    ) -> None:
        self._tasks, self._batches = db.tasks, db.batches
        self._retention = retention
        self._learn = learn
        self.observer = observer

    # One task

    def get(self, task_id: ObjectId) -> Task:
        """Return a task. Raises NotFound when there is no such task, or none that can be read."""
        document = self._tasks.find_one({"_id": task_id})
        if document is None:
            raise missing(task_id)
        task = next(readable([document]), None)
        if task is None:
            raise NotFound(
                f"Task {task_id} can't be displayed because its data is damaged. See the server log."
            )
        return task

    def waiting(self, task_id: ObjectId, dispatch: int) -> Task | None:
        """The task that a message names; None when the message is stale."""
        document = self._tasks.find_one({"_id": task_id, "status": Status.QUEUED.value, "dispatch": dispatch})
        return next(readable([document] if document else []), None)

    def cancel_requested(self, task: Task) -> bool:
        """Whether somebody asked to cancel this running attempt."""
        found = self._tasks.find_one({"_id": task.id}, {"cancel": 1})
        return bool(found and found.get("cancel"))

    # Submission

    def insert(self, new: NewTask, task_id: ObjectId | None = None) -> tuple[Task, bool]:
        """Make a task durable; returns it and whether it is new.

        The same owner with the same ``submission_key`` gets the task that exists.
        """
        document = new_document(new, task_id or ObjectId(), utcnow())
        reach("inserting")
        try:
            self._tasks.insert_one(document)
        except DuplicateKeyError:
            if new.submission_key is None:
                raise
            known = self._tasks.find_one({"owner": new.owner, "submission_key": new.submission_key})
            if known is None:
                raise
            return Task.from_document(known), False
        reach("inserted")
        task = Task.from_document(document)
        self.observer.created(task)
        return task, True

    def insert_all(self, documents: Sequence[Document]) -> None:
        """Make the tasks of a part of a batch durable. Raises BulkWriteError, also for what is there."""
        self._tasks.insert_many(documents, ordered=False)
        self.observer.created_in_batch(documents)

    def mark_dispatched(self, tasks: Iterable[Task]) -> None:
        """Record that the hints of these tasks were pushed; a task that has moved on is skipped."""
        marked = {"$set": {"hint": "sent", "dispatched_at": utcnow()}}
        guards: list[Document] = [
            {"_id": task.id, "status": Status.QUEUED.value, "dispatch": task.dispatch} for task in tasks
        ]
        if len(guards) == 1:
            self._tasks.update_one(guards[0], marked)
        elif guards:
            self._tasks.bulk_write([UpdateOne(guard, marked) for guard in guards], ordered=False)

    # The worker's side

    def claim(self, task_id: ObjectId, dispatch: int, worker: str) -> Task | None:
        """Take a queued task for one attempt under a lease; None when there is nothing to take."""
        task = self.waiting(task_id, dispatch)
        return self.take(task, worker) if task else None

    def take(self, task: Task, worker: str) -> Task | None:
        """Begin an attempt of a task that was seen waiting; None when somebody was faster.

        To do it again, because no answer came, is the same as once.
        """
        now = utcnow()
        claimed = replace(
            task,
            status=Status.RUNNING,
            attempt=task.attempt + 1,
            started_at=now,
            lease={"worker": worker, "until": now + LEASE},
        )
        update = merged(updates.begun(claimed, now), self._found_by([worker_keyword(worker)]))
        won = self._update_if_queued(task, "claim", update) or self._is_claimed(claimed)
        reach("claimed", task.id)
        if won:
            self.observer.claimed(claimed)
        return claimed if won else None

    def _is_claimed(self, claimed: Task) -> bool:
        """Whether this is how the task is held now."""
        now = self._tasks.find_one({"_id": claimed.id}) or {}
        held = (now.get("status"), now.get("attempt"), (now.get("lease") or {}).get("worker"))
        return held == (claimed.status.value, claimed.attempt, claimed.worker)

    def defer(self, task: Task, run_at: datetime) -> bool:
        """A queued task whose type this worker lacks waits until ``run_at``; no attempt is counted."""
        deferred = self._update_if_queued(task, "defer", updates.deferred(task, run_at, utcnow()))
        return self._tell_if(deferred, task)

    def renew(self, task: Task) -> bool:
        """Extend the lease; False means that the attempt is no longer ours and must be killed."""
        return self._update_if_leased(task, {"$set": {"lease.until": utcnow() + LEASE}})

    def replace_params(self, task_id: ObjectId, before: Any, after: Any) -> bool:
        """Put parameters in the place of the same ones with other ciphers; False when the task is gone."""
        guard = {"_id": task_id, "params": before}
        return self._tasks.update_one(guard, {"$set": {"params": after}}).matched_count == 1

    def report_progress(self, task: Task, progress: Document) -> bool:
        reported = self._update_if_leased(task, {"$set": {"progress": {**progress, "at": utcnow()}}})
        if reported:
            self.observer.progressed(task)
        return reported

    def succeed(
        self, task: Task, result: Any, result_file: ObjectId | None = None, kind: ResultKind = "auto"
    ) -> bool:
        values: Document = {"result_file": result_file} if result_file else {"result": result}
        changes = {"$set": {**values, "result_kind": kind}}
        return self._end(task, Status.SUCCEEDED, changes, Ending.SUCCEEDED, "")

    def fail(self, task: Task, error: Document, expected: ExpectedLease | None = None) -> bool:
        ending = Ending.of(error["kind"])
        values = {"error": error, "error_group": fingerprint(error["message"])}
        found = self._found_by(error_keywords(error))
        changes = merged({"$set": {**values, **updates.counted(task, ending)}}, found)
        return self._end(task, Status.FAILED, changes, ending, error["message"], expected)

    def end_canceled(self, task: Task, message: str, expected: ExpectedLease | None = None) -> bool:
        """A running task ends because somebody canceled it; never one that nobody did."""
        canceled = {"cancel": {"$ne": None}}
        return self._end(task, Status.CANCELED, {}, Ending.CANCELED, message, expected, **canceled)

    def _end(
        self,
        task: Task,
        status: Status,
        changes: Document,
        ending: Ending,
        message: str,
        expected: ExpectedLease | None = None,
        **more: Any,
    ) -> bool:
        now, notice = utcnow(), self.observer.wants_notice(task, status)
        update = merged(
            updates.ended(status, task.attempt, now, self._retention, notice=notice),
            changes,
            updates.attempt_over(task, ending, message),
        )
        ended = self._update_if_leased(task, update, expected, **more)
        reach("ended", task.id)
        if ended:
            self.observer.ended(task, ending, status)
        return ended

    def reschedule(
        self, task: Task, error: Document, run_at: datetime, expected: ExpectedLease | None = None
    ) -> bool:
        """Another attempt at ``run_at``, unless it was canceled; the error stays visible meanwhile."""
        found = self._found_by(error_keywords(error))
        update = merged(updates.rescheduled(task, error, run_at), found)
        rescheduled = self._update_if_leased(task, update, expected, cancel=None)
        if rescheduled:
            self.observer.attempt_over(task, Ending.of(error["kind"]), retried=True)
        return rescheduled

    def release(
        self,
        task: Task,
        message: str,
        error: Document | None = None,
        ending: Ending = Ending.HANDED_BACK,
    ) -> Task | None:
        """Queue a running task again at once; returns it as it is then, undispatched, or None.

        A canceled one is not queued again. Without an error the attempt is not this task's fault and
        does not count against its limit.
        """
        if error:
            ending = Ending.of(error["kind"])
        if not self._update_if_leased(task, updates.released(task, ending, message, error), cancel=None):
            return None
        self.observer.attempt_over(task, ending, retried=error is not None)
        return self.get(task.id)

    # The user's side: one task, or many at once by the same guards

    def cancel(self, task_id: ObjectId, by: str, seen: Task | None = None) -> bool:
        """Cancel a task that waits; one that runs gets a flag that its supervisor sees.

        One that still waits as it was ``seen`` keeps how, so that :meth:`undo_cancel` has an effect.
        """
        notice = self.observer.wants_notice(None, Status.CANCELED)
        changes = [self._canceled(task_id, by, notice)]
        if seen and seen.status in WAITING:
            changes.insert(0, self._canceled_as_seen(seen, by, notice))
        if any(self._tasks.update_one(*change).matched_count for change in changes):
            self.observer.canceled_waiting(1)
            return True
        return bool(self._tasks.update_one(*self._flagged(task_id, by)).matched_count)

    def cancel_many(self, task_ids: Sequence[ObjectId], by: str, mark: ObjectId | None = None) -> int:
        notice = self.observer.wants_notice(None, Status.CANCELED)
        waited = self._write((self._canceled(task_id, by, notice) for task_id in task_ids), mark)
        self.observer.canceled_waiting(waited)
        if waited == len(task_ids):
            return waited
        return waited + self._write((self._flagged(task_id, by) for task_id in task_ids), mark)

    def _canceled(self, task_id: ObjectId, by: str, notice: bool) -> Change:
        waiting = {"_id": task_id, "status": states.sources("cancel")}
        return waiting, updates.canceled(by, utcnow(), self._retention, notice=notice)

    def _canceled_as_seen(self, task: Task, by: str, notice: bool) -> Change:
        guard = {"_id": task.id, "status": task.status.value, "dispatch": task.dispatch}
        waited = {"status": task.status.value, "run_at": task.run_at}
        canceled = updates.canceled(by, utcnow(), self._retention, notice=notice)
        return guard, merged(canceled, {"$set": {"waited": waited}})

    def _flagged(self, task_id: ObjectId, by: str) -> Change:
        running = {"_id": task_id, "status": states.sources("cancel_running")}
        return running, updates.cancel_requested(by, utcnow())

    def undo_cancel(self, task: Task) -> bool:
        """Let a task that was canceled while it waited wait again: queued at the end, or scheduled as it was.

        Nothing else can have happened to it since it was read: whatever brings a task out of an end counts
        ``dispatch`` on. A hint from before the cancel stays stale.
        """
        if task.status is not Status.CANCELED or task.waited is None:
            return False
        scheduled = task.waited["status"] == Status.SCHEDULED.value
        transition = "undo_cancel_scheduled" if scheduled else "undo_cancel"
        guard = {"_id": task.id, "status": states.sources(transition), "dispatch": task.dispatch}
        undone = self._tasks.update_one(guard, updates.cancel_undone(task, task.waited, utcnow()))
        return self._tell_if(bool(undone.matched_count), task)

    def retry(self, task: Task) -> bool:
        """Queue an ended task once more; attempts keep counting and one more is allowed."""
        retried = self._tell_if(bool(self._tasks.update_one(*self._retried(task)).matched_count), task)
        self.observer.retried(int(retried))
        return retried

    def retry_many(self, tasks: Iterable[Task], mark: ObjectId | None = None) -> int:
        retried = self._write((self._retried(task) for task in tasks), mark)
        self.observer.retried(retried)
        return retried

    def _retried(self, task: Task) -> Change:
        guard = {"_id": task.id, "status": states.sources("retry"), "dispatch": task.dispatch}
        return guard, updates.retried(task, utcnow())

    def reprioritize(self, task: Task, priority: Priority) -> bool:
        """Move a waiting task to another queue, at its end; its old hint becomes stale."""
        if task.status not in WAITING:
            return False
        moved = bool(self._tasks.update_one(*self._moved(task, priority)).matched_count)
        return self._tell_if(moved, task)

    def reprioritize_many(
        self, tasks: Iterable[Task], priority: Priority, mark: ObjectId | None = None
    ) -> int:
        """Each at the end of the other queue, in the order given."""
        return self._write((self._moved(task, priority) for task in tasks if task.status in WAITING), mark)

    def _moved(self, task: Task, priority: Priority) -> Change:
        guard = {"_id": task.id, "status": task.status.value, "dispatch": task.dispatch}
        return guard, updates.moved(task, priority, utcnow())

    def tag_many(self, tasks: Iterable[Task], tag: str, mark: ObjectId | None = None) -> int:
        """Add a tag, by which the tasks are found from then on."""
        return self._write(((_any_state(task), updates.tagged(tag)) for task in tasks), mark)

    def untag_many(self, tasks: Iterable[Task], tag: str, mark: ObjectId | None = None) -> int:
        """Remove a tag, and by what only this tag let the tasks be found."""
        return self._write(((_any_state(task), updates.untagged(task, tag)) for task in tasks), mark)

    def mark_many(self, tasks: Iterable[Task], mark: ObjectId) -> None:
        """Leave the mark of a bulk operation with tasks that it took something from and did not change."""
        self._write(((_any_state(task), {}) for task in tasks), mark)

    def _write(self, changes: Iterable[Change], mark: ObjectId | None) -> int:
        """Make many guarded changes; returns how many of the guards held.

        Each task that is changed keeps the ``mark`` of the bulk operation, in the same write, so that a
        process which takes over from one that was killed finds exactly what was done.
        """
        marked = updates.marked(mark) if mark else {}
        writes = [UpdateOne(guard, merged(update, marked)) for guard, update in changes]
        return self._tasks.bulk_write(writes, ordered=False).matched_count if writes else 0

    def delete(self, task_ids: Sequence[ObjectId]) -> list[ObjectId]:
        """Remove the documents of those that have ended; returns which of the tasks are gone.

        Those of a batch whose tasks are being inserted stay: one that is gone would be inserted again.
        """
        ended: Document = {"_id": {"$in": list(task_ids)}, "status": {"$in": _ENDED}}
        if being_made := [batch["_id"] for batch in self._batches.find({"state": "whole"}, {"_id": 1})]:
            ended["batch"] = {"$nin": being_made}
        deleted = self._tasks.delete_many(ended).deleted_count
        if not deleted:
            return []
        if deleted == len(task_ids):
            return list(task_ids)
        return self.gone(task_ids)

    def marked(self, task_ids: Sequence[ObjectId], mark: ObjectId) -> set[ObjectId]:
        """Return the IDs of tasks that a bulk operation has changed; see :meth:`_write`."""
        found = self._tasks.find({"_id": {"$in": list(task_ids)}}, {"bulk": 1})
        return {document["_id"] for document in found if mark in (document.get("bulk") or ())}

    def gone(self, task_ids: Sequence[ObjectId]) -> list[ObjectId]:
        """Return the IDs of which there is no task any more."""
        found = self._tasks.find({"_id": {"$in": list(task_ids)}}, {"_id": 1})
        existing = {document["_id"] for document in found}
        return [task_id for task_id in task_ids if task_id not in existing]

    # Notifications

    def forget_notices(self, tasks: Iterable[Task]) -> None:
        """Forget the notices of tasks as they were read; those of one that has ended once more stay."""
        gone = without("notice", "notices")
        guards = [{"_id": task.id, "notice": task.notice} for task in tasks]
        self._tasks.bulk_write([UpdateOne(guard, gone) for guard in guards], ordered=False)

    # Maintenance

    def offer(self, types: Sequence[str]) -> None:
        """Tasks that wait for a worker that has one of these types are due at once."""
        waiting = {
            "type": {"$in": list(types)},
            "status": Status.SCHEDULED.value,
            "put_offs": {"$gt": 0},
        }
        self._tasks.update_many(waiting, {"$set": {"run_at": utcnow()}, "$unset": {"put_offs": ""}})

    def stage(self, task: Task) -> bool:
        """A scheduled task whose time has come is queued."""
        guard = {"_id": task.id, "status": Status.SCHEDULED.value, "dispatch": task.dispatch}
        staged = self._tasks.update_one(guard, updates.staged(task, utcnow()))
        return self._tell_if(bool(staged.matched_count), task)

    def hurry(self) -> int:
        """After the clock was set back, what was deferred before, by no person's choice, would wait as much
        longer: it is due at once. Returns how many."""
        now = utcnow()
        waiting = {
            "status": Status.SCHEDULED.value,
            "status_at": {"$gt": now + LEASE},
            "$or": [{"attempt": {"$gt": 0}}, {"put_offs": {"$gt": 0}}],
        }
        return self._tasks.update_many(waiting, {"$set": {"run_at": now, "status_at": now}}).modified_count

    def send_anew(self) -> int:
        """Forget which hints were sent, where Redis may be another one; returns how many. They are due then,
        and maintenance sends those that do not wait in Redis."""
        sent = {"status": Status.QUEUED.value, "hint": "sent"}
        due = {"$set": {"hint": "due"}, "$unset": {"dispatched_at": ""}}
        return self._tasks.update_many(sent, due).modified_count

    # What every write above is made of

    def _tell_if(self, done: bool, task: Task) -> bool:
        """Tell of a task that a write has changed; returns whether it has."""
        if done:
            self.observer.changed([task])
        return done

    def _update_if_queued(self, task: Task, transition: str, update: Document) -> bool:
        guard = {
            "_id": task.id,
            "status": states.sources(transition),
            "attempt": task.attempt,
            "dispatch": task.dispatch,
        }
        return bool(self._tasks.update_one(guard, update).matched_count)

    def _update_if_leased(
        self, task: Task, update: Document, expected: ExpectedLease | None = None, **more: Any
    ) -> bool:
        guard = {
            "_id": task.id,
            "status": Status.RUNNING.value,
            "attempt": task.attempt,
            "lease.worker": task.worker,
            **more,
        }
        if expected:
            guard["lease.until"] = expected.until
        return bool(self._tasks.update_one(guard, update).matched_count)

    def _found_by(self, keywords: list[str]) -> Document:
        """Return the part of an update that lets a task be found by keywords, which are learned first."""
        self._learn(keywords)
        return updates.found_by(keywords)
