"""Somebody who reads along: final states as they appear, who leads, what is still alive."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from app.core.clock import utcnow
from app.core.services import connect
from config import load
from tests.chaos.checker import Document

LIVE = {"status": {"$in": ["queued", "running", "scheduled"]}}
EVERY_S = 1.0


def _seconds(when: datetime | None) -> float | None:
    return when.timestamp() if when else None


def documents(tasks: Collection[Any]) -> list[Document]:
    """Every task as it is now."""
    wanted = {"status": 1, "attempt": 1, "finished_at": 1, "params.number": 1}
    return [
        Document(
            str(task["_id"]),
            int(task["params"]["number"]),
            task["status"],
            task["attempt"],
            _seconds(task.get("finished_at")),
        )
        for task in tasks.find({}, wanted)
    ]


class Watcher:
    """Reads in a thread of its own, whatever is away."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._services = connect(load(env))
        self._tasks = self._services.db.tasks
        self.finals: dict[str, tuple[str, float | None]] = {}
        self.leader: int | None = None
        self._since = utcnow() - timedelta(seconds=60)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        self._services.close()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            with contextlib.suppress(PyMongoError):
                self._look()

    def _look(self) -> None:
        began = utcnow()
        found = self._tasks.find({"finished_at": {"$gte": self._since}}, {"status": 1, "finished_at": 1})
        for task in found:
            self.finals.setdefault(str(task["_id"]), (task["status"], _seconds(task.get("finished_at"))))
        self._since = began - timedelta(seconds=10)
        leader: Any = self._services.db.leases.find_one({"_id": "maintenance"})
        self.leader = int(leader["holder"].rsplit(".", 1)[1]) if leader else None

    def until_ready(self, workers: int, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while sum(bool(one.types) for one in self._services.catalog.workers()) < workers:
            assert time.monotonic() < end, "the workers did not start"
            time.sleep(0.2)

    def flush(self) -> bool:
        """FLUSHALL; whether Redis did it."""
        try:
            return bool(self._services.queues.redis.flushall())
        except (RedisError, OSError):
            return False

    def live(self) -> int | None:
        """How many tasks have not ended; None while MongoDB does not answer."""
        try:
            return int(self._tasks.count_documents(LIVE))
        except PyMongoError:
            return None

    def documents(self) -> list[Document]:
        """Every task as it is now."""
        return documents(self._tasks)
