"""What a program is told that follows a task: its events, or its log; as JSON, whatever is in a text.

An event of a log has its attempt and the place after it, in bytes, as its ID. Who comes back with that goes
on there, in whatever process, and gets nothing twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from bson import ObjectId

from app.core.errors import NotFound
from app.core.queue.changes import Change
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from app.streams.following import Place, Reading
from app.streams.stream import Stream, Watcher

END_ID = "end"
EVERY_S = 0.1
EVENT_ID = f"^({END_ID}|([0-9]{{1,6}})-([0-9]{{1,15}}))?$"
"""The IDs of events, or none."""

May = Callable[[Task], bool]


def event(name: str, data: Any, event_id: str = "") -> bytes:
    """Return an event as it is sent."""
    named = f"id: {event_id}\n" if event_id else ""
    return f"{named}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def place_of(event_id: str, attempt: int) -> Place:
    """Return where to go on after an event of a log with ``attempt`` attempts. Raises NotFound."""
    found = re.fullmatch(EVENT_ID, event_id)
    if found is None or not found[2] or not 1 <= int(found[2]) <= max(1, attempt):
        raise NotFound("This log has no event with the ID in Last-Event-ID. Leave that header out.")
    return int(found[2]), int(found[3])


class TaskStream(Stream):
    """Follows a task while its person may; then the stream ends, and who asks again gets the reason."""

    every_s = EVERY_S

    def __init__(self, watcher: Watcher, task: Task, may: May, *, chunked: bool) -> None:
        super().__init__(watcher, chunked=chunked)
        self.follows: ObjectId | None = task.id
        self._may = may
        self._news = b""
        self._ending = False

    def begun(self, listening: bool, missed: Sequence[Change] | None) -> None:
        """Its task is read anyway."""

    def hear(self, changes: Sequence[Change]) -> None:
        """Its task is read (`following`)."""

    def hear_listening(self, listening: bool) -> None:
        """Its task is read, more often while nothing is heard."""

    def read(self, reading: Reading) -> None:
        if self._ending:
            return
        if reading.task is None or not self._may(reading.task):
            self._ending = True
            return
        self._take(reading, reading.task)

    def _take(self, reading: Reading, task: Task) -> None:
        raise NotImplementedError

    @property
    def has_news(self) -> bool:
        return bool(self._news) or self._ending

    def news(self, streams: int) -> bytes:
        news, self._news = self._news, b""
        self.over = self._ending
        return news


class TaskEvents(TaskStream):
    """Tells of a task's status and progress; ``describe`` makes what is told of a task as a whole."""

    def __init__(
        self,
        watcher: Watcher,
        task: Task,
        may: May,
        describe: Callable[[Task, str], dict[str, Any]],
        *,
        chunked: bool,
    ) -> None:
        super().__init__(watcher, task, may, chunked=chunked)
        self._describe = describe
        self._status: Any = None
        self._progress: Any = None

    def _take(self, reading: Reading, task: Task) -> None:
        if "described" not in reading.made:
            reading.made["described"] = self._describe(task, reading.owner_name)
        told = reading.made["described"]
        status = (task.status, task.attempt, bool(task.cancel))
        if task.status.ended:
            self._news += event("end", told, END_ID)
            self._ending = True
        elif status != self._status:
            self._news += event("status", told)
        elif told["progress"] not in (None, self._progress):
            self._news += event("progress", {"attempt": task.attempt, **told["progress"]})
        self._status, self._progress = status, told["progress"]


class TaskLog(TaskStream):
    """Tells the log from ``place`` on: of that attempt and those that follow, or of that ``only``."""

    def __init__(
        self, watcher: Watcher, task: Task, may: May, place: Place, *, only: bool, chunked: bool
    ) -> None:
        super().__init__(watcher, task, may, chunked=chunked)
        self.place: Place | None = place
        self._at, self._only = place, only

    def _take(self, reading: Reading, task: Task) -> None:
        piece = reading.pieces.get(self._at)
        if piece is None or self._news or self.stuck:
            self.hungry = True
            return
        attempt, _ = self._at
        over = attempt < task.attempt or task.status is not Status.RUNNING
        text, after = piece.text(over=over)
        if text:
            self._at = self.place = (attempt, after)
            self._news = event("log", {"attempt": attempt, "text": text}, f"{attempt}-{after}")
            self.hungry = piece.more or over
        elif attempt < task.attempt and not self._only:
            self._at = self.place = (attempt + 1, 0)
            self.hungry = True
        elif task.status.ended or attempt < task.attempt:
            told = {"attempt": task.attempt, "status": task.status.value}
            self._news = event("end", told, END_ID)
            self._ending = True
