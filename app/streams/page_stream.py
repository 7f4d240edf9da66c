"""What a page is told: names of what has changed, and nothing of it. It then fetches its regions as ever.

So each fetch is checked like any other, and the stream itself tells of no task that its person may not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from app.core.clock import utcnow
from app.core.queue.changes import Change, Code
from app.streams.stream import Stream, Watcher

MOST_NAMED = 50
MANY = "many"
"""Stands for more tasks than are named."""
EVERYTHING = "*"
"""Stands for whatever may have changed while nothing was heard."""
PACE_MS = 20
"""So many pages are in no hurry to fetch at once: a page leaves a time that grows with the streams."""
SLOWEST_MS = 10_000


def now_ms() -> int:
    """Return the time that orders hints, in milliseconds: the database's, like that of every page."""
    return int(utcnow().timestamp() * 1000)


class PageStream(Stream):
    """The stream of a page: of the page of ``task``, or of one that shows many."""

    def __init__(
        self, watcher: Watcher, may_know: Callable[[Change], bool], task: str = "", *, chunked: bool
    ) -> None:
        super().__init__(watcher, chunked=chunked)
        self._may_know, self._task = may_know, task
        self._names: set[str] = set()
        self._listening: bool | None = None
        self._told_listening: bool | None = None

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._names.update(self._names_of(change))

    def _names_of(self, change: Change) -> tuple[str, ...]:
        if not change.task:
            return (change.code.value,)
        if self._task:
            own = change.task == self._task
            if change.code is Code.LOG:
                return (change.code.value,) if own else ()
            if own:
                return (change.task, "tasks")
        elif change.code is Code.LOG:
            return ()
        if not self._may_know(change):
            return ()
        named = () if self._task else (change.task,)
        return (*named, "tasks") if change.code is Code.STATUS else named

    def hear_listening(self, listening: bool) -> None:
        self._listening = listening
        if listening:  # what was told in between is lost
            self._names.add(EVERYTHING)

    def begun(self, listening: bool, missed: Sequence[Change] | None) -> None:
        self._listening = listening
        if missed is None:
            self._names.add(EVERYTHING)
        else:
            self.hear(missed)

    @property
    def has_news(self) -> bool:
        return bool(self._names) or self._listening != self._told_listening

    def news(self, streams: int) -> bytes:
        names, self._names = sorted(self._names), set()
        tasks = [name for name in names if len(name) == 24]
        if len(tasks) > MOST_NAMED:
            names = [MANY, *(name for name in names if len(name) != 24)]
        self._told_listening = self._listening
        told = {
            "changed": names,
            "listening": bool(self._listening),
            "pace": min(SLOWEST_MS, PACE_MS * streams),
        }
        return f"id: {now_ms()}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n".encode()
