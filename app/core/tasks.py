"""The tasks collection and every write to it.

Each change of status is a compare-and-set: the filter names the states (and the attempt) it may
come from, and nothing matched means that somebody else was first. That is a normal outcome, so
these methods return whether they took effect, and raise only when MongoDB does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from app.core import states
from app.core.clock import utcnow
from app.core.db import Document, Mongo
from app.core.document import history_of, new_document, queued
from app.core.errors import NotFound
from app.core.failpoints import reach
from app.core.states import ENDED, WAITING, Priority, Status
from app.core.task import NewTask, Task

LEASE = timedelta(seconds=30)
_WAITING = {"status": Status.QUEUED.value}
_ALL = sorted(status.value for status in ENDED)
_OF_AN_END = ("finished_at", "started_at", "dispatched_at", "expire_at")
_OF_AN_ATTEMPT = ("cancel", "progress", "error", "run_at")


class Tasks:
    """The truth about every task; ``retention`` is how long an ended task is kept."""

    def __init__(self, db: Mongo, retention: timedelta) -> None:
        self._tasks = db.tasks
        self._retention = retention

    # Reading

    def get(self, task_id: ObjectId) -> Task:
        """Raises NotFound when there is no such task."""
        document = self._tasks.find_one({"_id": task_id})
        if document is None:
            raise NotFound(
                f"There is no task {task_id}. It may have been deleted, or kept as long as its type says."
            )
        return Task.from_document(document)

    def find(self, query: Document, order: list[tuple[str, int]], limit: int) -> list[Task]:
        """Tasks by a filter that an index serves; at most ``limit``."""
        return [Task.from_document(found) for found in self._tasks.find(query).sort(order).limit(limit)]

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
        return Task.from_document(document), True

    def mark_dispatched(self, tasks: Iterable[Task]) -> None:
        """Record that the hints of these tasks were pushed; a task that has moved on is left alone."""
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
        document = self._tasks.find_one({"_id": task_id, "status": Status.QUEUED.value, "dispatch": dispatch})
        if document is None:
            return None
        now = utcnow()
        taken = {
            "status": Status.RUNNING.value,
            "attempt": document["attempt"] + 1,
            "started_at": now,
            "lease": {"worker": worker, "until": now + LEASE},
        }
        guard = {
            "_id": task_id,
            "status": Status.QUEUED.value,
            "attempt": document["attempt"],
            "dispatch": dispatch,
        }
        claimed = self._tasks.update_one(
            guard, {"$set": taken, "$unset": {"hint": "", "progress": "", "error": ""}}
        )
        reach("claimed", task_id)
        return Task.from_document({**document, **taken}) if claimed.matched_count else None

    def renew(self, task: Task) -> bool:
        """Extend the lease; False means that the attempt is no longer ours and must be killed."""
        return self._held(task, {"$set": {"lease.until": utcnow() + LEASE}})

    def report_progress(self, task: Task, progress: Document) -> bool:
        return self._held(task, {"$set": {"progress": {**progress, "at": utcnow()}}})

    def cancel_requested(self, task: Task) -> bool:
        """Whether somebody asked to cancel this running attempt."""
        found = self._tasks.find_one({"_id": task.id}, {"cancel": 1})
        return bool(found and found.get("cancel"))

    def succeed(self, task: Task, result: Any, result_file: ObjectId | None = None) -> bool:
        values: Document = {"result_file": result_file} if result_file else {"result": result}
        return self._end(task, Status.SUCCEEDED, values, "succeeded", "")

    def fail(self, task: Task, error: Document) -> bool:
        crashed = 1 if error["kind"] == "crash" else 0
        values = {"error": error, "crashes": task.crashes + crashed}
        return self._end(task, Status.FAILED, values, error["kind"], error["message"])

    def end_canceled(self, task: Task, message: str) -> bool:
        return self._end(task, Status.CANCELED, {}, "canceled", message)

    def reschedule(self, task: Task, error: Document, run_at: datetime) -> bool:
        """Another attempt at ``run_at``, unless it was canceled; the error stays visible meanwhile."""
        values = {
            "status": Status.SCHEDULED.value,
            "run_at": run_at,
            "error": error,
            "crashes": task.crashes + (1 if error["kind"] == "crash" else 0),
        }
        update = {
            "$set": values,
            "$unset": {"lease": ""},
            **history_of(task, error["kind"], error["message"]),
        }
        return self._held(task, update, cancel=None)

    def hand_back(self, task: Task, message: str, error: Document | None = None) -> Task | None:
        """Queue a running task again at once; returns it as it is then, undispatched, or None.

        A canceled one is not queued again. Without an error the attempt is not this task's fault and
        does not count against its limit.
        """
        values = queued(task.dispatch + 1, utcnow())
        if error:
            values.update(crashes=task.crashes + 1, error=error)
        else:
            values.update(max_attempts=task.max_attempts + 1)
        gone = {"lease": "", "dispatched_at": ""}
        update = {"$set": values, "$unset": gone, **history_of(task, "lost", message)}
        return self.get(task.id) if self._held(task, update, cancel=None) else None

    # The user's side

    def cancel(self, task_id: ObjectId, by: str) -> bool:
        """Cancel a task that waits; one that runs gets a flag that its supervisor sees."""
        now = utcnow()
        values = {"status": Status.CANCELED.value, "cancel": {"by": by, "at": now}, **self._ended(now)}
        waiting = {"_id": task_id, "status": states.sources("cancel")}
        directly = {"$set": values, "$unset": {"hint": "", "run_at": ""}}
        if self._tasks.update_one(waiting, directly).matched_count:
            return True
        flag = {"$set": {"cancel": {"by": by, "at": now}}}
        running = {"_id": task_id, "status": states.sources("cancel_running")}
        return bool(self._tasks.update_one(running, flag).matched_count)

    def retry(self, task: Task) -> bool:
        """Queue an ended task once more; attempts keep counting and one more is allowed."""
        values = {
            **queued(task.dispatch + 1, utcnow()),
            "max_attempts": max(task.max_attempts, task.attempt + 1),
        }
        update = {"$set": {**values, "crashes": 0}, "$unset": dict.fromkeys(_OF_AN_END + _OF_AN_ATTEMPT, "")}
        guard = {"_id": task.id, "status": states.sources("retry"), "dispatch": task.dispatch}
        return bool(self._tasks.update_one(guard, update).matched_count)

    def reprioritise(self, task: Task, priority: Priority) -> bool:
        """Move a waiting task to another lane, at its end; its old hint becomes stale."""
        if task.status not in WAITING:
            return False
        guard = {"_id": task.id, "status": task.status.value, "dispatch": task.dispatch}
        values: Document = {"priority": int(priority), "dispatch": task.dispatch + 1}
        if task.status is Status.QUEUED:
            values.update(queued(task.dispatch + 1, utcnow()))
        return bool(self._tasks.update_one(guard, {"$set": values}).matched_count)

    def delete(self, task_id: ObjectId) -> bool:
        """Remove an ended task's document."""
        return bool(self._tasks.delete_one({"_id": task_id, "status": {"$in": _ALL}}).deleted_count)

    # Maintenance

    def undispatched(self, limit: int) -> list[Task]:
        return self.find({**_WAITING, "hint": "due"}, [("priority", 1), ("queued_at", 1), ("_id", 1)], limit)

    def oldest_dispatched(self, priority: Priority, limit: int) -> list[Task]:
        """A queue is first-in first-out, so a lost hint becomes one of the oldest of its lane."""
        query = {**_WAITING, "hint": "sent", "priority": int(priority)}
        return self.find(query, [("queued_at", 1), ("_id", 1)], limit)

    def still_waiting(self, tasks: list[Task]) -> list[Task]:
        """Those that nobody has claimed or moved since they were read."""
        now = self.find({"_id": {"$in": [task.id for task in tasks]}, **_WAITING}, [("_id", 1)], len(tasks))
        dispatches = {task.id: task.dispatch for task in now}
        return [task for task in tasks if dispatches.get(task.id) == task.dispatch]

    def expired_leases(self, limit: int) -> list[Task]:
        """Running tasks that nobody renews any more, the longest first."""
        return self.find({"lease.until": {"$lt": utcnow()}}, [("lease.until", 1)], limit)

    def due(self, limit: int) -> list[Task]:
        return self.find(
            {"run_at": {"$lte": utcnow()}, "status": Status.SCHEDULED.value}, [("run_at", 1)], limit
        )

    def stage(self, task: Task) -> bool:
        """A scheduled task whose time has come is queued."""
        guard = {"_id": task.id, "status": Status.SCHEDULED.value, "dispatch": task.dispatch}
        values = queued(task.dispatch + 1, utcnow())
        return bool(self._tasks.update_one(guard, {"$set": values, "$unset": {"run_at": ""}}).matched_count)

    def forget_dispatch(self, before: datetime, limit: int) -> int:
        """Redis lost its data: mark a batch of the hints sent before then as due again; returns how many."""
        query = {**_WAITING, "hint": "sent", "dispatched_at": {"$lte": before}}
        sent = [found["_id"] for found in self._tasks.find(query, {"_id": 1}).limit(limit)]
        if sent:
            self._tasks.update_many({"_id": {"$in": sent}, "hint": "sent"}, {"$set": {"hint": "due"}})
        return len(sent)

    def past_retention(self, limit: int) -> list[ObjectId]:
        query = {"expire_at": {"$lte": utcnow()}}
        return [found["_id"] for found in self._tasks.find(query, {"_id": 1}).limit(limit)]

    # What every write above is made of

    def _held(self, task: Task, update: Document, **more: Any) -> bool:
        guard = {
            "_id": task.id,
            "status": Status.RUNNING.value,
            "attempt": task.attempt,
            "lease.worker": task.worker,
            **more,
        }
        return bool(self._tasks.update_one(guard, update).matched_count)

    def _ended(self, now: datetime) -> Document:
        return {"finished_at": now, "expire_at": now + self._retention}

    def _end(self, task: Task, status: Status, values: Document, outcome: str, message: str) -> bool:
        update = {
            "$set": {"status": status.value, **self._ended(utcnow()), **values},
            "$unset": {"lease": ""},
            **history_of(task, outcome, message),
        }
        ended = self._held(task, update)
        reach("ended", task.id)
        return ended
