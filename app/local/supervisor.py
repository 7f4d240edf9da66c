"""Start children in order, restart what dies, stop them in reverse order.

What lives here: the loop and the signals. What the children are is decided by the caller.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from app.local.children import ChildError, LocalProcess, Register

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A child that lived so long is restarted after the first pause again."""

AGAIN_S = 1.0
"""One wish to stop may arrive twice (to the process group, and passed on by make); a later one is another."""


def say(text: str) -> None:
    """Tell the person; a terminal that was closed must not keep us from stopping what we started."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def wanted_signals() -> list[signal.Signals]:
    """Those that ask us to stop; `nohup` has made its wish about SIGHUP known."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def _say_slow(child: LocalProcess) -> None:
    say(f"Waiting for {child.name}, up to {child.ready_within_s:g} s. Its log: {child.log}")


class Supervisor:
    """A context: at its end every child is stopped, whatever happened."""

    def __init__(self, register: Path) -> None:
        self._register = Register(register)
        self._children: list[LocalProcess] = []
        self._falls: dict[LocalProcess, int] = {}
        self._due: dict[LocalProcess, float] = {}
        self._started: dict[LocalProcess, float] = {}
        self._stopping = threading.Event()
        self._asked_at = 0.0

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def __enter__(self) -> Supervisor:
        if self._register.bury_leftovers():
            say("Ended what an earlier run had left behind.")
        self._before = {number: signal.signal(number, self._signaled) for number in wanted_signals()}
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if any(child.alive for child in self._children):
            names = ", ".join(child.name for child in reversed(self._children))
            say(f"Stopping {names} (Ctrl-C again: at once).")
        for child in reversed(self._children):
            child.stop()
        self._register.clear()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, children: Sequence[LocalProcess]) -> None:
        """Start them side by side; return when all are ready, or when asked to stop.

        Raises ChildError when a required one is not ready in time; of another one it only says so.
        """
        for child in children:
            self._start(child)
            self._children.append(child)
        for child in children:
            try:
                child.wait_ready(child.ready_within_s, self._stopping.is_set, slow=partial(_say_slow, child))
            except ChildError as problem:
                if child.required:
                    raise
                say(str(problem))

    def watch(self) -> None:
        """Restart what dies, until a signal comes."""
        while not self._stopping.wait(0.1):
            self.check(time.monotonic())

    def check(self, now: float) -> None:
        """One look at every child; ``now`` as given by ``time.monotonic``."""
        for child in self._children:
            if child in self._due:
                if now >= self._due[child]:
                    del self._due[child]
                    self._start(child)
            elif not child.alive:
                self._due[child] = now + self._pause(child, now)

    def _pause(self, child: LocalProcess, now: float) -> float:
        """Say that it ended; how long to wait before it is started again."""
        steady = now - self._started[child] > STEADY_S
        self._falls[child] = 1 if steady else self._falls.get(child, 0) + 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self._falls[child] - 1))
        say(f"{child.name} {child.ending}; it is started again in {pause:g} s. Its log: {child.log}")
        return pause

    def _start(self, child: LocalProcess) -> None:
        child.kill()  # What it started may have outlived it.
        child.start()
        self._started[child] = time.monotonic()
        self.record(child)

    def record(self, *more: LocalProcess) -> None:
        """Write down which processes are ours now."""
        self._register.write([*self._children, *more])

    def _signaled(self, number: int, frame: FrameType | None) -> None:
        """The first signal asks to stop; one that comes later, while we stop, kills."""
        if not self._stopping.is_set():
            self._asked_at = time.monotonic()
            self._stopping.set()
        elif time.monotonic() - self._asked_at > AGAIN_S:
            for child in self._children:
                child.kill_group()
