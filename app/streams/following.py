"""The thread that reads tasks for the streams that follow them: each once, for however many watchers.

It is told what has changed, and reads that; now and then it reads all of them, as a hint may be lost, and
more often while Redis is away. What it has read goes to the hub, which asks nothing of MongoDB itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.errors import Unavailable
from app.core.files.attempt_logs import LogPiece
from app.core.queue.changes import Change
from app.core.services import Services
from app.core.tasks.task import Task

if TYPE_CHECKING:
    from app.streams.hub import Hub
    from app.streams.stream import Stream

POLL_S = 5.0
POLL_UNHEARD_S = 0.5
"""While no changes are heard of."""
GATHER_S = 0.02
"""What is told within so long is read together."""
AT_ONCE = 100
"""Tasks in one query; each may have some hundred KB."""

Place = tuple[int, int]
"""An attempt, and a place in its output in bytes."""

log = logging.getLogger("app.streams")


@dataclass(frozen=True)
class Reading:
    """A task as it was read, None where it is gone; of its log, what follows the places that were wanted."""

    task_id: ObjectId
    task: Task | None
    owner_name: str = ""
    pieces: dict[Place, LogPiece] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)
    """What streams have made of it, for those that make the same."""


class Following:
    """Reads for the streams of ``hub``. Its methods may be called by any thread."""

    def __init__(self, services: Services, hub: Hub) -> None:
        self._services, self._hub = services, hub
        self._due: set[ObjectId] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._listening = False
        self._polled_at = 0.0

    def start(self) -> None:
        threading.Thread(target=self.run, name="following", daemon=True).start()

    def look(self, task_id: ObjectId) -> None:
        """Have a task read soon."""
        with self._lock:
            self._due.add(task_id)
        self._wake.set()

    def hear(self, changes: Iterable[Change]) -> None:
        """Have those tasks read that have changed and that anybody follows."""
        changed = {change.task for change in changes}
        for task_id in {stream.follows for stream in self._hub.followers}:
            if task_id and str(task_id) in changed:
                self.look(task_id)

    def listening(self, listening: bool) -> None:
        """Say whether changes are heard of; in between, some were not."""
        self._listening = listening
        self._polled_at = 0.0
        self._wake.set()

    def run(self) -> None:
        """Read as long as the process lives."""
        while True:
            try:
                self._wake.wait(self._poll_s)
                self._wake.clear()
                time.sleep(GATHER_S)
                self.turn()
            except (PyMongoError, Unavailable) as error:  # the next poll reads them
                log.debug("Tasks could not be read: %s", error)
                time.sleep(POLL_UNHEARD_S)
            except Exception:  # a defect here must not silence every stream for good
                log.exception("Tasks could not be read; it begins again.")
                time.sleep(POLL_UNHEARD_S)

    @property
    def _poll_s(self) -> float:
        return POLL_S if self._listening else POLL_UNHEARD_S

    def turn(self) -> None:
        """Read what is due, and hand it to the hub. Raises PyMongoError, Unavailable."""
        with self._lock:
            due, self._due = self._due, set()
        streams: dict[ObjectId, list[Stream]] = {}
        for stream in self._hub.followers:
            if stream.follows:
                streams.setdefault(stream.follows, []).append(stream)
        now = time.monotonic()
        if now - self._polled_at >= self._poll_s:
            self._polled_at, due = now, set(streams)
        wanted = [task_id for task_id in due if task_id in streams]
        try:
            for at in range(0, len(wanted), AT_ONCE):
                some = wanted[at : at + AT_ONCE]
                self._hub.show(self._read({task_id: streams[task_id] for task_id in some}))
        except BaseException:
            self._polled_at = 0.0
            raise

    def _read(self, streams: dict[ObjectId, list[Stream]]) -> Sequence[Reading]:
        """A task first, then its log: a log is complete before its outcome is known."""
        tasks = {task.id: task for task in self._services.queries.among(list(streams))}
        names = self._services.people.users.names(task.owner for task in tasks.values())
        readings = []
        for task_id, watching in streams.items():
            task = tasks.get(task_id)
            name = names.get(task.owner, task.owner) if task else ""
            places = {place for stream in watching if task and (place := stream.place)}
            pieces = {place: self._services.logs.read_from(task_id, *place) for place in places}
            readings.append(Reading(task_id, task, name, pieces))
        return readings
