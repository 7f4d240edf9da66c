"""The engine is a process that ends with its task: canceled, out of time, or left by its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dtq import Canceled, Fail
from dtq_library.tables.query import process
from dtq_library.tables.query.process import ENGINE, LEAST_MEMORY_MB, MEMORY_MB, memory_mb
from dtq_library.tables.query.task import query_tables
from tests.library.querying import PEOPLE, engine
from workers.testing import Trial

pytestmark = pytest.mark.slow  # They start the engine, and wait for it to end.

ENDLESS = "SELECT count(*) FROM range(1000000000) x, range(1000000) y WHERE hash(x.range + y.range) % 7 = 1"


def engines() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if _is_engine(each)]


def _is_engine(process: psutil.Process) -> bool:
    try:
        return str(ENGINE) in process.cmdline()
    except psutil.Error:  # It has just ended.
        return False


def test_a_canceled_query_ends_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    canceled = 0.0

    def tell(stage: str, share: float | None) -> None:
        nonlocal canceled
        if stage == "running":
            assert engines()
            canceled = time.monotonic()
            raise Canceled

    with pytest.raises(Canceled):
        engine(tmp_path, ENDLESS, tell)
    assert time.monotonic() - canceled < 60
    assert not engines()


def test_canceling_the_task_ends_its_query() -> None:
    with pytest.raises(Canceled):
        Trial(cancel_at=9).run(query_tables, tables=[PEOPLE], sql=ENDLESS)
    assert not engines()


def test_the_time_limit_ends_it_as_whatever_is_raised_in_its_task_does(tmp_path: Path) -> None:
    def late(number: int, frame: object) -> None:
        raise TimeoutError("took longer")

    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 4, 4)
        with pytest.raises(TimeoutError, match="took longer"):
            engine(tmp_path, ENDLESS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not engines()


def test_progress_is_told_and_never_falls_behind_its_end(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    answer = engine(
        tmp_path,
        "SELECT count(*) FROM range(20000000) x, range(20) y WHERE hash(x.range + y.range) % 7 = 1",
        lambda stage, share: told.append((stage, share)),
    )

    assert "done" in answer
    assert {stage for stage, _ in told} == {"loading", "running"}
    assert all(share is None or 0 <= share <= 1 for _, share in told)


def test_it_ends_when_its_parent_dies(tmp_path: Path) -> None:
    """The parent is killed, which runs no clean-up of its own."""
    code = (
        "import sys; from pathlib import Path; from tests.library.querying import engine\n"
        f"engine(Path({str(tmp_path)!r}), {ENDLESS!r}, lambda stage, share: print(stage, flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    for line in parent.stdout:
        if line == "running\n":
            break
    (child,) = filter(_is_engine, psutil.Process(parent.pid).children())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_one_that_is_killed_is_a_failure_with_a_sentence(tmp_path: Path) -> None:
    def kill(stage: str, share: float | None) -> None:
        if stage == "running":
            for each in engines():
                each.kill()

    with pytest.raises(Fail, match=r"ended without an answer \(code -9\).*256 MB of memory"):
        engine(tmp_path, ENDLESS, kill)


def test_it_sees_no_environment_and_no_open_file(tmp_path: Path) -> None:
    os.environ["A_SECRET"] = "hidden"  # noqa: S105
    seen: list[dict[str, str]] = []

    def look(stage: str, share: float | None) -> None:
        seen.extend(each.environ() for each in engines())

    try:
        engine(tmp_path, "SELECT sum(hash(range)) FROM range(30000000)", look)
    finally:
        del os.environ["A_SECRET"]
    assert seen and not any("A_SECRET" in each or "SECRET_KEY" in each for each in seen)


@pytest.mark.parametrize(
    ("limit", "left"), [(0, MEMORY_MB), (100, LEAST_MEMORY_MB), (1024, 512), (100_000, MEMORY_MB)]
)
def test_its_memory_is_a_part_of_the_tasks(limit: int, left: int) -> None:
    assert memory_mb(limit) == left


def test_at_most_half_of_the_free_disk_is_its_own(tmp_path: Path) -> None:
    assert 1 <= process.temp_mb(tmp_path) <= process.TEMP_MB


def test_the_order_is_one_line_whatever_the_query_holds(tmp_path: Path) -> None:
    order = process.Order(tmp_path, [], {}, "SELECT '\n\u2028'", 1, 1).line()

    assert order.count(b"\n") == 1 and json.loads(order)["sql"] == "SELECT '\n\u2028'"
