"""What a task has started ends with its attempt, by itself where it is about to; who misses it is seen."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has orphans adopted"),
]

BEGIN = """
    import gc, multiprocessing, os, signal, subprocess, sys, time
    from multiprocessing import shared_memory
    from workers.attempt.orphans import CleanedUp, adopt, children, end_strays_of_task

    def nap(seconds=60):
        time.sleep(seconds)

    def no(seconds=0):
        os._exit(3)

    def sleep(seconds=60, **given):
        return subprocess.Popen(["sleep", str(seconds)], **given)

    def pool(method):
        with multiprocessing.get_context(method).Pool(1) as made:
            assert made.map(abs, [-1]) == [1]

    def main():
        adopt()
        assert end_strays_of_task() == CleanedUp(0, False)
"""
END = """
    if __name__ == "__main__":
        main()
"""


def run(folder: Path, body: str) -> subprocess.CompletedProcess[bytes]:
    """Run the body of a main function, which ends well where all that it asserts is so."""
    lines = textwrap.dedent(BEGIN) + textwrap.indent(textwrap.dedent(body), "    ") + textwrap.dedent(END)
    (folder / "program.py").write_text(lines)
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    words = [sys.executable, "-W", "error::UserWarning", str(folder / "program.py")]
    done = subprocess.run(words, env=env, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done


LINE = "(echo x >&2) 2> >(sed s/^/p/)"


def test_what_a_shell_runs_beside_itself_ends_by_itself_and_nothing_is_lost(tmp_path: Path) -> None:
    done = run(tmp_path, f"""
        for number in range(60):
            subprocess.run(["bash", "-c", {LINE!r}], check=True)
            assert end_strays_of_task() == CleanedUp(0, False), number
            assert children() == []
    """)  # fmt: skip
    assert done.stdout == b"px\n" * 60


GONE = {
    "a program that nothing holds": "sleep()",
    "one in a session of its own": "sleep(start_new_session=True)",
    "a fork": "os.fork() or nap()",
    "a process": "multiprocessing.get_context('fork').Process(target=nap).start()",
    "a process that was spawned": "multiprocessing.get_context('spawn').Process(target=nap).start()",
    "one of a server": "multiprocessing.get_context('forkserver').Process(target=nap).start()",
    "one in a cycle that nothing holds": "cycle = {'program': sleep()}; cycle['itself'] = cycle; del cycle",
}


@pytest.mark.parametrize("started", GONE.values(), ids=GONE)
def test_what_does_not_end_is_killed_after_a_while_and_nothing_misses_it(
    tmp_path: Path, started: str
) -> None:
    run(tmp_path, f"""
        gc.disable()
        def task():
            {started}
        task()
        began = time.monotonic()
        ended = end_strays_of_task()
        assert ended.count >= 1 and not ended.missed, ended
        assert 0.3 <= time.monotonic() - began < 30
        assert children() == [] and end_strays_of_task() == CleanedUp(0, False)
    """)  # fmt: skip


OVER = {
    "a program": ("kept = sleep(0.1)", "kept.wait() == 0"),
    "a program that fails": ("kept = subprocess.Popen(['sh', '-c', 'exit 3'])", "kept.wait() == 3"),
    "a program that was over before": ("kept = sleep(0); time.sleep(0.1)", "kept.wait() == 0"),
    "a process": (
        "kept = multiprocessing.get_context('fork').Process(target=no); kept.start()",
        "kept.exitcode == 3",
    ),
    "programs that nothing holds": ("kept = [sleep(0.1) for _ in range(5)] and None", "kept is None"),
    "a fork": ("kept = os.fork() or os._exit(3)", "kept"),
    "a pool of a server": (
        "pool('forkserver')",
        "True",
    ),
    "a pool that was spawned": (
        "pool('spawn')",
        "True",
    ),
    "shared memory": (
        "kept = shared_memory.SharedMemory(create=True, size=8); kept.close(); kept.unlink(); kept = None",
        "True",
    ),
}


@pytest.mark.parametrize(("started", "right"), OVER.values(), ids=OVER)
def test_what_ends_by_itself_is_neither_killed_nor_missed_and_its_owner_knows_how_it_ended(
    tmp_path: Path, started: str, right: str
) -> None:
    run(tmp_path, f"""
        for _ in range(2):
            {started}
            assert end_strays_of_task() == CleanedUp(0, False)
            assert {right}
            assert children() == []
    """)  # fmt: skip


MISSED = {
    "a program": "kept = sleep()",
    "a program of a class below": "kept = type('Own', (subprocess.Popen,), {})(['sleep', '60'])",
    "a process": "kept = multiprocessing.get_context('fork').Process(target=nap); kept.start()",
    "shared memory": "kept = shared_memory.SharedMemory(create=True, size=8)",
    "a lock that has a name": "kept = multiprocessing.get_context('spawn').Lock()",
}


@pytest.mark.parametrize("started", MISSED.values(), ids=MISSED)
def test_what_something_holds_is_missed(tmp_path: Path, started: str) -> None:
    run(tmp_path, f"""
        {started}
        assert end_strays_of_task().missed
        assert children() == []
        os._exit(0)
    """)  # fmt: skip


def test_what_was_there_before_the_first_task_stays(tmp_path: Path) -> None:
    run(tmp_path, """
        kept = sleep()
        ours = children()
        assert ours == [kept.pid]
        assert end_strays_of_task(ours) == CleanedUp(0, False)
        sleep()
        assert end_strays_of_task(ours) == CleanedUp(1, False)
        assert kept.poll() is None
        kept.kill()
    """)  # fmt: skip
