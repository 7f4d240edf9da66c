"""Processes that a task started and did not end: they end with its attempt, and with the process that ran it.

On Linux a process that runs tasks adopts what its descendants leave behind, also what made itself a
daemon, so everything stays below it. Elsewhere only the process group is known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from pathlib import Path

import psutil

from workers.process_state import stray_owners

_PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 50
ROUND_S = 0.02
GRACE_S, LOOK_S = 0.3, 0.005
"""A shell does not wait for what it runs beside itself, which may have a line to print yet."""
HELPERS_S = 2.0


@dataclass(frozen=True)
class CleanedUp:
    """How many processes had to be killed, and whether something that outlives the attempt misses one."""

    count: int = 0
    missed: bool = False


def adopt() -> bool:
    """Become the parent of every descendant whose own parent dies; returns whether the system can."""
    return sys.platform == "linux" and not ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_strays_of_task(ours: Collection[int] = ()) -> CleanedUp:
    """End what a task has left, but ``ours``: after a short while, for what is about to end by itself.

    Costs one system call where there is nothing.
    """
    if not _has_children() or (ours and not _children(ours)):
        return CleanedUp()
    helpers = stray_owners.end_helpers(ours)
    not_theirs = {*ours, *helpers.values()}
    killed: set[int] = set()
    if not _all_end_within(GRACE_S, not_theirs):
        killed = _kill(not_theirs, lambda: _collect_for_owners(ours))
    if _all_end_within(HELPERS_S if helpers else 0, ours):
        _collect_for_owners(ours)
    killed |= _kill(ours, lambda: _collect_for_owners(ours)) - not_theirs
    removed = "tracker" in helpers and stray_owners.tracked()
    return CleanedUp(len(killed), removed or stray_owners.miss(killed))


def end_strays(ours: Container[int] = ()) -> int:
    """Kill and collect the children of this process but ``ours``, and all below them; returns how many."""
    return len(_kill(ours, lambda: None))


def _kill(ours: Container[int], collect: Callable[[], None]) -> set[int]:
    """Some may fork faster than they are found: several rounds. Returns those that were not over already."""
    killed: set[int] = set()
    for _ in range(ROUNDS):
        if not _has_children() or (ours and not _children(ours)):
            break
        strays = _below(ours)
        if not strays:
            break
        for stray in strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                if stray.status() != psutil.STATUS_ZOMBIE:
                    stray.kill()
                    killed.add(stray.pid)
        time.sleep(ROUND_S)
        collect()
        for stray in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray.pid, os.WNOHANG)
    return killed


def _all_end_within(seconds: float, ours: Container[int]) -> bool:
    deadline = time.monotonic() + seconds
    while not all(_has_ended(pid) for pid in _children(ours)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_S)
    return True


def _collect_for_owners(ours: Container[int]) -> None:
    """Collect those that have ended, each by the object that stands for it, which else never knows how."""
    ended = [pid for pid in _children(ours) if _has_ended(pid)]
    stray_owners.collect(ended)
    for pid in ended:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _has_children() -> bool:
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _has_ended(pid: int) -> bool:
    """Whether a child is over; it stays to be collected."""
    try:
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except (ChildProcessError, psutil.NoSuchProcess):
        return True


def children() -> list[int]:
    """The children of this process, also those that it has adopted."""
    try:
        threads = list(Path("/proc/self/task").iterdir())
        return [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
    except OSError:  # not on Linux, or a kernel without these files, or a thread that has just ended
        return [child.pid for child in psutil.Process().children()]


def _children(ours: Container[int]) -> list[int]:
    return [pid for pid in children() if pid not in ours]


def _below(ours: Container[int]) -> list[psutil.Process]:
    """All below this process but ours, the lowest first."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        if not ours:
            return psutil.Process().children(recursive=True)[::-1]
        for child in psutil.Process().children():
            if child.pid not in ours:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += [*child.children(recursive=True), child]
    return found
