"""Our RQ worker: the supervisor of one resident child.

It is registered with RQ like any other worker (`rq info` shows it), but takes no message itself and
imports no task code. It renews the lease of the attempt that its child runs, enforces time and
cancellation, copies the log while the attempt runs, restarts the child and says what became of an
attempt whose process died.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from rq.serializers import JSONSerializer
from rq.worker import Worker as RQWorker
from rq.worker import WorkerStatus

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.errors import NotFound, TaskQueueError
from app.core.services import Services
from app.core.states import Priority
from app.core.task import Task
from workers.capture import LogWriter, log_path
from workers.child import CANCEL_GENTLY, CANCEL_NOW, STOP, TIME_OVER
from workers.process import ChildProcess
from workers.runtime import timeout_sentence

TICK_S = 0.5
LOOK_EVERY_S = 1.0
RENEW_EVERY_S = 10.0
REPORT_EVERY_S = 10.0
CANCEL_NOW_AFTER_S = 2.0
CANCEL_KILL_AFTER_S = 7.0
TIMEOUT_KILL_AFTER_S = 3.0
RESTART_LONGEST_S = 30.0
WORKER_TTL_S = 30
VERSION = "0.1.0"
AWAY = (PyMongoError, RedisError, TaskQueueError, OSError)

log = logging.getLogger("workers.worker")


@dataclass
class Current:
    """The attempt that the child runs now; times are of the monotonic clock, in seconds."""

    task_id: ObjectId
    attempt: int
    began: float
    task: Task | None = None
    log: LogWriter | None = None
    looked: float = 0.0
    renewed: float = 0.0
    cancel_seen: float | None = None
    time_over: bool = False
    last_signal: signal.Signals | None = None


class TaskWorker(RQWorker):
    """Registered with RQ; work is done by its child."""

    def __init__(self, name: str, services: Services) -> None:
        lanes = [priority.word for priority in Priority]
        super().__init__(
            lanes,
            name=name,
            connection=services.queues.redis,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            prepare_for_work=False,
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self.services = services
        self.child: ChildProcess | None = None
        self.current: Current | None = None
        self.types: tuple[str, ...] = ()
        self.processed = 0
        self.stopping: float | None = None
        self._grace_s = float(services.settings.stop_grace_s)
        self._started_at = utcnow()
        self._reported = 0.0
        self._registered = False
        self._restart_at = 0.0
        self._restart_wait_s = 1.0

    def _set_connection(self, connection: Any) -> Any:
        """Keep our own timeout: RQ would raise it to the length of its blocking pop, which we do not do."""
        return connection

    def request_stop(self, signum: int, frame: Any) -> None:
        """Warm stop on the first signal: the task goes on for the grace time. Cold on the second."""
        if self.stopping is not None:
            self._grace_s = 0.0
        self.stopping = self.stopping or time.monotonic()

    def work(self, **ignored: Any) -> bool:  # type: ignore[override]
        """Supervise until told to stop. Returns whether any task was run."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        try:
            while self.stopping is None or self.child is not None:
                self._tick()
        finally:
            self._leave()
        return self.processed > 0

    # One round

    def _tick(self) -> None:
        self._keep_child()
        if self.child is not None:
            ready, _, _ = select.select([self.child], [], [], TICK_S)
            self._listen()
            if self.current is not None:
                self._attend(self.current)
            self._check_child()
        else:
            time.sleep(TICK_S)
        self._report()

    def _keep_child(self) -> None:
        if self.child is None and self.stopping is None and time.monotonic() >= self._restart_at:
            self.child = ChildProcess(self.name)

    def _listen(self) -> None:
        for line in self.child.lines() if self.child else ():
            if "ready" in line:
                self.types = tuple(line["ready"])
                self._restart_wait_s = 1.0
                self._reported = 0.0
            elif "start" in line:
                self.current = Current(ObjectId(line["start"]), line["attempt"], time.monotonic())
            else:
                self.processed += 1
                self.current = None

    def _check_child(self) -> None:
        """Stop it when it is time, and see whether it has died."""
        child = self.child
        if child is None:
            return
        ended = child.ended()
        if ended is None:
            if self.stopping is not None:
                self._stop_child(child)
            return
        self._listen()
        child.bury()
        self.child = None
        if self.current is not None:
            self._bury_attempt(self.current, ended)
            self.current = None
        elif self.stopping is None and child.cannot_start:
            self._restart_at = time.monotonic() + self._restart_wait_s
            self._restart_wait_s = min(RESTART_LONGEST_S, self._restart_wait_s * 2)

    def _stop_child(self, child: ChildProcess) -> None:
        assert self.stopping is not None  # noqa: S101 - for the type checker
        child.signal(STOP)
        if time.monotonic() - self.stopping >= self._grace_s and self.current is not None:
            current, self.current = self.current, None
            child.signal(signal.SIGKILL)
            self._quietly("handing its task back", lambda: self._hand_back(current))

    def _hand_back(self, current: Current) -> None:
        task = self._task_of(current)
        if task is not None:
            self.services.dispatch.hand_back(task, "The worker was stopped; the task begins anew elsewhere.")

    # The attempt that runs

    def _attend(self, current: Current) -> None:
        """Renew, look for a cancellation, copy the log, and enforce the time."""
        now = time.monotonic()
        if now - current.began < LOOK_EVERY_S or now - current.looked < LOOK_EVERY_S:
            return
        current.looked = now
        self._quietly("looking after its task", lambda: self._look(current, now))
        self._enforce(current, now)

    def _look(self, current: Current, now: float) -> None:
        task = self._task_of(current)
        if task is None:
            self._kill(current, "it is no longer this worker's")
            return
        if now - current.renewed >= RENEW_EVERY_S:
            if not self.services.tasks.renew(task):
                self._kill(current, "its lease was taken")
                return
            current.renewed = now
        if current.cancel_seen is None and self.services.tasks.cancel_requested(task):
            current.cancel_seen = now
        if current.log is not None:
            current.log.write()

    def _task_of(self, current: Current) -> Task | None:
        """The task as claimed; None when the attempt is not the current one any more."""
        if current.task is None:
            try:
                task = self.services.tasks.get(current.task_id)
            except NotFound:
                return None
            if task.attempt != current.attempt or task.worker != self.name:
                return None
            current.task = task
            if self.child is not None:
                path = log_path(self.child.folder, task.id, task.attempt)
                current.log = LogWriter(self.services.logs, path, task.id, task.attempt)
        return current.task

    def _enforce(self, current: Current, now: float) -> None:
        """Ask first, then interrupt, then kill: cancellation after 0, 2 and 7 s, time after 0 and 3 s."""
        if current.task is None or self.child is None:
            return
        over = now - current.began - current.task.timeout_s
        if current.cancel_seen is not None:
            asked = now - current.cancel_seen
            self._send(current, CANCEL_GENTLY)
            if asked >= CANCEL_NOW_AFTER_S:
                self._send(current, CANCEL_NOW)
            if asked >= CANCEL_KILL_AFTER_S:
                self.child.signal(signal.SIGKILL)
        elif over >= 0:
            current.time_over = True
            self._send(current, TIME_OVER)
            if over >= TIMEOUT_KILL_AFTER_S:
                self.child.signal(signal.SIGKILL)

    def _send(self, current: Current, number: signal.Signals) -> None:
        if self.child is not None and current.last_signal != number:
            current.last_signal = number
            self.child.signal(number)

    def _kill(self, current: Current, why: str) -> None:
        log.warning("Task %s, attempt %d is killed: %s.", current.task_id, current.attempt, why)
        self.current = None
        if self.child is not None:
            self.child.signal(signal.SIGKILL)

    def _bury_attempt(self, current: Current, ended: str) -> None:
        """The child died in an attempt: say what became of it."""
        self._quietly("saying what became of its task", lambda: self._conclude(current, ended))

    def _conclude(self, current: Current, ended: str) -> None:
        task = self._task_of(current)
        if task is None:
            return
        if current.cancel_seen is not None:
            self.services.tasks.end_canceled(
                task, "Canceled while it ran; its process did not heed it and was killed."
            )
        elif current.time_over:
            error = {
                "kind": "timeout",
                "type": "TimedOut",
                "message": timeout_sentence(task),
                "traceback": "",
            }
            self.services.dispatch.failed(task, error)
        else:
            self.services.dispatch.crashed(
                task, f"The process of the task {ended} before the task had ended."
            )

    # Saying that it lives

    def _report(self) -> None:
        if time.monotonic() - self._reported < REPORT_EVERY_S:
            return
        self._reported = time.monotonic()
        self._quietly("reporting to MongoDB", self._report_to_mongodb)
        self._quietly("reporting to Redis", self._report_to_redis)

    def _report_to_mongodb(self) -> None:
        running = str(self.current.task_id) if self.current else None
        self.services.catalog.report(
            WorkerInfo(
                name=self.name,
                host=str(self.hostname),
                pid=os.getpid(),
                version=VERSION,
                started_at=self._started_at,
                seen_at=utcnow(),
                processed=self.processed,
                task=running,
                types=self.types,
            )
        )

    def _report_to_redis(self) -> None:
        if not self._registered or not self.connection.exists(self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
            self._registered = True
        self.set_state(WorkerStatus.BUSY if self.current else WorkerStatus.IDLE)
        self.heartbeat()

    def _leave(self) -> None:
        if self.child is not None:
            self.child.bury()
        self._quietly("leaving", lambda: self.services.catalog.leave(self.name))
        self._quietly("leaving", self.register_death)

    def _quietly(self, doing: str, do: Any) -> None:
        """A store that is away must not end a worker: say so and go on."""
        try:
            do()
        except AWAY as error:
            log.warning(
                "Worker %s, %s: a store does not answer (%s).", self.name, doing, type(error).__name__
            )
