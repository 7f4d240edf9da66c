"""Searches for tasks besides lists: by a filter of the caller's, and what maintenance looks at.

Everything here is served by an index (`schema.indexes.WORK`). One task, and the writes, are in `store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from app.core import stored
from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.tasks.states import WAITING, Priority, Status
from app.core.tasks.task import Task, child_keyword, owner_keyword

PARAMS_BATCH = 500
BRIEF_BATCH = 1_000
WITHOUT_CONTENT = {"params": 0, "result": 0}
MOST_RUNNING = 1_000
WAITING_NOW = {"status": Status.QUEUED.value}


def readable(documents: Iterable[Document]) -> Iterator[Task]:
    """The tasks of the documents; one that cannot be read is passed over."""
    return stored.readable("task", Task.from_document, documents)


def read_tasks(
    tasks: Collection[Document],
    query: Document,
    order: list[tuple[str, int]],
    limit: int,
    fields: Document | None = None,
    skip: int = 0,
) -> list[Task]:
    """The first ``limit`` tasks of a search that can be read, however many cannot, behind ``skip`` of any."""
    read: list[Task] = []
    seen = skip
    while len(read) < limit:
        wanted = limit - len(read)
        documents = list(tasks.find(query, fields).sort(order).skip(seen).limit(wanted))
        read += readable(documents)
        seen += len(documents)
        if len(documents) < wanted:
            break
    return read


@dataclass(frozen=True)
class Place:
    """A place in the line of all tasks that wait; a text of one word a value, and back."""

    priority: Priority
    queued_at: datetime
    id: ObjectId

    def __str__(self) -> str:
        return f"{int(self.priority)} {self.queued_at.isoformat()} {self.id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        priority, queued_at, task_id = text.split(" ")
        return cls(Priority(int(priority)), datetime.fromisoformat(queued_at), ObjectId(task_id))

    @classmethod
    def of(cls, task: Task) -> Place:
        return cls(task.priority, task.queued_at or START.queued_at, task.id)

    @property
    def next_queue(self) -> Place | None:
        """The start of the queue after this one, if there is one."""
        return replace(START, priority=Priority(self.priority + 1)) if self.priority < max(Priority) else None


START = Place(min(Priority), datetime(1970, 1, 1, tzinfo=timezone.utc), ObjectId(bytes(12)))


class Queries:
    """Searches for tasks, each served by an index."""

    def __init__(self, db: Mongo) -> None:
        self._tasks = db.tasks

    def find(self, query: Document, order: list[tuple[str, int]], limit: int, skip: int = 0) -> list[Task]:
        """Tasks by a filter that an index serves; at most ``limit``."""
        return read_tasks(self._tasks, query, order, limit, skip=skip)

    def brief(self, query: Document, order: list[tuple[str, int]], limit: int) -> list[Task]:
        """Return the same without parameters and results, which may be large."""
        found = self._tasks.find(query, WITHOUT_CONTENT).sort(order).batch_size(min(limit + 1, BRIEF_BATCH))
        return list(islice(readable({**document, "params": {}} for document in found), limit))

    def ids(self, query: Document) -> set[ObjectId]:
        """Return the IDs of all tasks of a query, which is of few."""
        return {document["_id"] for document in self._tasks.find(query, {"_id": 1})}

    def among(self, task_ids: list[ObjectId]) -> list[Task]:
        """Those of the tasks that can be read, in the order of the IDs given."""
        found = {task.id: task for task in readable(self._tasks.find({"_id": {"$in": task_ids}}))}
        return [found[task_id] for task_id in task_ids if task_id in found]

    def fields_of(self, task_ids: list[ObjectId], fields: Document) -> list[Document]:
        """Return some fields of those of the tasks that are there, as they are stored."""
        return list(self._tasks.find({"_id": {"$in": task_ids}}, fields))

    def count_waiting(self, owner: str, most: int) -> int:
        """Return how many tasks of an owner are queued or scheduled, counted up to ``most``."""
        waiting = {"$in": sorted(status.value for status in WAITING)}
        query = {"keywords": owner_keyword(owner), "status": waiting}
        return int(self._tasks.count_documents(query, limit=most))

    def changed_since(self, task_ids: list[ObjectId], field: str, moment: datetime) -> set[ObjectId]:
        """Return those of the tasks whose ``field``, a time, is after a moment."""
        found = self._tasks.find({"_id": {"$in": task_ids}}, {field: 1})
        times = ((document["_id"], document.get(field)) for document in found)
        return {task_id for task_id, at in times if isinstance(at, datetime) and at > moment}

    def children(self, task_id: ObjectId, most: int) -> list[Task]:
        """Return the tasks that a task has submitted, oldest first."""
        query = {
            "keywords": child_keyword(task_id),
            "status": {"$in": [each.value for each in Status]},
            "priority": {"$in": [*map(int, Priority)]},
        }
        return self.find(query, [("created_at", 1), ("_id", 1)], most)

    def has_children(self, task_id: ObjectId) -> bool:
        """Return whether a task has submitted tasks that are still there."""
        return self._tasks.find_one({"keywords": child_keyword(task_id)}, {"_id": 1}) is not None

    def submitted(self, owner: str, key: str | None) -> bool:
        """Return whether an owner has submitted a task with this key."""
        query = {"owner": owner, "submission_key": key}
        return key is not None and self._tasks.find_one(query, {"_id": 1}) is not None

    def submitted_among(self, owner: str, keys: Sequence[str]) -> set[str]:
        """Return with which of the keys an owner has submitted a task."""
        query = {"owner": owner, "submission_key": {"$in": list(keys)}}
        return {task["submission_key"] for task in self._tasks.find(query, {"submission_key": 1})}

    def all_params(self) -> Iterator[tuple[ObjectId, Any]]:
        """The parameters of every task as they are stored, oldest first; a batch a time, as all take long."""
        last = ObjectId(bytes(12))
        while found := list(
            self._tasks.find({"_id": {"$gt": last}}, {"params": 1}).sort([("_id", 1)]).limit(PARAMS_BATCH)
        ):
            last = found[-1]["_id"]
            yield from ((document["_id"], document.get("params")) for document in found)

    # Of whose end somebody is to be told

    def noticed(self, limit: int, but: Sequence[ObjectId] = ()) -> list[Task]:
        """Return tasks whose notices nobody was told yet, the oldest notice first, without those of ``but``.

        Damaged ones are passed over: were they counted, they would stand in the way of all others.
        """
        query: Document = {"notice": {"$exists": True}}
        if but:
            query["_id"] = {"$nin": list(but)}
        return self.brief(query, [("notice", 1)], limit)

    def noticed_among(self, task_ids: Sequence[ObjectId]) -> list[Task]:
        """Return those of the tasks whose notices nobody was told yet."""
        query = {"_id": {"$in": list(task_ids)}, "notice": {"$exists": True}}
        return self.brief(query, [("_id", 1)], len(task_ids))

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
        """A queue is first-in first-out, so a lost hint becomes one of the oldest of its queue."""
        query = {**WAITING_NOW, "hint": "sent", "priority": int(priority)}
        return self.find(query, [("queued_at", 1), ("_id", 1)], limit)

    def dispatched_behind(self, place: Place, limit: int) -> list[Task]:
        """Those of a queue whose hint was sent and that come after a place, in the order of their turn."""
        later: list[Document] = [
            {"queued_at": {"$gt": place.queued_at}},
            {"queued_at": place.queued_at, "_id": {"$gt": place.id}},
        ]
        query = {
            **WAITING_NOW,
            "hint": "sent",
            "priority": int(place.priority),
            "queued_at": {"$gte": place.queued_at},
            "$or": later,
        }
        return self.find(query, [("queued_at", 1), ("_id", 1)], limit)

    def still_waiting(self, tasks: list[Task]) -> list[Task]:
        """Those that nobody has claimed or moved since they were read."""
        now = self.find(
            {"_id": {"$in": [task.id for task in tasks]}, **WAITING_NOW}, [("_id", 1)], len(tasks)
        )
        dispatches = {task.id: task.dispatch for task in now}
        return [task for task in tasks if dispatches.get(task.id) == task.dispatch]

    def running(self) -> list[Task]:
        """Return the tasks that run, at most `MOST_RUNNING`."""
        query = {"status": Status.RUNNING.value, "priority": {"$in": [0, 1, 2]}}
        found = self._tasks.find(query, {"params": 0, "history": 0, "result": 0}).limit(MOST_RUNNING)
        return list(readable({**document, "params": {}} for document in found))

    def running_leases(self) -> Iterator[tuple[ObjectId, tuple[Any, Any]]]:
        """Each running task with its attempt and its lease as they are stored, whatever that is."""
        for found in self._tasks.find({"status": Status.RUNNING.value}, {"attempt": 1, "lease": 1}):
            yield found["_id"], (found.get("attempt"), found.get("lease"))

    def due(self, limit: int, skip: int = 0) -> list[Task]:
        query = {"run_at": {"$lte": utcnow()}, "status": Status.SCHEDULED.value}
        return self.find(query, [("run_at", 1)], limit, skip)

    def past_retention(self, limit: int, skip: int = 0) -> list[ObjectId]:
        found = self._tasks.find({"expire_at": {"$lte": utcnow()}}, {"_id": 1})
        return [document["_id"] for document in found.sort([("expire_at", 1)]).skip(skip).limit(limit)]
