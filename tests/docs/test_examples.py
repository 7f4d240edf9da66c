"""The example package, installed as a package is, and loaded by its entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.local.environment import bundled_pip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "examples" / "greetings"


def python(*words: str | Path, path: Path | None = None, cwd: Path = ROOT) -> str:
    """What our interpreter prints, with a folder of packages on its path."""
    where = os.pathsep.join(map(str, filter(None, [path, ROOT])))
    env = {**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in a folder of its own, by pip and with no network: flit-core is in requirements-dev."""
    pip = bundled_pip()
    assert pip, "this Python has no pip"
    target = tmp_path_factory.mktemp("installed")
    python(
        pip / "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation",
        "--disable-pip-version-check", "--target", target, PACKAGE,
    )  # fmt: skip
    return target


def test_the_types_of_an_installed_package_are_loaded(installed: Path) -> None:
    code = (
        "import json, sys\n"
        "from workers.types.task_modules import load\n"
        "types = load(['tests.workers.samples'])\n"
        "print(json.dumps({name: kind.function.__code__.co_filename for name, kind in types.items()}))\n"
    )
    found = json.loads(python("-c", code, path=installed))

    assert found["greet"] == found["greet_everybody"] == str(installed / "greetings.py")
    assert "echo" in found
    assert "greet" not in json.loads(python("-c", code))


def test_one_of_them_runs(installed: Path, tmp_path: Path) -> None:
    words = ("-m", "workers", "run", "greet", "name=Ada", "times=2")

    assert json.loads(python(*words, path=installed, cwd=tmp_path)) == ["Good morning, Ada!"] * 2


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path)

    assert "4 passed" in python(*tests, PACKAGE / "tests", path=installed, cwd=tmp_path)
