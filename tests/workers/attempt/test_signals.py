"""The signals of the child: its own while a task runs, and Python's in whatever the task forks or starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# What a process has of its own is compared with that of a plain Python, which runs the same program.
PROGRAM = """
    import concurrent.futures, json, multiprocessing, os, pty, signal, subprocess, sys, threading

    def own():
        numbers = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
        handlers = {number: named(signal.getsignal(number)) for number in numbers}
        return {"handlers": handlers, "kernel": kernel()}

    def named(handler):
        return getattr(handler, "__name__", str(handler))

    def kernel():
        wanted = ("SigBlk", "SigIgn", "SigCgt")
        return [line.split() for line in open("/proc/self/status") if line[:6] in wanted]

    PROGRAM = (
        "print([line.split() for line in open('/proc/self/status')"
        " if line[:6] in ('SigBlk', 'SigIgn', 'SigCgt')])"
    )

    def piped(start):
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        start(writer)
        os.close(writer)
        return b"".join(iter(lambda: os.read(reader, 65536), b"")).decode()

    def fork(how=os.fork):
        def start(writer):
            made = how()
            pid = made if isinstance(made, int) else made[0]
            if pid == 0:
                os.write(writer, json.dumps(own()).encode())
                os._exit(0)
            os.waitpid(pid, 0)
        return piped(start)

    def in_a_thread():
        found = []
        thread = threading.Thread(target=lambda: found.append(fork()))
        thread.start()
        thread.join()
        return found[0]

    def in_a_process(method):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=tell, args=(queue,))
        process.start()
        seen = queue.get()
        process.join()
        return seen

    def tell(queue):
        queue.put(own())

    def pool(method):
        with multiprocessing.get_context(method).Pool(1) as made:
            return made.apply(own)

    def executor():
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as made:
            return made.submit(own).result()

    def program(*words, **given):
        return subprocess.run([*words, sys.executable, "-S", "-c", PROGRAM],
                              stdout=subprocess.PIPE, check=True, **given).stdout.decode()

    def shell():
        line = f'{sys.executable} -S -c "$WHAT"'
        return subprocess.run(line, shell=True, stdout=subprocess.PIPE, check=True,
                              env={**os.environ, "WHAT": PROGRAM}).stdout.decode()

    def redirected(writer):
        return f"import os; os.dup2({writer}, 1); {PROGRAM}"

    def spawned(writer):
        words = [sys.executable, "-S", "-c", redirected(writer)]
        os.waitpid(os.posix_spawn(sys.executable, words, os.environ), 0)

    def executed(writer):
        pid = os.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-S", "-c", redirected(writer)])
        os.waitpid(pid, 0)

    WAYS = {
        "os.fork": fork,
        "os.forkpty": lambda: fork(pty.fork),
        "os.fork in a thread": in_a_thread,
        "multiprocessing, fork": lambda: in_a_process("fork"),
        "multiprocessing, spawn": lambda: in_a_process("spawn"),
        "multiprocessing, forkserver": lambda: in_a_process("forkserver"),
        "Pool, fork": lambda: pool("fork"),
        "Pool, spawn": lambda: pool("spawn"),
        "Pool, forkserver": lambda: pool("forkserver"),
        "ProcessPoolExecutor": executor,
        "subprocess": program,
        "subprocess with a shell": shell,
        "subprocess in a session of its own": lambda: program(start_new_session=True),
        "subprocess with preexec_fn": lambda: program(preexec_fn=lambda: None),
        "subprocess without close_fds": lambda: program(close_fds=False),
        "subprocess through nohup": lambda: program("nohup"),
        "os.posix_spawn": lambda: piped(spawned),
        "os.system": lambda: piped(lambda writer: os.system(f"{sys.executable} -S -c '{quoted(writer)}'")),
        "os.fork and os.execv": lambda: piped(executed),
    }

    def quoted(writer):
        return redirected(writer).replace("'", '"')

    def of_the_task():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, task_handler)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        return fork()

    def task_handler(number, frame):
        pass

    WAYS["os.fork, with handlers and a mask of the task"] = of_the_task

    if __name__ == "__main__":
        if sys.argv[1:] == ["worker"]:
            from workers.attempt.signals import Signals
            signals = Signals()
            signals.begin_process()
            signals.running(True)
        print(json.dumps({name: str(way()) for name, way in WAYS.items()}))
