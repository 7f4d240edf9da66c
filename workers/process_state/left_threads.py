"""Threads that a task has left: they would print into the log of the next, and nothing can end them."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from concurrent.futures import thread as executors

GRACE_S = 0.3
_WAIT_S = 0.01
_IDLE = getattr(executors, "_worker", lambda: None).__code__


class Threads:
    """The threads of this process when it had run no task yet."""

    def __init__(self) -> None:
        self._known = set(threading.enumerate())
        self._nameless = _nameless()

    def left(self) -> list[str]:
        """The names of those that a task has left, after a while for those that are about to end."""
        deadline = None
        while found := self._found():
            now = time.monotonic()
            deadline = deadline or now + GRACE_S
            if now >= deadline:
                break
            time.sleep(_WAIT_S)
        return found

    def _found(self) -> list[str]:
        named = [thread for thread in threading.enumerate() if thread not in self._known]
        names = [thread.name for thread in named if thread.is_alive() and not _harmless(thread)]
        nameless = _nameless() - self._nameless
        return names + ["one without a name"] * nameless


def _harmless(thread: threading.Thread) -> bool:
    """One of our MongoDB client, of a pool in C that has called Python, or of an idle executor."""
    if thread.name.startswith("pymongo_") or isinstance(thread, threading._DummyThread):
        return True
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code is _IDLE


def _nameless() -> int:
    """How many threads were started below `threading`."""
    started = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not isinstance(thread, threading._DummyThread)
    ]
    return max(0, _thread._count() - len(started))
