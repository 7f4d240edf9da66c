"""What stands in this process for one that a task has started: objects of `subprocess` and `multiprocessing`.

No list of them exists, so the objects of the interpreter are gone through, which takes some 20 ms: only where
a task has left processes.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Collection, Container, Iterator
from multiprocessing.process import BaseProcess
from typing import Any


def collect(ended: Collection[int]) -> None:
    """Let those that stand for one that has ended learn how it did."""
    multiprocessing.active_children()
    if (dropped := _of_module("subprocess", "_cleanup")) is not None:
        dropped()
    if ended:
        for program in _alive(subprocess.Popen):
            if program.pid in ended:
                program.poll()


def miss(killed: Collection[int]) -> bool:
    """Whether one that was killed is held by something: a pool or a server in a variable of a module.

    What is part of a cycle that nobody holds counts for nothing.
    """
    if not killed or not _held(killed):
        return False
    gc.collect()
    return _held(killed)


def _held(killed: Collection[int]) -> bool:
    for owner in _alive(subprocess.Popen, BaseProcess):
        with contextlib.suppress(ValueError):  # a process that was closed
            if owner.pid in killed:
                return True
    return False


def end_helpers(ours: Container[int] = ()) -> dict[str, int]:
    """Ask those of multiprocessing to end, but ``ours``; returns which there were.

    Python starts each again on next use. The tracker removes semaphores and shared memory that are left.
    """
    asked: dict[str, int] = {}
    server = _of_module("multiprocessing.forkserver", "_forkserver")
    if (pid := getattr(server, "_forkserver_pid", None)) is not None and pid not in ours:
        asked["server"] = pid
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = server._forkserver_pid = None
        with contextlib.suppress(OSError, TypeError):
            os.unlink(server._forkserver_address)
        server._forkserver_address = None
    tracker = _of_module("multiprocessing.resource_tracker", "_resource_tracker")
    if (pid := getattr(tracker, "_pid", None)) is not None and pid not in ours:
        asked["tracker"] = pid
        gc.collect()  # what nobody holds removes its own first
        os.close(tracker._fd)
        tracker._fd = tracker._pid = None
    return asked


def tracked() -> bool:
    """Whether something holds a semaphore or shared memory that the tracker has removed."""
    kinds = [
        _of_module("multiprocessing.synchronize", "SemLock"),
        _of_module("multiprocessing.shared_memory", "SharedMemory"),
    ]
    for found in _alive(*(kind for kind in kinds if kind is not None)):
        lock = getattr(found, "_semlock", None)
        if lock is None or lock.name is not None:  # that of a fork has no name, and needs no tracker
            return True
    return False


def _of_module(module: str, name: str) -> Any:
    """What only matters where the module has been imported."""
    return getattr(sys.modules.get(module), name, None)


def _alive(*kinds: type) -> Iterator[Any]:
    """The objects of these classes and of those below them; no code of theirs is run to find them."""
    wanted = {with_subclass for kind in kinds for with_subclass in _with_subclasses(kind)}
    return iter([found for found in gc.get_objects() if type(found) in wanted])


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    below: type
    for below in type.__subclasses__(kind):
        yield from _with_subclasses(below)
