"""The folder of a child: its tasks' temporary folder, and gone however its supervisor ended."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.real.fleet import until
from workers import process
from workers.process import ChildProcess

KILLED = """
import os, signal
from workers import process
process._own_folder()
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
    child = ChildProcess("w1")
    try:
        process.bury_leftovers()
        assert sorted(temporary.iterdir()) == sorted([child.folder, temporary / "worker-of-somebody-else"])
        assert not left.exists()
    finally:
        child.bury()
    assert not child.folder.exists()


def test_the_temporary_folder_of_tasks_is_buried_with_the_child(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = "import os, tempfile, time; open('seen', 'w').write(tempfile.mkdtemp()); time.sleep(60)"
    real = subprocess.Popen
    monkeypatch.chdir(temporary)
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **given: real([sys.executable, "-c", says], **given)
    )
    child = ChildProcess("w1")
    made = Path(until(lambda: (temporary / "seen").exists() and (temporary / "seen").read_text()))
    assert made.is_dir() and made.parent == child.folder
    child.bury()
    assert not made.exists()
