"""Processes that a task started and did not end: they end with its attempt, and with whoever ran it.

On Linux a process that runs tasks adopts what its descendants leave behind, also what made itself a
daemon, so everything stays below it. Elsewhere only the process group is known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Container

import psutil

_PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 50
ROUND_S = 0.02


def adopt() -> bool:
    """Become the parent of every descendant whose own parent dies; returns whether the system can."""
    return sys.platform == "linux" and not ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_strays(ours: Container[int] = ()) -> int:
    """Kill and collect the children of this process but ``ours``, and all below them; returns how many.

    Costs one system call where there is none. Some may fork faster than they are found: several rounds.
    """
    killed: set[int] = set()
    for _ in range(ROUNDS):
        if not _has_children():
            break
        strays = _below(ours)
        if not strays:
            break
        for stray in strays:
            killed.add(stray.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                stray.kill()
        for stray in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray.pid, os.WNOHANG)
        time.sleep(ROUND_S)
    return len(killed)


def _has_children() -> bool:
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _below(ours: Container[int]) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process().children():
            if child.pid not in ours:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += [*child.children(recursive=True), child]
    return found