"""


def heeds_ctrl_c() -> None:
    """Have a program begin as from a terminal: what a shell starts in the background ignores Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def ways(tmp_path: Any, *words: str) -> dict[str, str]:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, str(path), *words]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=120, preexec_fn=heeds_ctrl_c
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_whatever_a_task_forks_or_starts_has_the_signals_that_plain_python_gives_it(tmp_path: Any) -> None:
    plain, of_a_worker = ways(tmp_path), ways(tmp_path, "worker")

    assert len(plain) == 20 and all(plain.values())
    assert {way: of_a_worker[way] for way in plain if of_a_worker[way] != plain[way]} == {}


ENDED = """
    import multiprocessing, os, signal, subprocess, sys, time
    from workers.attempt.signals import STOP, Signals

    def nap():
        time.sleep(60)

    if __name__ == "__main__":
        signals = Signals()
        signals.begin_process()
        signals.running(True)
        context = multiprocessing.get_context("fork")
        for _ in range(100):  # the signal comes while the fork is still on its way
            process = context.Process(target=nap)
            process.start()
            process.terminate()
            process.join(8)
            assert process.exitcode == -15, process.exitcode
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                assert pool.map(abs, [-1, -2]) == [1, 2]
        for shell in (True, False):
            program = subprocess.Popen("exec sleep 60" if shell else ["sleep", "60"], shell=shell)
            program.send_signal(signal.SIGINT)
            assert program.wait(8) == -2
        pid = os.fork()
        if pid == 0:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(8)
            except KeyboardInterrupt:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        os.kill(os.getpid(), STOP)
        assert signals.stop, "this process has its own signals all the while"
"""


def run(program: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    path = [sys.executable, "-c", textwrap.dedent(program)]
    words = ["sh", "-c", f'{before} exec "$@"', "sh", *path] if before else path
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)


def test_what_a_task_started_ends_as_in_plain_python(tmp_path: Any) -> None:
    path = tmp_path / "ended.py"
    path.write_text(textwrap.dedent(ENDED))
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=100
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


BEGUN = """
    import signal
    from workers.attempt.signals import Signals
    Signals().begin_process()
    ignored = [number.name for number in signal.Signals if signal.getsignal(number) is signal.SIG_IGN]
    print(sorted(ignored), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


def test_what_the_starter_of_a_worker_ignored_or_blocked_is_not_passed_on() -> None:
    blocked = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        done = run(BEGUN, before="trap '' INT HUP CHLD QUIT;")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)

    assert done.stdout == "['SIGPIPE', 'SIGXFSZ'] set()\n", done.stderr


LEFT = """
    import os, signal, time
    from dtq import Canceled
    from workers.attempt.signals import CANCEL_NOW, TIME_OVER, Signals

    def surprise(number, frame):
        raise RuntimeError("of the task")

    signals = Signals()
    signals.begin_process()
    for leave in (
        lambda: signal.setitimer(signal.ITIMER_REAL, 0.02),
        lambda: signal.setitimer(signal.ITIMER_PROF, 0.02),
        lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 0.02, 0.02),
        lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
                 signal.raise_signal(signal.SIGALRM)),
        lambda: (signal.signal(signal.SIGALRM, surprise), signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)),
        lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]),
                 signal.signal(signal.SIGALRM, surprise), signal.raise_signal(signal.SIGALRM)),
        lambda: [signal.signal(number, surprise) for number in (TIME_OVER, CANCEL_NOW, signal.SIGTERM)],
        lambda: signal.set_wakeup_fd(os.pipe2(os.O_NONBLOCK)[1]),
    ):
        signals.running(True)
        leave()
        signals.running(False)
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        for number in (TIME_OVER, CANCEL_NOW, signal.SIGTERM):
            os.kill(os.getpid(), number)
    assert signals.stop and signal.set_wakeup_fd(-1) == -1

    signals.running(True)
    signals.deadline = time.monotonic() + 0.2
    os.kill(os.getpid(), TIME_OVER)
    time.sleep(0.25)
    try:
        os.kill(os.getpid(), TIME_OVER)
    except BaseException as error:
        print(type(error).__name__)
    try:
        os.kill(os.getpid(), CANCEL_NOW)
    except Canceled:
        print("Canceled")
    signal.alarm(1)
    time.sleep(2)
"""


def test_nothing_that_a_task_has_set_interrupts_what_follows_and_an_alarm_is_the_tasks_own() -> None:
    done = run(LEFT)

    assert done.stdout == "TimedOut\nCanceled\n", done.stderr
    assert done.returncode == -signal.SIGALRM
