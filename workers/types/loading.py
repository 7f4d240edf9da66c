"""Load each module of task types by itself: one that fails, exits or hangs costs its own types only.

The child imports the modules and reports which one it is at (`load_each`). Its supervisor, which imports
none, keeps the state that pages show, and has the next child skip a module whose import ended or blocked a
whole process (`LoadingProgress`).
"""

from __future__ import annotations

import importlib
import logging
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.catalog import ModuleProblem, WorkerState
from app.core.clock import utcnow
from config import Settings
from dtq import TaskType, TaskTypeError
from dtq.runtime import registry
from workers.types.reload import watched
from workers.types.task_modules import import_problem, sources, wanted

SLOW_S = 10.0
KILL_AFTER_S = 3.0
"""So long after the limit the supervisor kills a child whose import did not heed the interrupt."""
RETRY_FIRST_S, RETRY_LONGEST_S = 60.0, 900.0
SKIP_S = 3600.0
"""A module that blocked or ended a whole process is left out for so long."""
MESSAGE_LIMIT = 500

log = logging.getLogger("workers.types.loading")


class ImportTimeout(BaseException):
    """An import took longer than IMPORT_TIMEOUT_S. Derived from BaseException like an interrupt."""


@dataclass
class LoadedTypes:
    """The task types of the modules that could be imported, and why the others could not."""

    types: dict[str, TaskType] = field(default_factory=dict)
    problems: list[ModuleProblem] = field(default_factory=list)


def load_each(
    settings: Settings, tell: Callable[..., None], skipped: frozenset[str] = frozenset()
) -> LoadedTypes:
    """Import every module but the skipped ones; never raises for what a module does."""
    loaded = LoadedTypes()
    for name, source in sources(settings.task_modules).items():
        if name in skipped:
            continue
        tell(loading=name)
        problem = _load(name, source, settings.import_timeout_s, tell)
        if problem is not None:
            log.error("%s Its task types are not available here; the other modules are.", problem.sentence)
            loaded.problems.append(problem)
    tell(loading=None)
    for name, kind in registry().items():
        try:
            if wanted(kind, settings):
                loaded.types[name] = kind
        except Exception as error:  # the condition is the author's own code
            module = kind.function.__module__
            loaded.problems.append(ModuleProblem(module, f"{name}: when: {_short(error)}"))
    return loaded


def _load(name: str, source: str, limit_s: int, tell: Callable[..., None]) -> ModuleProblem | None:
    """Import one module; returns why it could not be, and forgets what it had registered by then."""
    before = registry()
    began = time.monotonic()
    try:
        with _interrupted_after(limit_s):
            tell(watch=watched([name]))
            importlib.import_module(name)
    except ImportTimeout as error:
        message = f"The import took longer than {limit_s:,} s (IMPORT_TIMEOUT_S) and was stopped"
        problem = ModuleProblem(name, f"{source}: {message}{_place(error)}.", lasting=True)
    except TaskTypeError as error:
        problem = ModuleProblem(name, _short(error))
    except SystemExit as error:
        ended = f"{name} ended its process (SystemExit: {error.code}) at import{_place(error)}"
        problem = ModuleProblem(name, f"{source}: {ended}."[:MESSAGE_LIMIT])
    except BaseException as error:
        problem = ModuleProblem(name, f"{source}: {import_problem(name, error)}"[:MESSAGE_LIMIT])
    else:
        if (took_s := time.monotonic() - began) > SLOW_S:
            log.warning("The import of %s took %.0f s.", name, took_s)
        return None
    registry(before)
    return problem


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _short(error: BaseException) -> str:
    named = "" if isinstance(error, TaskTypeError) else f"{type(error).__name__}: "
    return f"{named}{error}"[:MESSAGE_LIMIT]


