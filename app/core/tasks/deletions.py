"""Deleting tasks with all that is theirs: log and files go after the document, also after a crash.

What is about to go is noted first and the note is taken away last, so a note that stays says where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from bson import ObjectId
from pymongo import UpdateOne

from app.core.clock import utcnow
from app.core.files.attempt_logs import Logs
from app.core.files.store import Files
from app.core.mongo import Mongo
from app.core.tasks.store import Tasks

ABANDONED_AFTER = timedelta(minutes=5)


class Deletions:
    """The notes, in the collection `deletions`: `_id` is the task's, `at` when its deletion began."""

    def __init__(self, db: Mongo, tasks: Tasks, files: Files, logs: Logs) -> None:
        self._notes = db.deletions
        self._tasks, self._files, self._logs = tasks, files, logs
        self.before: Callable[[Sequence[ObjectId]], None] = lambda task_ids: None
        """Called with tasks that are about to go: their last chance to be told of."""

    def delete(self, task_ids: Sequence[ObjectId]) -> list[ObjectId]:
        """Delete those of the tasks that have ended; returns which."""
        if not task_ids:
            return []
        self.before(task_ids)
        note = {"$set": {"at": utcnow()}}
        self._notes.bulk_write([UpdateOne({"_id": task_id}, note, upsert=True) for task_id in task_ids])
        gone = self._tasks.delete(task_ids)
        self._clear(gone, task_ids)
        return gone

    def go_on(self, limit: int) -> int:
        """Finish what was begun a while ago and not ended; returns how many tasks' belongings went."""
        old = self._notes.find({"at": {"$lt": utcnow() - ABANDONED_AFTER}}, {"_id": 1}).limit(limit)
        begun = [found["_id"] for found in old]
        gone = self._tasks.gone(begun)
        self._clear(gone, begun)
        return len(gone)

    def _clear(self, gone: Sequence[ObjectId], noted: Sequence[ObjectId]) -> None:
        if gone:
            self._logs.delete(gone)
            for task_id in self._files.owners(gone):
                self._files.release(task_id)
        self._notes.delete_many({"_id": {"$in": list(noted)}})
