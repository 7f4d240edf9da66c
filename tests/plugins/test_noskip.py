"""The plugin that turns skips into failures, run on a suite of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SUITE = {
    "test_functions.py": """
import pytest
def test_runs(): pass
@pytest.mark.skip(reason="by a mark")
def test_marked(): pass
def test_called(): pytest.skip("by a call")
@pytest.mark.xfail
def test_expected(): assert 0
""",
    "test_module.py": "import pytest; pytest.importorskip('no_such_module')",
}


@pytest.mark.parametrize(
    ("no_skips", "code", "closing"),
    [("", 0, "1 passed, 3 skipped, 1 xfailed"), ("1", 1, "1 failed, 1 passed, 1 xfailed, 2 errors")],
)
def test_skips_are_failures_when_asked(tmp_path: Path, no_skips: str, code: int, closing: str) -> None:
    for name, text in SUITE.items():
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.plugins.noskip",
            "-p",
            "no:valkey",
            "--continue-on-collection-errors",
            ".",
        ],
        cwd=tmp_path,
        env={**os.environ, "DTQ_NO_SKIPS": no_skips, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert closing in run.stdout
    assert run.returncode == code
