"""What is asked of the tasks collection besides lists: one task, and what maintenance looks at.

Everything here is served by an index (`db.WORK`). The writes are in `tasks`.
"""

from __future__ import annotations

from bson import ObjectId

from app.core.clock import utcnow
from app.core.db import Document, Mongo
from app.core.errors import NotFound
from app.core.states import Priority, Status
from app.core.task import Task

WAITING_NOW = {"status": Status.QUEUED.value}


class TaskReads:
    """The reading half of `tasks.Tasks`."""

    def __init__(self, db: Mongo) -> None:
        self._tasks = db.tasks

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

    def waiting(self, task_id: ObjectId, dispatch: int) -> Task | None:
        """The task that a message names; None when the message is stale."""
        document = self._tasks.find_one({"_id": task_id, "status": Status.QUEUED.value, "dispatch": dispatch})
        return Task.from_document(document) if document else None

    def cancel_requested(self, task: Task) -> bool:
        """Whether somebody asked to cancel this running attempt."""
        found = self._tasks.find_one({"_id": task.id}, {"cancel": 1})
        return bool(found and found.get("cancel"))

    def gone(self, task_ids: list[ObjectId]) -> list[ObjectId]:
        """Those of the ids of which there is no task any more."""
        there = {found["_id"] for found in self._tasks.find({"_id": {"$in": task_ids}}, {"_id": 1})}
        return [task_id for task_id in task_ids if task_id not in there]

    # What maintenance looks at

    def undispatched(self, limit: int) -> list[Task]:
        return self.find(
            {**WAITING_NOW, "hint": "due"}, [("priority", 1), ("queued_at", 1), ("_id", 1)], limit
        )

    def due_among(self, task_ids: list[ObjectId]) -> list[Task]:
        """Those of the tasks that wait and whose hint was not sent yet, in the order of their turn."""
        query = {"_id": {"$in": task_ids}, **WAITING_NOW, "hint": "due"}
        return self.find(query, [("queued_at", 1), ("_id", 1)], len(task_ids))

    def oldest_dispatched(self, priority: Priority, limit: int) -> list[Task]:
        """A queue is first-in first-out, so a lost hint becomes one of the oldest of its lane."""
        query = {**WAITING_NOW, "hint": "sent", "priority": int(priority)}
        return self.find(query, [("queued_at", 1), ("_id", 1)], limit)

    def still_waiting(self, tasks: list[Task]) -> list[Task]:
        """Those that nobody has claimed or moved since they were read."""
        now = self.find(
            {"_id": {"$in": [task.id for task in tasks]}, **WAITING_NOW}, [("_id", 1)], len(tasks)
        )
        dispatches = {task.id: task.dispatch for task in now}
        return [task for task in tasks if dispatches.get(task.id) == task.dispatch]

    def expired_leases(self, limit: int) -> list[Task]:
        """Running tasks that nobody renews any more, the longest first."""
        return self.find({"lease.until": {"$lt": utcnow()}}, [("lease.until", 1)], limit)

    def due(self, limit: int) -> list[Task]:
        return self.find(
            {"run_at": {"$lte": utcnow()}, "status": Status.SCHEDULED.value}, [("run_at", 1)], limit
        )

    def past_retention(self, limit: int) -> list[ObjectId]:
        query = {"expire_at": {"$lte": utcnow()}}
        return [found["_id"] for found in self._tasks.find(query, {"_id": 1}).limit(limit)]
