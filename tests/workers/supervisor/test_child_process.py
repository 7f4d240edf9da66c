"""The folder of a child: its tasks' temporary folder, and gone however its supervisor ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from workers.supervisor import child_process
from workers.supervisor.child_process import ChildProcess

pytestmark = pytest.mark.slow

KILLED = """
import os, signal
from workers.supervisor import child_process
child_process._own_folder()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_supervisor_left_is_removed_and_what_lives_is_not(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = temporary.iterdir()
    (temporary / "worker-of-somebody-else").mkdir()
    child = ChildProcess("w1", {})
    try:
        child_process.bury_leftovers()
        assert sorted(temporary.iterdir()) == sorted([child.folder, temporary / "worker-of-somebody-else"])
        assert not left.exists()
    finally:
        child.kill()
        child.bury()
    assert not child.folder.exists()


def test_the_temporary_folder_of_tasks_is_the_childs(temporary: Path) -> None:
    """As far as `main` comes before it reads its settings."""
    says = (
        "import os, tempfile; from workers.attempt import child; "
        "child.load = lambda env, reach: print(tempfile.mkdtemp(), env['TMPDIR'], sep='\\n') or exit(); "
        "child.Receiver.receive = lambda self: {}; "
        "child.main(['w1', '1', '0', os.environ['FOLDER'], str(os.getppid())])"
    )
    said = subprocess.run(
        [sys.executable, "-c", says],
        env={**os.environ, "FOLDER": str(temporary)},
        capture_output=True,
        text=True,
    ).stdout.split()
    assert (Path(said[0]).parent, Path(said[1])) == (temporary, temporary)
