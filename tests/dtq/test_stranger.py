"""A program written from the documents alone, in an environment with the wheel, against a real queue."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.people.roles import Role
from app.local.servers import stores
from tests.dtq.test_wheel import environment, wheel
from tests.rig.fleet import fleet
from tests.rig.web import Web
from tests.signing_in import user_of

__all__ = ["wheel"]

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "use-from-programs.md").read_text(encoding="utf-8")
PEOPLE = "name,city\n Ada ,London\n Ada ,London\nGrace,\n"
RUN_ENTRY_POINT = (
    "from importlib.metadata import entry_points; "
    "(found,) = entry_points(group='console_scripts', name='dtq'); found.load()()"
)


def block(language: str, word: str) -> str:
    """The first example of the guide in this language that has this word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(next(text for text in blocks if word in text))


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A web server and a worker with the built-in types; the environment of a program that has a token."""
    folder = tmp_path_factory.mktemp("queue")
    with ExitStack() as stack:
        started = stack.enter_context(stores(folder))
        running = stack.enter_context(
            fleet(started, "queue", folder, TASK_MODULES="dtq_library", SECRET_KEY="tests-only")
        )
        web = Web(running.env, running.log.with_name("web.log"))
        running.env["WEB_BIND"] = f"127.0.0.1:{web.port}"
        web.start()
        stack.callback(web.stop)
        running.start()
        people = running.services.people
        robot = people.users.person(user_of(running.services, Role.SUBMITTER, "robot"))
        _, token = people.tokens.create(robot, "CI", timedelta(days=1), None)
        yield {"DTQ_URL": web.address, "DTQ_TOKEN": str(token)}


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel with its extras, and `dtq` beside it."""
    found = environment(tmp_path_factory.mktemp("stranger"), wheel, "pydantic", "httpx2", "click", "rich")
    program = found.with_name("dtq")
    program.write_text(f'#!/bin/sh\nexec {found} -c "{RUN_ENTRY_POINT}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return found


def ran(command: list[str | Path], folder: Path, python: Path, queue: dict[str, str]) -> str:
    (folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    path = f"{python.parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        command, cwd=folder, env={**queue, "PATH": path, "HOME": str(folder)}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def results(folder: Path) -> list[str]:
    """The tables that were made, without what was uploaded."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.suffix == ".csv"]
    return [text for text in texts if text != PEOPLE]


def test_a_program_submits_a_file_follows_the_log_and_saves_the_result(
    python: Path, queue: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(block("python", "follow_log"), encoding="utf-8")
    said = ran([python, "program.py"], tmp_path, python, queue)

    assert re.match(r"Created [0-9a-f]{24}\n", said) and "{" in said
    (made,) = results(tmp_path / "results")
    assert made.splitlines()[:2] == ["name,city", "Ada,London"]


def test_a_shell_script_does_the_same_with_the_command(
    python: Path, queue: dict[str, str], tmp_path: Path
) -> None:
    said = ran(["sh", "-c", block("sh", "dtq submit")], tmp_path, python, queue)

    assert "succeeded" in said
    assert results(tmp_path / "results") and (tmp_path / "result.json").read_text().startswith("{")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_a_shell_script_does_the_same_with_curl(python: Path, queue: dict[str, str], tmp_path: Path) -> None:
    said = ran(["sh", "-ec", block("sh", "curl")], tmp_path, python, queue)
    assert said.splitlines()[0] == "succeeded"


def test_coroutines_do_the_same(python: Path, queue: dict[str, str], tmp_path: Path) -> None:
    text = block("python", "AsyncClient")
    text += 'from pathlib import Path\nprint(len(asyncio.run(cleaned([Path("people.csv")] * 3))))\n'
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    assert ran([python, "program.py"], tmp_path, python, queue) == "3\n"
