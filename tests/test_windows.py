"""Windows: web pages and commands work there, and the rest says in a sentence what to use instead."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.local import environment

ROOT = Path(__file__).resolve().parent.parent
WEB = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("app/web", "app/core", "app/cli")
    for path in (ROOT / folder).rglob("*.py")
)


def posixless(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a program where the modules and signals of POSIX are missing."""
    command = [sys.executable, "-X", "warn_default_encoding", "tests/posixless.py", code, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={"FLASK_SKIP_DOTENV": "1", **env}, capture_output=True, text=True, timeout=60
    )


def module(name: str, *arguments: str) -> str:
    """The code that runs a module as `python -m` does."""
    argv = [name, *arguments]
    return f"import runpy, sys; sys.argv = {argv!r}; runpy.run_module({name!r}, run_name='__main__')"


@pytest.mark.slow
def test_the_web_needs_nothing_of_posix() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {[*WEB, 'config', 'environment', 'wsgi']!r}: importlib.import_module(name)\n"
        "from app import create_app\n"
        "client = create_app().test_client()\n"
        "print(*(client.get(path).status_code for path in ('/healthz', '/', '/static/platform/app.css')))\n"
    )
    ran = posixless(code, ENVIRONMENT="local", MONGODB_URI="mongodb://127.0.0.1:1", SECRET_KEY="tests-only")

    assert (ran.returncode, ran.stdout) == (0, "200 503 200\n"), ran.stderr


@pytest.mark.slow
def test_the_commands_of_flask_need_nothing_of_posix() -> None:
    stores = {"MONGODB_URI": "mongodb://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
    env = {"FLASK_APP": "app", "FLASK_ENV": "development", "SECRET_KEY": "tests-only", **stores}
    code = "import flask.cli, sys; sys.argv = ['flask', *sys.argv[2:]]; flask.cli.main()"
    settings = posixless(code, "settings", **env)
    types = posixless(code, "tasks", "types", **env)
    export = posixless(code, "data", "export", "none", **env)

    assert settings.returncode == 0, settings.stderr
    assert re.search(r"^ENVIRONMENT +local +FLASK_ENV ", settings.stdout, re.MULTILINE)
    assert (types.returncode, "Traceback" in types.stderr) == (2, False), types.stderr
    assert (export.returncode, export.stdout) == (1, "")
    assert export.stderr.startswith("flask data needs Linux or macOS")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"), [("workers", ()), ("app.local", ("up",)), ("app.local", ("servers",))]
)
def test_what_needs_posix_says_what_to_use_instead(name: str, arguments: tuple[str, ...]) -> None:
    ran = posixless(module(name, *arguments))

    assert (ran.returncode, ran.stdout) == (1, "")
    (sentence,) = ran.stderr.splitlines()
    assert sentence.startswith(f"python -m {' '.join((name, *arguments))} needs Linux or macOS")
    assert "WSL" in sentence and "docker compose up" in sentence


@pytest.mark.slow
def test_without_these_modules_workers_would_fail() -> None:
    """The interpreter of these tests does lack what Windows lacks."""
    ran = posixless("import workers.supervisor.fleet")

    assert ran.returncode == 1
    assert "ModuleNotFoundError" in ran.stderr


def test_make_says_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    assert environment.main(str(tmp_path / "env"), ["list.txt"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "WSL" in sentence
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_the_list_names_all_that_windows_needs(python: str) -> None:
    """pip refuses a list with hashes that lacks anything, and libraries ask for more on Windows."""
    windows = {
        "python_version": python, "python_full_version": f"{python}.9", "sys_platform": "win32",
        "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64", "extra": "",
    }  # fmt: skip
    listed = list(pinned(windows))
    names = {canonicalize_name(package.name) for package in listed}

    missing = {
        (package.name, needed.name)
        for package in listed
        for needed in needs(package)
        if needed.marker is None or needed.marker.evaluate(windows)
        if canonicalize_name(needed.name) not in names
    }
    assert missing == set()
    assert sum(bool(needs(package)) for package in listed) > 10


def pinned(system: dict[str, str]) -> Iterator[Requirement]:
    """What is installed on a system."""
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if re.match("[A-Za-z]", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate(system):
                yield requirement


def needs(package: Requirement) -> list[Requirement]:
    """What it needs in turn; nothing where another version is installed here, or none."""
    try:
        known = package.specifier.contains(version(package.name), prereleases=True)
        return [Requirement(line) for line in requires(package.name) or ()] if known else []
    except PackageNotFoundError:
        return []
