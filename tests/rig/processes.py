"""Processes from outside: wait for what they do, and look which of them live."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

ROOT = Path(__file__).parents[2]
Seen = TypeVar("Seen")


def until(look: Callable[[], Seen | None], seconds: float = 20.0) -> Seen:
    """Wait for a look to be true; fails with what was seen last."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"not true within {seconds} s; last seen: {look()!r}")


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has collected yet (a container's PID 1 may not) has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
