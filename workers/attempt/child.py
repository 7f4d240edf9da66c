"""The resident child: takes hints and runs attempts, one after another, in a process of its own.

It does the whole pipeline itself (take, claim, run, finish) and tells its supervisor one line at the
start and one at the end of each attempt, and where its outcome has to wait. So no round trip stands in a
task's way, and the supervisor always knows what to renew or to bury. It dies with its supervisor.

    python -m workers.attempt.child NAME STATUS_FD HANDOVER_FD FOLDER PARENT [SKIPPED_MODULE ...]
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import asdict
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import pymongo
from bson.errors import BSONError
from pymongo.errors import PyMongoError

from app.core import clock, failpoints
from app.core.errors import QueueUnavailable, Unavailable
from app.core.log_lines import about_attempt
from app.core.parent_death import die_with
from app.core.queue.pauses import Paused
from app.core.services import Services, connect
from app.core.tasks.task import Task, parse_job_id
from config import SettingReach, Settings, load
from dtq import TaskType, TaskTypeError
from workers.attempt.attempt import Failed, NotBegun, Outcome, Succeeded, WasCanceled, attempt
from workers.attempt.context import AttemptContext, ChildStores
from workers.attempt.journal import JournalFile, journal_of
from workers.attempt.limits import OpenFiles
from workers.attempt.orphans import adopt, children, end_strays_of_task
from workers.attempt.output_capture import Capture, LogWriter, flush, log_path
from workers.attempt.persist import EndedAttempt, away, write_down
from workers.attempt.process_exit import end_as
from workers.attempt.signals import Signals
from workers.child_tasks import SubmittedChildren
from workers.handover import Receiver, SupervisorVault
from workers.log_setup import set_up
from workers.process_state.left_threads import Threads
from workers.process_state.state import ProcessState
from workers.status_lines import StatusLines
from workers.store_timeouts import patient
from workers.types.loading import load_each
from workers.types.reload import watched
from workers.types.task_modules import sources

if TYPE_CHECKING:
    from workers.traces import Traces

WAIT_S = 1.0
PAUSES_S = 0.5  # So old is at most what a worker knows of paused queues.
AWAY_S = 1.0
CANNOT_START = 3
CANNOT_LOAD = 4
CLOSED_FILES = 5
FIRST_TRY_S = 1.0  # Then the outcome is put on disk, ...
LARGE = 256 * 1024  # ... unless its result is one that takes a while to write.
ENDINGS = {Succeeded: "succeeded", Failed: "failed", WasCanceled: "canceled", NotBegun: "not_begun"}

Written = TypeVar("Written")

log = logging.getLogger("workers.attempt.child")


class Child:
    """The loop of one worker process."""

    def __init__(
        self, name: str, status: int, supervisor: Receiver, folder: Path, settings: Settings,
        services: Services, skipped: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.name = name
        self.skipped = skipped
        self.folder = folder
        self.settings = settings
        self.services = services
        self.lines = StatusLines(status, (supervisor.descriptor,), services.meter)
        services.changes.send = self.lines.tell_of
        vault = SupervisorVault(self.lines.send, supervisor)
        services.dispatch.vault = vault
        self._stores = ChildStores(
            services.tasks,
            services.files,
            vault,
            SubmittedChildren(services),
            settings.reaching(SettingReach.TASK),
        )
        self.signals = Signals()
        self.journal = journal_of(settings)
        self.types: dict[str, TaskType] = {}
        self._clock_set = self._measured = self._pauses_read = float("-inf")
        self._paused = Paused()
        self._process, self._files = psutil.Process(), OpenFiles()
        self._state: ProcessState | None = None
        self._threads = Threads()
        self._ours: list[int] = []
        self._traces: Traces | None = None
        self._changed = False

    def start(self) -> None:
        """Load the task types and publish them. Raises TaskTypeError where there are none, PyMongoError."""
        clock.require(self.services.db)
        if self.settings.traces == "on":  # Before task code, which would otherwise set up its own.
            from workers.traces import Traces

            self._traces = Traces(self.settings)
        before = set(sys.modules)
        loaded = load_each(self.settings.reaching(SettingReach.TASK), self.lines.send, self.skipped)
        set_up(self.settings, self.name)  # an import may have taken the log or the signals
        self.signals.install()
        self.lines.send(watch=watched(sources(self.settings.task_modules), before))
        problems = [asdict(problem) for problem in loaded.problems]
        self.lines.send(problems=problems, types=sorted(loaded.types))
        if not loaded.types and (problems or self.skipped):
            raise TaskTypeError("No module could be loaded.")
        self.types = {name: kind for name, kind in loaded.types.items() if self._published(kind)}
        gc.collect()
        gc.freeze()  # What was loaded stays: collections after it look at what tasks leave only.
        self._state, self._threads, self._ours = ProcessState(), Threads(), children()
        self.lines.send(ready=sorted(self.types))

    def _published(self, kind: TaskType) -> bool:
        """Publish a type; one that MongoDB cannot hold keeps no other from being run here."""
        try:
            self.services.catalog.publish([kind.document()], self.name)
        except (BSONError, OverflowError, ValueError) as error:
            log.error("The task type %s cannot be published and is not run here: %s", kind.name, error)
            return False
        return True

    def loop(self) -> None:
        """Run until told to stop, or until it is time for a fresh process."""
        for _ in range(self.settings.worker_recycle_tasks):
            job_id = self._next()
            if job_id is None:
                break
            self._handle(job_id)
            if self._spent():
                break
        self.lines.send(leaves=True, counted=self.services.meter.drain())
        if self._traces:
            self._traces.close()

    def _spent(self) -> bool:
        """Whether a task has left so much, memory, files or changes, that a fresh one is better."""
        if self._changed:
            return True
        if self._files.leaked:
            log.warning("Its last task left many files open: a fresh process takes its place.")
            return True
        if time.monotonic() - self._measured < 1:
            return False
        self._measured = time.monotonic()
        used = self._process.memory_info().rss // 2**20
        if not 0 < self.settings.worker_recycle_mb < used:
            return False
        log.info("This process holds %d MB after its task: a fresh one takes its place.", used)
        return True

    def _keep_time(self) -> None:
        """Leases are written here, in the database's time (`clock`)."""
        if time.monotonic() - self._clock_set >= clock.EVERY_S:
            with contextlib.suppress(PyMongoError):
                clock.synchronise(self.services.db)
                self._clock_set = time.monotonic()

    def _next(self) -> str | None:
        """Wait for a message. A stop is heeded before a take and never during one, so none is lost."""
        while not self.signals.stop:
            if not self.folder.is_dir():
                log.warning(
                    "%s was removed by somebody: a fresh process takes this one's place.", self.folder
                )
                return None
            self._keep_time()
            try:
                job_id = self.services.queues.take(
                    0 if self.lines.holds else WAIT_S, self._paused_now().queues
                )
            except QueueUnavailable as error:
                self.lines.flush()
                why = self.services.explain(error)
                self.services.lasting.warning(log, "take", why, "%s It is waited for.", why)
                time.sleep(AWAY_S)
                continue
            self.services.lasting.over(log, "take", "Redis can be used again.")
            if job_id is not None:
                return job_id
            if self.lines.count_is_due:
                self.lines.hold()
            self.lines.flush()
        return None

    def _paused_now(self) -> Paused:
        """Return what somebody has paused; while MongoDB is away, what was."""
        if time.monotonic() - self._pauses_read >= PAUSES_S:
            with contextlib.suppress(PyMongoError), pymongo.timeout(FIRST_TRY_S):
                self._paused = self.services.pauses.read()
            self._pauses_read = time.monotonic()
        return self._paused

    def _handle(self, job_id: str) -> None:
        named = parse_job_id(job_id)
        if named is None:
            self.services.lasting.warning(
                log,
                "",
                "foreign",
                "A message of another program was dropped: %.60r. Others may follow.",
                job_id,
            )
            return
        failpoints.reach("popped", job_id)
        seen = self._patiently(lambda: self.services.tasks.waiting(*named))
        if seen is None:
            return
        kind = self.types.get(seen.type)
        if kind is None or seen.type in self._paused_now().types:
            self._patiently(lambda: self._put_off(seen))
            self.lines.send()
        elif task := self._patiently(lambda: self.services.tasks.take(seen, self.name)):
            with about_attempt(task.id, task.attempt):
                self._run(task, kind)

    def _put_off(self, task: Task) -> None:
        """The type is another worker's, or paused: the task waits for that, and no attempt is counted."""
        here = task.type in self.types
        self.services.dispatch.defer(task, served=not here and self.services.catalog.serves(task.type))
        if here and task.type not in self.services.pauses.read().types:  # It was resumed in this moment.
            self.services.tasks.offer([task.type])

    def _run(self, task: Task, kind: TaskType) -> None:
        memory_mb = kind.memory_mb or self.settings.task_memory_mb
        self.signals.deadline = time.monotonic() + task.timeout_s  # never later than the supervisor's
        self.lines.send(
            start=str(task.id), attempt=task.attempt, timeout_s=task.timeout_s, memory_mb=memory_mb
        )
        self.signals.canceled = False
        context = AttemptContext(task, self._stores, lambda: self.signals.canceled)
        path = log_path(self.folder, task.id, task.attempt)
        with Capture(path), self._files.spared():
            run = partial(attempt, task, kind, context, self._running)
            traced = partial(self._traces.run, task, run, _ending) if self._traces else run
            outcome = copy_context().run(traced)
            self._require_pipe()
            threads = self._threads.left()
        self._put_back(task, threads)
        if self._traces and (problem := self._traces.problem()):
            self.services.lasting.warning(log, "", problem, "Traces are not sent: %s", problem)
        printed = LogWriter(self.services.logs, path, task.id, task.attempt, context.mask)
        failpoints.reach("ran", task.id)
        self._finish(EndedAttempt(task, outcome, context.progress_now, printed))
        context.close()
        path.unlink(missing_ok=True)
        # This line may wait: nothing is enforced since the supervisor was told `over`.
        self.lines.hold(end=str(task.id), attempt=task.attempt)

    def _require_pipe(self) -> None:
        """End where the task has closed a pipe to the supervisor: its number may be another file by now."""
        if not self.lines.has_pipes():
            print("The task closed files that its process needs: the process ends.", file=sys.stderr)
            flush()
            os._exit(CLOSED_FILES)

    def _put_back(self, task: Task, threads: list[str]) -> None:
        """Have this process as it was before the attempt, or have it replaced once the outcome is written."""
        lost = [*self._state.restore()] if self._state is not None else []
        ended = end_strays_of_task(self._ours)
        if ended.count:
            log.warning("Task %s left %d processes running; they were ended.", task.id, ended.count)
        lost += [f"thread {name}" for name in threads] + ["processes that a library keeps"] * ended.missed
        if lost:
            log.warning("Task %s changed its process for good (%s): a fresh one takes its place.",
                        task.id, ", ".join(lost))  # fmt: skip
            self._changed = True

    def _running(self, begun: bool) -> None:
        if os.getpid() != self._process.pid:  # the task has forked, and the fork comes out of its function
            end_as(sys.exc_info()[1])
        self.signals.running(begun)

    def _finish(self, ended: EndedAttempt) -> None:
        """Write an attempt down, however long MongoDB is away; on disk it waits even for the next worker."""
        kept: JournalFile | None = None
        self.lines.send(over=str(ended.task.id))
        for limit_s in chain([] if _large(ended.outcome) else [FIRST_TRY_S], repeat(None)):
            try:
                with pymongo.timeout(limit_s):
                    status = write_down(self.services, ended)
                break
            except (PyMongoError, Unavailable) as error:
                _say_away(self.services, error)
            kept = kept or self._keep(ended)
            if kept and self.signals.stop and limit_s is None:
                log.warning("Task %s: its outcome is in %s for the next worker.", ended.task.id, kept.path)
                return kept.leave()
            time.sleep(AWAY_S)
        if kept:
            kept.drop()
        if status is None:
            log.warning("Task %s, attempt %d: it was no longer ours; its outcome was dropped.",
                        ended.task.id, ended.task.attempt)  # fmt: skip

    def _keep(self, ended: EndedAttempt) -> JournalFile | None:
        """Put an outcome on disk; None where that fails, and then memory is all it has."""
        try:
            kept = self.journal.keep(ended)
        except OSError as error:
            log.warning("Task %s: its outcome cannot be kept on disk: %s.", ended.task.id, error)
            return None
        self.lines.send(kept=str(ended.task.id))
        return kept

    def _patiently(self, write: Callable[[], Written]) -> Written | None:
        """Do it again until MongoDB answers; every write here is guarded, so twice is the same as once.

        None when told to stop meanwhile: the sweep sends the message again. Raises what MongoDB refuses.
        """
        while True:
            try:
                return write()
            except (PyMongoError, Unavailable) as error:
                _say_away(self.services, error)
            self.lines.flush()
            if self.signals.stop:
                return None
            time.sleep(AWAY_S)


