"""What every page shows of the whole: queues, workers, what runs and waits, and whether Redis answers.

Read at most once in `KEPT_S`, however many pages ask. Redis, when it hangs, is asked once in
`QUEUE_AGAIN_S` and not by every part of every page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar, cast

from flask import Flask, current_app
from pymongo.errors import PyMongoError

from app.core import mongo as database
from app.core.catalog import ModuleProblem, WorkerInfo, module_problems
from app.core.clock import utcnow
from app.core.errors import Cause, DatabaseUnavailable, QueueUnavailable, UnsupportedDatabase
from app.core.listing.listing import Count
from app.core.listing.stats import QueueStats
from app.core.listing.waits import Line
from app.core.queue.pauses import Pause, Paused
from app.core.schema import indexes, version
from app.core.services import Services
from app.core.store_errors.advice import reason
from app.core.tasks.states import Priority
from app.extensions import access

KEPT_S = 1.5
STALE_S = 10.0  # While another thread reads, what is known may be so old.
QUEUE_AGAIN_S = 3.0
QUEUE_TRIED_S = 15.0
DATABASE_TRIED_S = 3.0
TOO_OLD = timedelta(minutes=5)
DURATIONS_KEPT_S = 20.0
MOST_TYPES = 50
"""Of so many types the durations are read; the others take as long as these."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Pulse:
    """The state of the whole at one moment; ``queue_cause`` is why Redis cannot be used.

    ``names`` are those of the people who paused a queue, by their IDs.
    """

    queues: list[QueueStats]
    workers: list[WorkerInfo]
    queue_answers: bool
    line: Line
    queue_cause: Cause | None = None
    paused: Paused = field(default_factory=Paused)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def ready_workers(self) -> list[WorkerInfo]:
        """The workers that take tasks; the others start, load modules or cannot load any."""
        return [worker for worker in self.workers if worker.ready]

    def module_problems(self, module: str | None = None) -> list[ModuleProblem]:
        """What keeps modules of task types from being loaded; with ``module``, only what concerns it."""
        return module_problems(self.workers, module)

    @property
    def pauses(self) -> Mapping[Priority, Pause]:
        """The queues that are paused."""
        return self.paused.queues

    def pause_of(self, priority: Priority) -> str:
        """Return the sentence that says who paused a queue and why; empty where it is not paused."""
        return self._said_of("The queue", self.pauses.get(priority))

    def pause_of_type(self, name: str) -> str:
        """Return the sentence that says who paused a task type and why; empty where it is not paused."""
        return self._said_of("This task type", self.paused.types.get(name))

    def _said_of(self, what: str, pause: Pause | None) -> str:
        if pause is None:
            return ""
        by = f" by {self.names.get(pause.by, pause.by)}" if pause.by else ""
        return f"{what} is paused{by}{f': {pause.why}' if pause.why else '.'}"

    @property
    def waiting(self) -> Count:
        return Count(sum(queue.waiting.value for queue in self.queues))

    @property
    def running(self) -> Count:
        return Count(sum(queue.running.value for queue in self.queues))

    @property
    def oldest(self) -> datetime | None:
        return min((queue.oldest for queue in self.queues if queue.oldest), default=None)

    @property
    def too_old(self) -> bool:
        """Whether a task waits longer than anybody should."""
        return self.oldest is not None and utcnow() - self.oldest > TOO_OLD

    def starts_in_s(self, place: int, kind: str) -> float | None:
        """Return in about how many seconds the task of a type at a place in the queue starts, 1 being next.

        None if nobody can tell: no worker is idle, and too little is known of what runs or is ahead.
        """
        serving = {worker.name for worker in self.ready_workers if kind in worker.types}
        return self.line.starts_in_s(place, serving)


