"""The signals between a supervisor and its child, and what the child does with them.

Cancellation and time have real-time signals, which no task, library or virtual machine uses for itself: an
alarm that a task sets is the task's own. What a task forks or starts has Python's own signals.
"""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from dtq import Canceled
from workers.attempt.attempt import TimedOut
from workers.attempt.coroutines import interrupt

_REAL_TIME = int(getattr(signal, "SIGRTMIN", 0))  # macOS has none
CANCEL_GENTLY = _REAL_TIME + 10 if _REAL_TIME else int(signal.SIGUSR1)
CANCEL_NOW = _REAL_TIME + 11 if _REAL_TIME else int(signal.SIGUSR2)
TIME_OVER = _REAL_TIME + 12 if _REAL_TIME else int(signal.SIGALRM)
STOP = int(signal.SIGTERM)

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_IGNORED_BY_PYTHON = {getattr(signal, name, None) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ")}
_SENT_TO_FORKS = (STOP, int(signal.SIGINT))

Handler = Callable[[int, FrameType | None], None]


class Signals:
    """What the supervisor asked for; it may interrupt only while a task's own code runs.

    ``deadline`` is when the time of the attempt is over, by the monotonic clock: only from then on is it
    believed that it took too long.
    """

    def __init__(self) -> None:
        self.stop = False
        self.canceled = False
        self.deadline = math.inf
        self._interruptible = False
        self._before_fork = threading.local()
        self._handlers: dict[int, Handler] = {
            STOP: self._stop,
            CANCEL_GENTLY: self._cancel,
            CANCEL_NOW: self._interrupt,
            TIME_OVER: self._interrupt,
            signal.SIGINT: self._ignore,  # not SIG_IGN, which programs would inherit
        }
        self.install()

    def install(self) -> None:
        """Take them, also from a task that has left handlers of its own."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def begin_process(self) -> None:
        """Have the signals of a fresh Python, here and in whatever is forked or started from here.

        The process that started this one may have ignored or blocked some.
        """
        for number in signal.valid_signals() - _IGNORED_BY_PYTHON:
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.register_at_fork(
            before=self._hold, after_in_parent=self._release, after_in_child=self._leave_to_python
        )

    def running(self, begun: bool) -> None:
        """The task's own code begins or has ended; what it has set then interrupts nothing that follows."""
        self._interruptible = begun
        if not begun:
            self._quiet()

    def _quiet(self) -> None:
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        faulthandler.cancel_dump_traceback_later()  # it may end the process, too
        signal.set_wakeup_fd(-1)
        self.install()
        if blocked := signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            for number in signal.sigpending() - self._handlers.keys():  # most would end the process
                signal.signal(number, signal.SIG_IGN)
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stop = True

    def _cancel(self, number: int, frame: FrameType | None) -> None:
        self.canceled = True

    def _ignore(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C is for the fleet, which tells its workers to stop."""

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._interruptible:
            return
        if number == CANCEL_NOW:
            interrupt(Canceled(), frame)
        elif time.monotonic() >= self.deadline:
            interrupt(TimedOut(), frame)

    # Forks: Python's own signals from their first moment on

    def _hold(self) -> None:
        """One that comes before the fork has its own handlers waits for them; else it would be lost."""
        self._before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SENT_TO_FORKS)

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before_fork.mask)

    def _leave_to_python(self) -> None:
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == handler:  # else it is the task's own, and a fork keeps that
                own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, own)
        self._release()