def _ending(outcome: Outcome) -> tuple[str, dict[str, Any] | None]:
    """Return what the span of an attempt says of its end."""
    return ENDINGS[type(outcome)], outcome.error if isinstance(outcome, Failed) else None


def _large(outcome: Outcome) -> bool:
    return isinstance(outcome, Succeeded) and len(outcome.encoded) > LARGE


def _say_away(services: Services, error: Exception) -> None:
    """A store that is away is waited for. Raises what it refused."""
    if not away(error):
        raise error
    why = services.explain(error) or "MongoDB does not answer, or cannot do it now."
    services.lasting.warning(
        log, "write", why, "%s Trying again. (%s: %.200s)", why, type(error).__name__, error
    )


def main(arguments: list[str]) -> int:
    name, status, handover, folder, parent, *skipped = arguments
    die_with(int(parent))
    os.set_inheritable(int(status), False)  # for this process alone, not for what its tasks start
    adopt()
    faulthandler.enable()  # a crash in C: the log says in which line of Python
    os.environ["TMPDIR"] = tempfile.tempdir = folder  # What a task leaves there goes with the folder.
    supervisor = Receiver(int(handover))
    settings = load({**os.environ, **supervisor.receive()}, SettingReach.CHILD)
    failpoints.arm(os.environ)
    set_up(settings, name)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # a child's streams are real ones
    services = connect(patient(settings))
    child = Child(name, int(status), supervisor, Path(folder), settings, services, frozenset(skipped))
    child.signals.begin_process()
    try:
        child.start()
    except TaskTypeError as error:
        log.error("The task types cannot be loaded; those published before stay. %s", error)
        return CANNOT_LOAD
    except PyMongoError as error:
        log.error("%s (%s)", services.explain(error) or "MongoDB cannot be used.", error)
        return CANNOT_START
    child.loop()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BaseException as error:
        end_as(error)
