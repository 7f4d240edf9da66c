"""Task types for the cases: one with an effect that counts, and those that behave as badly as they can."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from dtq import Context, task
from tests.chaos import effects
from tests.workers.process_state.process_changes import change, told


@task(title="Mark", category="Chaos", timeout_s=600, max_attempts=20)
def mark(ctx: Context, number: int = 0, seconds: float = 0.0) -> dict[str, int]:
    """Take some time, then have an effect."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    effects.note(str(ctx.task_id), ctx.attempt)
    return {"number": number, "attempt": ctx.attempt}


@task(title="Mark first", category="Chaos", timeout_s=600, max_attempts=20)
def mark_first(ctx: Context, seconds: float = 0.0) -> str:
    """Have an effect, then take some time."""
    effects.note(str(ctx.task_id), ctx.attempt)
    time.sleep(seconds)
    return "rested"


@task(title="Mark after steps", category="Chaos", timeout_s=600, max_attempts=20)
def mark_after_steps(ctx: Context, steps: int = 20) -> None:
    """Take some steps, of which none is taken while the process is stopped; then have an effect."""
    for _ in range(steps):
        time.sleep(0.05)
    effects.note(str(ctx.task_id), ctx.attempt)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


RESULTS: dict[str, Callable[[], Any]] = {
    "15.9 MB": lambda: "x" * int(15.9 * 2**20),
    "16.1 MB": lambda: "x" * int(16.1 * 2**20),
    "100 MB": lambda: "x" * (100 * 2**20),
    "NaN": lambda: float("nan"),
    "9-byte int": lambda: 2**70,
    "lone surrogate": lambda: "\ud800",
    "depth 200": lambda: _deep(200),
    "keys": lambda: {"$where": 1, "a.b": 2, "a\x00b": 3},
    "bytes": lambda: b"\xff\x00",
    "generator": lambda: (number for number in range(3)),
    "object": object,
    "itself": lambda: (itself := [], itself.append(itself))[0],
}


@task(title="Give", category="Chaos", max_attempts=1)
def give_result(ctx: Context, what: str) -> Any:
    """Return something difficult."""
    return RESULTS[what]()


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


ENDS: dict[str, Callable[[], Any]] = {
    "SystemExit": lambda: sys.exit(3),
    "KeyboardInterrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "exit code 0": lambda: os._exit(0),
    "exit code 1": lambda: os._exit(1),
    "SIGSEGV": _crash,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@task(title="End", category="Chaos", max_attempts=1)
def end(ctx: Context, how: str) -> None:
    """End the process instead of returning."""
    ENDS[how]()


def _swallow() -> None:
    while True:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: S112 - that is the point
            continue


def _hog() -> None:
    held = []
    while True:
        if len(held) < 24:  # 1.2 GB: enough for any limit, and the machine lives on
            held.append(bytearray(os.urandom(1) * (50 * 2**20)))
        time.sleep(0.01)


def _loop() -> None:
    while True:
        pass


HOLDS: dict[str, Callable[[], Any]] = {
    "memory hog": _hog,
    "endless loop": _loop,
    "except: pass": _swallow,
    "loop in C": lambda: sum(range(10**13)),
}


@task(title="Hold on", category="Chaos", timeout_s=2, max_attempts=1)
def hold(ctx: Context, how: str) -> None:
    """Never return."""
    HOLDS[how]()


@task(title="Poison", category="Chaos", max_attempts=10)
def poison(ctx: Context, victim: Literal["child", "supervisor"] = "child") -> None:
    """Kill its worker."""
    os.kill(os.getppid() if victim == "supervisor" else os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _daemonise() -> int:
    """Twice forked, with a session of its own; returns its process id."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writer, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    os.wait()
    return int(os.read(reader, 20))


def _fork_many() -> int:
    for _ in range(150):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    return 150


def _open_many() -> int:
    held = []
    for _ in range(1_000_000):
        held.append(open(os.devnull))  # noqa: SIM115 - never closed, on purpose
    return len(held)


ESCAPES: dict[str, Callable[[], int]] = {
    "daemonise": _daemonise,
    "fork many": _fork_many,
    "open a million files": _open_many,
}


@task(title="Escape", category="Chaos", max_attempts=1)
def escape(ctx: Context, how: str) -> int:
    """Leave more behind than a task should."""
    return ESCAPES[how]()


@task(title="Talk", category="Chaos", timeout_s=300, max_attempts=1)
def talk(ctx: Context, how: str, mb: int = 1024) -> None:
    """Print far too much, between a first and a last line."""
    os.write(1, b"FIRST\n")
    block = {"lines": b"a line of text.\n" * 2**16, "one line": b"x" * 2**20}.get(how)
    for _ in range(mb if block else 0):
        os.write(1, block or b"")
    if how == "bytes":
        os.write(1, b"\xff\xfe\x80 not text \x1b[31mred\x1b[0m \x00\n")
    os.write(1, b"\nLAST\n")


@task(title="Change the process", category="Chaos", max_attempts=1)
def change_process(ctx: Context, names: list[str]) -> list[str]:
    """Change all of the state of its process that can be changed."""
    return change(names)


@task(title="Look at the process", category="Chaos", max_attempts=1)
def look_at_process(ctx: Context) -> dict[str, Any]:
    """Say what a task finds."""
    return told()
