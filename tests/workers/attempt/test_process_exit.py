"""A process that has run tasks ends when it is to, with the code that it would have ended with."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.slow

LEFT_A_THREAD = """
    import sys, threading, time
    from workers.attempt.process_exit import end_as
    threading.Thread(target=time.sleep, args=(60,)).start()
    sys.stdout.write("not flushed")
    end_as({error})
"""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ("None", 0, ""),
        ("SystemExit()", 0, ""),
        ("SystemExit(3)", 3, ""),
        ("SystemExit(-1)", 255, ""),
        ("SystemExit('no license')", 1, "no license\n"),
        ("ValueError('wrong')", 1, "ValueError: wrong\n"),
    ],
)
def test_no_thread_keeps_it(error: str, code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LEFT_A_THREAD.format(error=error))],
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "not flushed", said)