class Live:
    """The pulse of ``services``, kept for a moment; safe to share between threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reading = threading.Lock()
        self._kept: tuple[float, Pulse] | None = None
        self._queue_asked_again_at = self._queue_tried_again_at = 0.0
        self._queue_cause: Cause | None = None
        self._database_tried: tuple[float, Cause | None] = (float("-inf"), None)
        self._durations: dict[str, tuple[float, list[float]]] = {}

    def pulse(self) -> Pulse:
        """Raises what MongoDB raises when it does not answer; nobody waits for somebody else's question."""
        if kept := self._not_older_than(KEPT_S):
            return kept
        reading = self._reading.acquire(blocking=False)
        try:
            if not reading and (kept := self._not_older_than(STALE_S)):
                return kept
            pulse = self._read()
            self._kept = (time.monotonic(), pulse)
            return pulse
        finally:
            if reading:
                self._reading.release()

    def forget(self) -> None:
        """Have the next page read anew: something was changed."""
        self._kept = None

    def _not_older_than(self, age_s: float) -> Pulse | None:
        kept = self._kept
        return kept[1] if kept and time.monotonic() - kept[0] < age_s else None

    def _read(self) -> Pulse:
        queues = self._services.stats.queues()
        workers = self._services.catalog.workers()
        cause = self.queue_cause()
        answers = cause is None or cause.refusal
        stats = self._services.stats
        running = tuple(stats.running()) if workers else ()
        paused = self._services.pauses.read()
        open_queues = [queue for queue in queues if queue.priority not in paused.queues]
        line = Line(running, tuple(stats.ahead(open_queues) if workers else ()), self._durations_s)
        by = {pause.by for pause in (*paused.queues.values(), *paused.types.values())}
        names = self._services.people.users.names(by) if by else {}
        return Pulse(queues, workers, answers, line, cause, paused, names)

    def _durations_s(self, kind: str) -> list[float]:
        """Return how long the latest runs of a type took; read once in `DURATIONS_KEPT_S`."""
        known = self._durations.get(kind)
        if known and time.monotonic() - known[0] < DURATIONS_KEPT_S:
            return known[1]
        if len(self._durations) >= MOST_TYPES:
            self._durations = {}
        found = self._services.stats.durations_s(kind)
        self._durations[kind] = (time.monotonic(), found)
        return found

    @property
    def may_ask_queue(self) -> bool:
        """Whether Redis was not found away a moment ago."""
        return time.monotonic() >= self._queue_asked_again_at

    def ask_queue(self, question: Callable[[], Answer]) -> Answer | None:
        """What Redis answers; None when it is away, or was a moment ago."""
        if not self.may_ask_queue:
            return None
        try:
            return question()
        except QueueUnavailable as error:
            self._queue_asked_again_at = time.monotonic() + QUEUE_AGAIN_S
            self._queue_cause, self._queue_tried_again_at = error.cause or Cause.NO_ANSWER, 0.0
            return None

    def database_cause(self) -> Cause | None:
        """Return why MongoDB cannot be used; what was found is good for a moment, as anybody may ask."""
        at, cause = self._database_tried
        if time.monotonic() - at >= DATABASE_TRIED_S:
            cause = self._try_database()
            self._database_tried = (time.monotonic(), cause)
        return cause

    def _try_database(self) -> Cause | None:
        if not database.answers(self._services.db):
            return database.why_away(self._services.db)
        try:
            version.require(self._services.db)
            indexes.require_usable(self._services.db)
        except UnsupportedDatabase:
            return Cause.OTHER_FORMAT
        except DatabaseUnavailable as error:
            return error.cause or Cause.NO_ANSWER
        except PyMongoError:
            return Cause.OTHER
        return None

    def queue_cause(self) -> Cause | None:
        """Return why Redis cannot be used; None where it answers and lets us do all that the queue needs.

        The latter is tried once in `QUEUE_TRIED_S`: workers need more of it than pages do.
        """
        if self.ask_queue(self._services.queues.depths) is None:
            return self._queue_cause
        if time.monotonic() >= self._queue_tried_again_at:
            self._queue_tried_again_at = time.monotonic() + QUEUE_TRIED_S
            self._queue_cause = None
            try:
                self._services.queues.require_usable()
            except QueueUnavailable as error:
                self._queue_cause = error.cause or Cause.OTHER
        return self._queue_cause


def live() -> Live:
    """The Live of this application, for views."""
    return cast(Live, current_app.extensions["live"])


def unless_refused(otherwise: str) -> str:
    """Return what to say of a task that the workers could not be told of: the cause, or ``otherwise`` where
    Redis is only away."""
    cause = live().queue_cause()
    if cause is None or not cause.refusal:
        return otherwise
    return f"The task is saved. {reason('REDIS_URL', cause)} It starts once that is mended."


def init_app(app: Flask) -> None:
    app.extensions["live"] = Live(app.extensions["services"])
    app.context_processor(lambda: {"pulse": lambda: live().pulse(), "sees_every_task": _sees_every_task})


def _sees_every_task() -> bool:
    """Whether the person finds in lists what the queues count."""
    return access().sees_all
