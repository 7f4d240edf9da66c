"""Our RQ worker: the supervisor of one resident child.

It is registered with RQ like any other worker (`rq info` shows it), but takes no message itself and
imports no task code. It renews the lease of the attempt that its child runs, enforces time and
cancellation, copies the log while the attempt runs, restarts the child and says what became of an
attempt whose process died (`attempt_monitor`).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import time
from typing import Any

import psutil
import pymongo
from bson import ObjectId
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from rq.serializers import JSONSerializer
from rq.worker import Worker as RQWorker
from rq.worker import WorkerStatus

from app.core import clock
from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.errors import TaskQueueError
from app.core.log_lines import set_attempt
from app.core.queue.changes import unpacked
from app.core.services import Services
from app.core.statistics.metrics import STORE
from app.core.tasks.states import Priority
from config import VERSION, SettingReach
from workers.attempt.limits import Guard, Limits
from workers.attempt.orphans import adopt, end_strays
from workers.attempt.output_capture import log_path
from workers.handover import opened_for, sealed_for
from workers.supervisor.attempt_monitor import Watch
from workers.supervisor.child_process import ChildProcess
from workers.traces import KilledAttempts
from workers.types.loading import LoadingProgress
from workers.types.reload import Changes

TICK_S = 0.5
TELL_EVERY_S = 0.1
"""So often at most pages are told what has changed, all of it at once."""
ASK_WITHIN_S = 1.0
REPORT_EVERY_S = 10.0
RESTART_LONGEST_S = 30.0
WORKER_TTL_S = 30
LEAVE_S = 5.0  # How long a child that is to end may take, once it has no task.
AWAY = (PyMongoError, RedisError, TaskQueueError, OSError)

log = logging.getLogger("workers.supervisor.supervisor")


class TaskWorker(RQWorker):
    """Registered with RQ; work is done by its child."""

    def __init__(self, name: str, services: Services, *, reload: bool = False) -> None:
        names = [priority.word for priority in Priority]
        super().__init__(
            names,
            name=name,
            connection=services.queues.redis,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            prepare_for_work=False,
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self.services = services
        self.child: ChildProcess | None = None
        self.current: Watch | None = None
        self._idle_since = time.monotonic()
        self.types: tuple[str, ...] = ()
        self.processed = 0
        self.stopping: float | None = None
        self.signaled = self.asked_to_stop = False
        self._grace_s = float(services.settings.stop_grace_s)
        self._started_at = utcnow()
        self._reported = 0.0
        self._registered = False
        self._restart_at = 0.0
        self._restart_wait_s = 1.0
        self._guard = Guard()
        self._adopts = False
        self._changes = Changes() if reload else None
        self.loading = LoadingProgress(services.settings.import_timeout_s)
        self._outdated = False  # a file has changed since the child began to load it
        self._told_at = 0.0
        self._killed = KilledAttempts(services.settings)
        services.changes.at_once = False

    def _set_connection(self, connection: Any) -> Any:
        """Keep our own timeout: RQ would raise it to the length of its blocking pop, which we do not do."""
        return connection

    def request_stop(self, signum: int, frame: Any) -> None:
        """Warm stop on the first signal: the task goes on for the grace time. Cold on the second."""
        if self.signaled:
            self._grace_s = 0.0
        elif self.asked_to_stop:
            self._grace_s, self.stopping = float(self.services.settings.stop_grace_s), time.monotonic()
        self.signaled, self.stopping = True, self.stopping or time.monotonic()

    def _heed(self) -> None:
        """Stop after the task, however long it takes, where an operator has asked for it."""
        if self.stopping is None and self.services.catalog.asked_to_stop(self.name):
            log.info("Worker %s stops after its task, as an operator has asked.", self.name)
            self.asked_to_stop, self._grace_s, self.stopping = True, math.inf, time.monotonic()

    def work(self, **ignored: Any) -> bool:  # type: ignore[override]  # RQ's options are of a loop that is not ours
        """Supervise until told to stop. Returns whether any task was run."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]  # RQ types nothing here
        self._adopts = adopt()
        self._guard.start()
        self._quietly("asking for the time", self._ask_for_the_time)
        try:
            while self.stopping is None or self.child is not None:
                self._tick()
        finally:
            self._leave()
        return self.processed > 0

    def _ask_for_the_time(self) -> None:
        """Before anything is told with this host's; it starts without, where MongoDB is away."""
        with pymongo.timeout(ASK_WITHIN_S):
            clock.require(self.services.db)
        self._started_at = utcnow()

    # One round

    def _tick(self) -> None:
        self._keep_child()
        if self.child is None:
            time.sleep(TICK_S)
        else:
            select.select([self.child], [], [], TELL_EVERY_S if self.services.changes.waiting else TICK_S)
            self._listen(self.child)
            self._attend(self.child)
            self._check(self.child)
        self._tell()
        self._reload()
        self._report()

    def _tell(self) -> None:
        """Tell pages what has changed, what the child did as well."""
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            self.services.changes.flush()

    def _keep_child(self) -> None:
        if self.child is not None or self.stopping is not None or time.monotonic() < self._restart_at:
            return
        try:
            self.loading.begin(changed=self._outdated and self._changes is not None)
            self.child = ChildProcess(
                self.name,
                self.services.settings.secrets_for(SettingReach.CHILD),
                fresh=self._changes is not None,
                skipped=self.loading.skipped,
            )
        except OSError as error:
            self._pause()
            log.warning(
                "Worker %s cannot start a process for its tasks: %s. It tries again.", self.name, error
            )
            return
        self._outdated = False

    def _pause(self) -> None:
        """Wait before the next child, and the longer the more often there was none that became ready."""
        self._restart_at = time.monotonic() + self._restart_wait_s
        self._restart_wait_s = min(RESTART_LONGEST_S, self._restart_wait_s * 2)

    def _listen(self, child: ChildProcess) -> None:
        for line in child.lines():
            self.services.changes.tell(unpacked(line.get("changed")))
            self.services.meter.merge(line.get("counted"))
            if {"ready", "loading", "problems"} & line.keys():
                self.loading.heard(line)
                self._reported = 0.0
            if "ready" in line:
                child.ready, self.types = True, tuple(line["ready"])
                self._restart_wait_s = 1.0
            elif "watch" in line:
                if self._changes is not None:
                    self._changes.watch(line["watch"])
            elif "start" in line:
                self.current = self._watch(child, line)
                self._guard.watch(self.current.limits)
                set_attempt(self.current.task_id, self.current.attempt)
            elif self.current is not None and "open" in line:
                child.answer(opened_for(self.services.vault, self.current.task_id, line["open"]))
            elif self.current is not None and "seal" in line:
                child.answer(sealed_for(self.services.vault, ObjectId(line["of"]), line["seal"]))
            elif self.current is not None and ("over" in line or "kept" in line):
                self.current.finishing(kept="kept" in line)
            elif "leaves" in line:
                child.told = child.told or time.monotonic()
            elif "end" in line:
                self.processed += 1
                self.current, self._idle_since = None, time.monotonic()
                self._guard.watch(None)
                set_attempt()

    def _watch(self, child: ChildProcess, line: dict[str, Any]) -> Watch:
        task_id = ObjectId(line["start"])
        limits = Limits(child.pid, log_path(child.folder, task_id, line["attempt"]), line["memory_mb"])
        return Watch(
            self.services,
            self.name,
            child,
            task_id,
            line["attempt"],
            line["timeout_s"],
            limits,
            self._killed.tell,
        )

    def _attend(self, child: ChildProcess) -> None:
        """Look after the attempt. That may take a while: it is over then, or another has begun."""
        watch = self.current
        if watch is not None and watch.due():
            self._quietly("looking after its task", watch.look)
            self._listen(child)
        if watch is not None and self.current is watch:
            watch.enforce()

    def _check(self, child: ChildProcess) -> None:
        """Stop the child when it is time, and see whether it has died."""
        ended = child.ended()
        if ended is None:
            if self.stopping is not None:
                self._stop_child(child)
            if self.loading.overdue():
                child.signal(signal.SIGKILL)
            self._end_idle(child)
            return
        self._listen(child)
        if child.told is None:
            self.loading.ended(ended)
        self._kill(child)
        self.child = None
        current, self.current = self.current, None
        if current is not None:
            self._quietly("saying what became of its task", lambda: current.conclude(ended))
            set_attempt()
        elif not child.ready and not self._outdated:
            if self._changes is not None and child.cannot_load:
                self._restart_wait_s = RESTART_LONGEST_S
            self._pause()
        child.bury()

    def _kill(self, child: ChildProcess) -> None:
        self._guard.watch(None)
        child.kill()
        if self._adopts:
            end_strays()

    def _reload(self) -> None:
        """When a file of the task types has changed: a new child, after the task that runs.

        So it is, once in a while, when a module could not be loaded: what it needs may be there now.
        """
        if self.child is not None and self.stopping is None and self.loading.retry():
            log.info("Worker %s tries the modules again that could not be loaded.", self.name)
            self.child.stop()
        changed = self._changes.changed() if self._changes is not None and self.stopping is None else None
        if changed is None:
            return
        when = "when its task has ended" if self.current else "now"
        log.info("%s has changed: worker %s loads its task types again %s.", changed, self.name, when)
        self._outdated, self._restart_at, self._restart_wait_s = True, 0.0, 1.0
        if self.child is not None:
            self.child.stop()

    def _stop_child(self, child: ChildProcess) -> None:
        child.stop()
        over = self.stopping is not None and time.monotonic() - self.stopping >= self._grace_s
        if over and self.current is not None and not self.current.lost:
            self._quietly("releasing its task", self.current.release)

    def _end_idle(self, child: ChildProcess) -> None:
        """A child that is to end and has no task is told again, and killed where it does not heed that."""
        if child.told is None or self.current is not None:
            return
        child.stop()
        if time.monotonic() - max(child.told, self._idle_since) >= LEAVE_S:
            log.warning("The process of worker %s did not end when it was told to: it is killed.", self.name)
            child.signal(signal.SIGKILL)

    # Saying that it lives

    def _report(self) -> None:
        if time.monotonic() - self._reported < REPORT_EVERY_S:
            return
        self._reported = time.monotonic()
        self._quietly("reporting to MongoDB", self._report_to_mongodb)
        self._quietly("reporting to Redis", self._report_to_redis)
        self.services.meter.flush()
        self._quietly("looking whether it is to stop", self._heed)

    def _report_to_mongodb(self) -> None:
        running, memory_mb = str(self.current.task_id) if self.current else None, self._memory_mb()
        began = time.monotonic()
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
                state=self.loading.state,
                loading=self.loading.module,
                since=self.loading.since,
                problems=self.loading.problems,
                memory_mb=memory_mb,
            )
        )
        self.services.meter.observe(STORE, time.monotonic() - began, "mongodb", "worker")

    def _memory_mb(self) -> int:
        """Return what this process and its child hold; what a task starts besides is not counted."""
        held = 0
        for pid in (os.getpid(), *([self.child.pid] if self.child else [])):
            with contextlib.suppress(psutil.Error):
                held += psutil.Process(pid).memory_info().rss
        return held // 2**20

    def _report_to_redis(self) -> None:
        began = time.monotonic()
        self.connection.ping()
        self.services.meter.observe(STORE, time.monotonic() - began, "redis", "worker")
        if not self._registered or not self.connection.exists(self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # RQ types nothing here
            self._registered = True
        self.set_state(WorkerStatus.BUSY if self.current else WorkerStatus.IDLE)
        self.heartbeat(
            WORKER_TTL_S
        )  # without a number, RQ adds a minute in which a killed worker is still shown

    def _leave(self) -> None:
        if self.child is not None:
            self._kill(self.child)
            self.child.bury()
        self._quietly("leaving", lambda: self.services.catalog.leave(self.name))
        self._quietly("leaving", self.register_death)
        self.services.changes.flush()
        self.services.meter.flush()
        self._killed.close()

    def _quietly(self, doing: str, do: Any) -> None:
        """A store that is away must not end a worker: say so and go on."""
        try:
            do()
        except AWAY as error:
            why = self.services.explain(error) or f"A store does not answer ({type(error).__name__})."
            self.services.lasting.warning(log, doing, why, "Worker %s, %s: %s", self.name, doing, why)
        else:
            self.services.lasting.over(log, doing, "Worker %s, %s: it works again.", self.name, doing)
