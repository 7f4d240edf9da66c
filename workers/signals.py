"""The signals between a supervisor and its child, and what the child does with them."""

from __future__ import annotations

import signal
from types import FrameType

from workers.context import Canceled
from workers.coroutines import interrupt
from workers.runtime import TimedOut

CANCEL_GENTLY = signal.SIGUSR1
CANCEL_NOW = signal.SIGUSR2
TIME_OVER = signal.SIGALRM
STOP = signal.SIGTERM


class Signals:
    """What the supervisor asked for; it may interrupt only while a task's own code runs."""

    def __init__(self) -> None:
        self.stop = False
        self.canceled = False
        self._interruptible = False
        self.install()

    def install(self) -> None:
        """Take them, also from a task that has left handlers of its own."""
        signal.signal(STOP, self._stop)
        signal.signal(CANCEL_GENTLY, self._cancel)
        signal.signal(CANCEL_NOW, self._interrupt)
        signal.signal(TIME_OVER, self._interrupt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def running(self, begun: bool) -> None:
        self._interruptible = begun

    def _stop(self, number: int, frame: object) -> None:
        self.stop = True

    def _cancel(self, number: int, frame: object) -> None:
        self.canceled = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interruptible:
            interrupt(Canceled() if number == CANCEL_NOW else TimedOut(), frame)
