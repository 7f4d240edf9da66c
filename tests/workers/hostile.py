"""Task types that do to a worker what no task should."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dtq import Context, task
from tests.workers.process_state.process_changes import change, told

MB = 2**20
DAEMON = [
    sys.executable,
    "-c",
    "import os; os.setsid(); os.fork() and os._exit(0)\n"
    "print(os.getpid(), flush=True); os.close(1); os.execlp('sleep', 'sleep', '600')",
]


@task(title="Hog", memory_mb=400, max_attempts=2)
def hog(ctx: Context, where: str = "here") -> None:
    """Use more and more memory, here or in a process of its own."""
    if where == "child":
        more = "held.append(bytearray(b'x') * 20_000_000); time.sleep(0.05)"
        subprocess.run([sys.executable, "-c", f"import time; held = []\nwhile True: {more}"])
    held = []
    while True:
        held.append(bytearray(b"x") * (20 * MB))
        time.sleep(0.05)


class Backtracking(BaseModel, regex_engine="python-re"):
    """An author may choose Python's own engine, which has no time limit."""

    text: Annotated[str, Field(pattern=r"^(?=a)(\w+\s?)+$")]


@task(title="Check a text for ages")
def backtrack(
    ctx: Context, model: Backtracking, linear: Annotated[str, Field(pattern=r"^(\w+\s?)+$")] = "a"
) -> None:
    """Parameters are checked before the task's own code begins."""


@task(title="Leave a daemon behind")
def daemonise(ctx: Context, then: str = "return") -> list[int]:
    """Start processes in sessions of their own, whose parents are gone."""
    pids = [int(subprocess.run(DAEMON, stdout=subprocess.PIPE).stdout) for _ in range(3)]
    print("daemons", *pids, flush=True)
    if then == "die":
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return pids


@task(title="Fork and exit")
def fork_and_exit(ctx: Context, code: int = 0) -> list[int]:
    """As in a textbook: the fork ends with an exit of its own, and this process waits for it."""
    pid = os.fork()
    if pid == 0:
        print("printed by the fork")
        sys.exit(code)
    return [os.getpid(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]


@task(title="Leave a thread")
def leave_thread(ctx: Context) -> int:
    """Leave a thread that Python would wait for, and a process, so that this one is replaced."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    subprocess.Popen(["sleep", "600"])
    return os.getpid()


@task(title="Change the process")
def change_process(ctx: Context, names: list[str]) -> list[str]:
    """Do all of it that is possible; returns what was."""
    return change(names)


@task(title="Look at the process")
def look_at_process(ctx: Context) -> dict[str, Any]:
    """Say what there is, in every way in which a task might see the one before."""
    logging.getLogger("sample").info("logged by the next")
    return told()


@task(title="Set an alarm")
def set_alarm(ctx: Context) -> None:
    """Leave an alarm that rings in the next task."""
    signal.alarm(1)


@task(title="Leave a talking thread")
def leave_talking(ctx: Context) -> int:
    """Leave a thread that goes on printing."""

    def talk() -> None:
        while True:
            print("said by a thread", flush=True)
            time.sleep(0.01)

    threading.Thread(target=talk, daemon=True).start()
    return os.getpid()


@task(title="Terminate")
def terminate(ctx: Context) -> list[Any]:
    """End processes of its own, as in plain Python."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    process.start()
    process.terminate()
    process.join(8)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        computed = pool.map(abs, [-1, 2])
    program = subprocess.Popen(["sleep", "600"])
    program.send_signal(signal.SIGINT)
    return [process.exitcode, computed, program.wait(8)]


@task(title="Print beside a shell")
def print_beside(ctx: Context) -> int:
    """Have a line printed by a process that the shell does not wait for."""
    subprocess.run(["bash", "-c", "(echo x >&2) 2> >(sleep 0.05; sed s/^/p/)"], check=True)
    return os.getpid()


@task(title="Close files", max_attempts=1)
def close_files(ctx: Context) -> None:
    """Close all files of the process, as programs do that make a daemon of themselves."""
    os.closerange(3, 1024)


@task(title="Share a pool")
def share_pool(ctx: Context) -> list[int]:
    """Compute with processes of a server, which multiprocessing keeps for the next time."""
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        return pool.map(abs, [-1, 2])


@task(title="Fork many", timeout_s=60)
def fork_many(ctx: Context, count: int = 200) -> int:
    """Fork many times and wait for none."""
    for _ in range(count):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    return count


@task(title="Open many files")
def open_many(ctx: Context) -> int:
    """Open files until the system says no, and keep them open."""
    global kept
    kept = []
    while len(kept) < 1_000_000:
        kept.append(os.open(os.devnull, os.O_RDONLY))
    return len(kept)


kept: list[int] = []


@task(title="Spin in C", timeout_s=1)
def spin(ctx: Context) -> None:
    """Hold the interpreter's lock in C: no signal handler of Python runs."""
    pow(3, 10**9)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**10)


@task(title="Print", timeout_s=300)
def flood(ctx: Context, kind: str = "lines", megabytes: int = 1) -> int:
    """Print a lot: lines, one line, or bytes that are no text."""
    block = {
        "lines": b"0123456789abcde\n" * (MB // 16),
        "line": b"x" * MB,
        "binary": bytes(range(256)) * (MB // 256),
        "ansi": b"\x1b[31mred\x1b[0m\n" * (MB // 13),
    }[kind]
    os.write(1, b"the beginning\n")
    for _ in range(megabytes):
        os.write(1, block)
    os.write(1, b"\nthe end\n")
    return megabytes


@task(title="End", max_attempts=1)
def end(ctx: Context, how: str) -> None:
    """End the process in every way there is."""
    print(f"ending by {how}")
    if how == "system_exit":
        sys.exit("enough")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how.startswith("exit_"):
        os._exit(int(how[5:]))
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(5)


@task(title="Give back", max_attempts=3)
def give_back(ctx: Context, what: str) -> Any:
    """Return something that JSON, BSON or both do not like."""
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    made: dict[str, Any] = {
        "below_16_mb": lambda: "x" * int(15.9 * MB),
        "above_16_mb": lambda: "x" * int(16.1 * MB),
        "hundred_mb": lambda: "x" * (100 * MB),
        "nan": lambda: {"mean": float("nan")},
        "nine_byte_int": lambda: 2**64,
        "surrogate": lambda: "\ud800",
        "deep": lambda: deep,
        "dollar": lambda: {"$where": 1},
        "dot": lambda: {"a.b": 1},
        "nul": lambda: {"a\x00b": "c\x00"},
        "number_key": lambda: {1: "one"},
        "bytes": lambda: b"\xff\xfe",
        "generator": lambda: (number for number in range(3)),
        "itself": lambda: itself,
        "object": object,
    }
    return made[what]()


itself: list[Any] = []
itself.append(itself)
