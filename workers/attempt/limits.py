"""What an attempt may take of its host: memory, and disk for its output. Enforced by the supervisor.

A thread of its own looks ten times a second, so that a store that is away does not stand in the way.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.core.files.attempt_logs import HEAD_PARTS, TAIL_PARTS
from app.core.files.log_text import PART

EVERY_S = 0.1
MEASURE_EVERY = 3
SPARE_FILES, LEAKED_FILES = 64, 256
SLACK_PARTS = 16  # What is read as the tail just now may already be behind it: leave it there for a while.
_KEEP_SIZE, _PUNCH_HOLE = 1, 2

log = logging.getLogger("workers.attempt.limits")


@dataclass
class Limits:
    """The limits of one attempt, run by the process ``pid`` and all below it; 0 MB is no limit.

    ``used_mb`` is what it used when it was killed for that, else None.
    """

    pid: int
    output: Path
    memory_mb: int
    used_mb: int | None = None
    over: bool = False
    _looks: int = 0
    _empty: int = (HEAD_PARTS + 1) * PART  # a secret that the head ends in must be found whole

    def look(self) -> None:
        """Enforce all of them once."""
        self._empty = make_hole(self.output, self._empty)
        self._looks += 1
        if self.memory_mb and not self.over and self._looks % MEASURE_EVERY == 0:
            used = memory_of(self.pid, self.memory_mb * 2**20)
            if used > self.memory_mb * 2**20 and self.output.exists():  # else its attempt has just ended
                self.used_mb = used // 2**20
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def sentence(self) -> str:
        """Why it was killed."""
        return f"The task used {self.used_mb:,} MB of memory; its limit is {self.memory_mb:,} MB."


class Guard:
    """The thread, and the attempt that it looks after now."""

    def __init__(self) -> None:
        self._limits: Limits | None = None
        self._busy = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limits", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def watch(self, limits: Limits | None) -> None:
        """Look after another attempt, or none."""
        self._limits = limits
        self._busy.set() if limits else self._busy.clear()

    def _run(self) -> None:
        while self._busy.wait():
            time.sleep(EVERY_S)
            if limits := self._limits:
                with contextlib.suppress(OSError):
                    limits.look()


def memory_of(pid: int, enough: int = 0) -> int:
    """The memory of a process and all below it, in bytes; what is gone counts as nothing.

    Where it seems to be more than ``enough``, what they share is divided among them: that is exact, and
    slower. (After a fork everything is shared.)
    """
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    used = sum(_memory(one, exact=False) for one in family)
    return used if used <= enough else sum(_memory(one, exact=True) for one in family)


def _memory(process: psutil.Process, *, exact: bool) -> int:
    try:
        if exact and sys.platform == "linux":
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


class OpenFiles:
    """The open files of this process: a task may use all but a few, so that its end can be written down.

    What tasks leave open stays so, as a pool of connections does; ``leaked`` says when that is too much.
    """

    def __init__(self) -> None:
        soft, self._hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        endless = self._hard == resource.RLIM_INFINITY
        self._ours = soft + SPARE_FILES if endless else min(soft + SPARE_FILES, self._hard)
        self._first: int | None = None
        self.leaked = False

    @contextlib.contextmanager
    def spared(self) -> Iterator[None]:
        """A block in which the last few cannot be opened; `leaked` says then whether tasks left many open."""
        if self._first is None:
            self._first = _next_file()
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._ours - SPARE_FILES, self._hard))
        try:
            yield
        finally:
            self.leaked = not self._spare() or _next_file() - self._first > LEAKED_FILES

    def _spare(self) -> bool:
        """Have the last few as well; returns whether that, and one more, is possible."""
        with contextlib.suppress(ValueError, OSError):  # the task lowered the hard limit, which is for good
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._ours, self._hard))
            return _next_file() < self._ours
        return False


def _next_file() -> int:
    """The lowest descriptor that is free: about as many are open."""
    free, other = os.pipe()  # needs no file system, of which the task may have left this process none
    os.close(free)
    os.close(other)
    return free


def make_hole(path: Path, start: int) -> int:
    """Give back the disk of what is neither head nor tail of an output; returns where to go on.

    The file stays as long as it is, so that its parts keep their places. Overwriting secrets in it at
    the same time (`output_capture.fill`) at most brings a block of it back. Does nothing where the file
    system has no holes.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return start
    end = (-(-size // PART) - TAIL_PARTS - SLACK_PARTS) * PART
    if end - start < SLACK_PARTS * PART or not _punch(path, start, end - start):
        return start
    return end


def _punch(path: Path, start: int, length: int) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as output:
        place, size = ctypes.c_int64(start), ctypes.c_int64(length)
        if libc.fallocate(output.fileno(), _KEEP_SIZE | _PUNCH_HOLE, place, size) == 0:
            return True
    if ctypes.get_errno() not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINTR):
        log.warning("%s cannot be shortened: %s", path, os.strerror(ctypes.get_errno()))
    return False