@contextmanager
def _interrupted_after(limit_s: float) -> Iterator[None]:
    """A block that ImportTimeout interrupts after a while, wherever it waits in Python."""

    def interrupt(number: int, frame: object) -> None:
        raise ImportTimeout

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit_s, 1.0)  # again each second: `except: pass` swallows one
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class LoadingProgress:
    """How far the child of a supervisor is with its modules. Times are of the monotonic clock."""

    def __init__(self, limit_s: float) -> None:
        self.state = WorkerState.STARTING
        self.module = ""
        self.since: datetime | None = None
        self.problems: tuple[ModuleProblem, ...] = ()
        self._limit_s = limit_s
        self._skipped: dict[str, ModuleProblem] = {}
        self._skip_until = 0.0
        self._began = time.monotonic()
        self._said = False
        self._retry_at: float | None = None
        self._retry_wait_s = RETRY_FIRST_S

    @property
    def skipped(self) -> list[str]:
        """The modules that the next child leaves out."""
        return sorted(self._skipped)

    def begin(self, *, changed: bool = False) -> None:
        """A child starts; with ``changed`` files every module gets another chance."""
        if changed:
            self._retry_wait_s = RETRY_FIRST_S
        if changed or time.monotonic() >= self._skip_until:
            self._skipped.clear()
        self._retry_at, self.module, self.since = None, "", utcnow()
        if self.state is not WorkerState.CANNOT_LOAD:  # that stays on the pages until a child is ready
            self.state = WorkerState.STARTING

    def heard(self, line: Mapping[str, Any]) -> None:
        """Take what the child says about its modules."""
        if "loading" in line:
            self.module, self.since = line["loading"] or "", utcnow()
            self._began, self._said = time.monotonic(), False
            if self.module and self.state is not WorkerState.CANNOT_LOAD:
                self.state = WorkerState.LOADING
        elif "problems" in line:
            found = [ModuleProblem(**problem) for problem in line["problems"]]
            for problem in found:
                if problem.lasting:
                    self._skip(problem)
            self._keep([problem for problem in found if not problem.lasting])
            if not line["types"]:
                self.state = WorkerState.CANNOT_LOAD
        elif "ready" in line:
            self.state, self.module, self.since = WorkerState.READY, "", utcnow()

    def _skip(self, problem: ModuleProblem) -> None:
        self._skipped[problem.module] = problem
        self._skip_until = time.monotonic() + SKIP_S

    def _keep(self, passing: list[ModuleProblem]) -> None:
        self.problems = (*passing, *self._skipped.values())
        if passing:
            self._retry_at = time.monotonic() + self._retry_wait_s
            self._retry_wait_s = min(RETRY_LONGEST_S, self._retry_wait_s * 2)
        else:
            self._retry_wait_s = RETRY_FIRST_S

    def overdue(self) -> bool:
        """Return whether an import has not heeded its limit; log one that takes long, once."""
        if not self.module:
            return False
        took_s = time.monotonic() - self._began
        if took_s > SLOW_S and not self._said:
            self._said = True
            log.warning("Still loading %s after %.0f s; its limit is %g s (IMPORT_TIMEOUT_S).",
                        self.module, took_s, self._limit_s)  # fmt: skip
        return took_s > self._limit_s + KILL_AFTER_S

    def ended(self, how: str) -> None:
        """The child ended while it imported a module: the next child leaves that one out."""
        if not self.module:
            return
        over = time.monotonic() - self._began > self._limit_s
        limit = f"its import took longer than {self._limit_s:g} s (IMPORT_TIMEOUT_S) and was stopped"
        why = limit if over else f"the process {how} while it was imported"
        problem = ModuleProblem(self.module, f"{self.module} cannot be loaded: {why}.", lasting=True)
        log.error("%s Its task types are not available here; the other modules are.", problem.sentence)
        self._skip(problem)
        self.problems = (*(old for old in self.problems if old.module != self.module), problem)
        self.module = ""

    def retry(self) -> bool:
        """Return, once, whether modules that failed shall be tried again, by a fresh child."""
        if self.state is not WorkerState.READY:
            return False
        now = time.monotonic()
        due = self._retry_at is not None and now >= self._retry_at
        due = due or (bool(self._skipped) and now >= self._skip_until)
        if due:
            self._retry_at, self._skipped = None, {}
        return due
