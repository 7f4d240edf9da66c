"""What an attempt may take of its host: memory, disk for its output, processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from bson import ObjectId

from app.core.files.attempt_logs import HEAD_PARTS, PART
from app.core.secrets.redaction import Mask
from app.core.secrets.secret import MASK
from app.core.services import Services
from tests.canary import CANARY, hits
from workers.attempt import limits
from workers.attempt.limits import Guard, Limits, make_hole, memory_of
from workers.attempt.output_capture import LogWriter

linux = pytest.mark.skipif(sys.platform != "linux", reason="holes in files are asked of Linux")


def disk_of(path: Path) -> int:
    return path.stat().st_blocks * 512


@linux
def test_of_a_huge_output_only_head_and_tail_are_on_disk(services: Services, tmp_path: Path) -> None:
    path, task_id, start = tmp_path / "log", ObjectId(), 8 * PART
    writer = LogWriter(services.logs, path, task_id, 1, Mask())
    with path.open("ab") as output:
        output.write(b"the beginning\n")
        for _ in range(64):
            output.write(b"middle, " * (2**20 // 8))
            start = make_hole(path, start)
        output.write(b"\nthe end")
        output.flush()
        make_hole(path, start)
        writer.write()

    assert path.stat().st_size > 64 * 2**20 and disk_of(path) < 5 * 2**20
    log = services.logs.read(task_id, 1)
    assert log.text.startswith("the beginning\nmiddle, ") and log.text.endswith("middle, \nthe end")
    assert "\x00" not in log.text


@linux
def test_a_secret_that_the_head_ends_in_is_hidden_although_the_hole_came_first(
    services: Services, tmp_path: Path
) -> None:
    path, task_id, mask = tmp_path / "log", ObjectId(), Mask([CANARY])
    place = HEAD_PARTS * PART - 9
    path.write_bytes(b"x" * place + CANARY.encode() + b"y" * 90 * PART + CANARY.encode())
    Limits(os.getpid(), path, 0).look()
    assert disk_of(path) < 50 * PART
    writer = LogWriter(services.logs, path, task_id, 1, mask)
    writer.write(ended=True)

    log = services.logs.read(task_id, 1)
    assert CANARY[:6] not in log.text and log.text.endswith(f"y{MASK}")
    assert hits(path.read_bytes()) == [] and disk_of(path) < 50 * PART


def test_a_short_output_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * PART * 40)

    assert make_hole(path, 8 * PART) == 8 * PART
    assert path.read_bytes() == b"x" * PART * 40
    assert make_hole(tmp_path / "gone", 5) == 5


@pytest.mark.slow
def test_the_memory_of_a_family_counts_and_of_the_dead_does_not() -> None:
    alone = memory_of(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "x = b'x' * 50_000_000; print(flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout and child.stdout.readline()
        assert memory_of(os.getpid()) - alone > 45_000_000
        child.communicate(b"\n")
    assert memory_of(child.pid) == 0


@pytest.mark.slow
def test_the_guard_kills_what_uses_too_much_and_says_so(tmp_path: Path) -> None:
    guard, output = Guard(), tmp_path / "log"
    output.touch()
    guard.start()
    with subprocess.Popen(["sleep", "60"]) as small, subprocess.Popen(
        [sys.executable, "-c", "x = b'x' * 80_000_000; import time; time.sleep(60)"]
    ) as large:  # fmt: skip
        guard.watch(Limits(small.pid, output, memory_mb=50))
        time.sleep(4 * limits.EVERY_S * limits.MEASURE_EVERY)
        assert small.poll() is None
        guard.watch(Limits(large.pid, tmp_path / "of-an-attempt-that-is-over", memory_mb=50))
        time.sleep(4 * limits.EVERY_S * limits.MEASURE_EVERY)
        assert large.poll() is None
        held = Limits(large.pid, output, memory_mb=50)
        guard.watch(held)

        assert large.wait(10) == -9
        assert held.used_mb and held.used_mb > 70
        assert "MB of memory; its limit is 50 MB" in held.sentence()
        guard.watch(None)
        small.kill()


STRAYS = """
    import os, subprocess, sys, time
    from workers.attempt.orphans import adopt, end_strays
    assert end_strays() == 0
    adopt()
    kept = subprocess.Popen(["sleep", "600"])
    daemon = "import os; os.setsid(); os.fork() and os._exit(0); os.execlp('sleep', 'sleep', '601')"
    for _ in range(5):
        subprocess.run([sys.executable, "-c", daemon])
    print(kept.pid, end_strays({kept.pid}), kept.poll(), flush=True)
    print(end_strays(), flush=True)
"""


@pytest.mark.slow
@linux
def test_daemons_are_found_and_ended_and_what_is_ours_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STRAYS)], capture_output=True, text=True, timeout=30
    )
    first, second = done.stdout.splitlines()
    kept, ended, ours = first.split()

    assert (int(ended), ours, second) == (5, "None", "1"), done.stderr
    assert not psutil.pid_exists(int(kept))


SHARED = """
    import os, sys
    from workers.attempt.limits import memory_of
    held, go_on = b"x" * 100_000_000, os.pipe()
    for _ in range(5):
        if os.fork() == 0:
            os.read(go_on[0], 1)
            os._exit(0)
    print(memory_of(os.getpid(), 10**12), memory_of(os.getpid()))
    os.write(go_on[1], b"12345")
"""


@pytest.mark.slow
@linux
def test_what_forks_share_counts_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHARED)], capture_output=True, text=True, timeout=30
    )
    quick, exact = map(int, done.stdout.split())

    assert quick > 6 * 10**8 and 10**8 < exact < 2 * 10**8


FILES = """
    import os, resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
    from workers.attempt.limits import OpenFiles
    files, kept = OpenFiles(), []
    assert not files.leaked
    with files.spared():
        try:
            while True: kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error: print(error.strerror)
    print(files.leaked, [os.open("/dev/null", os.O_RDONLY) > 0 for _ in range(60)] == [True] * 60)
"""


@pytest.mark.slow
@linux
def test_a_task_that_opens_every_file_leaves_some_for_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILES)], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "Too many open files\nTrue True\n", done.stderr
