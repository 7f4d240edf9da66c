"""Alice, who has texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.library.running import Runner


@pytest.fixture
def alice(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def tool() -> object:
    """A program of the system's own, as an independent answer."""
    import subprocess

    def run(words: list[str], given: str) -> str:
        done = subprocess.run(
            words,
            input=given.encode(),
            capture_output=True,
            check=True,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
        return done.stdout.decode()

    return run
