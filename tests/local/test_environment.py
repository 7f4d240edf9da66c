"""How the environment is made; the real thing is what `make` does in every clean clone."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

from app.local import environment


@pytest.mark.slow
def test_the_pip_that_comes_with_python_runs(tmp_path: Path) -> None:
    pip = environment.bundled_pip()

    assert pip is not None
    assert environment.run("python3", pip / "pip", "--version", quiet=True)


def test_where_uv_fails_pip_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **kwargs: object) -> subprocess.CompletedProcess[bytes]:
        ran.append(command)
        by_pip = Path(command[0]).name == "python" and "--require-hashes" in command
        return subprocess.CompletedProcess(command, 0 if by_pip else 1)

    monkeypatch.setattr(subprocess, "run", run)

    assert environment.main(str(tmp_path / "env"), ["list.txt"]) == 0
    assert "--require-hashes" in ran[-1] and ran[-1][-2:] == ["-r", "list.txt"]


def test_a_python_without_pip_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "bundled_pip", lambda: None)

    assert environment.main(str(tmp_path / "env"), ["list.txt"]) == 1
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_the_environment_finds_the_built_in_task_types_from_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True, with_pip=False)

    environment.offer_library(str(folder))

    code = "import importlib.util; print(importlib.util.find_spec('dtq_library').origin)"
    found = subprocess.run(
        [folder / "bin" / "python", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()) == environment.LIBRARY / "dtq_library" / "__init__.py"
