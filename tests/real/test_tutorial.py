"""The tutorial followed literally: its commands in a copy of the program, on stores of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, TUTORIAL, blocks, section
from tests.rig.person import Person
from tests.rig.processes import until

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("usual_ports")]

COMMANDS = blocks(section(TUTORIAL, "Steps"), "sh")
PROGRAM = ("app", "dtq", "workers", "library", "templates", "static", "config.py", "setting_values.py",
           "environment.py", "wsgi.py", "gunicorn.conf.py", "Makefile")  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone holds, with an environment in which everything is installed already."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in (*PROGRAM, *(path.name for path in ROOT.glob("requirements*.txt"))):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    environment = folder / ".venv"
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("."):
            (environment / part.name).symlink_to(part)
    (environment / ".runtime").touch()
    return folder


def environment() -> dict[str, str]:
    """Nothing of ours but where programs are: the stores are those that `make up` finds here."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "WEB_BIND": "",
        "WORKER_PROCESSES": "1",
    }


@contextlib.contextmanager
def in_a_terminal_of_its_own(command: str, folder: Path) -> Iterator[str]:
    """The command while it runs, until Ctrl-C; gives the address that it prints."""
    output = folder.parent / "up.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder, env=environment(), stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        yield until(lambda: _address(process, output), 90)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _address(process: subprocess.Popen[bytes], output: Path) -> str:
    found = re.search(r"Open (http://\S+)", output.read_text())
    assert process.poll() is None, output.read_text()
    return found[1] if found else ""


def somebody(link: str) -> Person:
    """Somebody who opens the link that `make up` printed."""
    parts = urllib.parse.urlsplit(link)
    person = Person(parts.port or 80)
    person.sign_in(parts.path)
    return person


def page(person: Person, path: str) -> str:
    """The page there, or nothing while there is none."""
    found = person.try_to_ask("GET", path)
    return found.text if found.status == 200 else ""


def test_the_commands_of_the_tutorial_give_a_type_with_a_form_that_runs(clone: Path) -> None:
    write, up, *rest = COMMANDS
    assert "make up" in up
    subprocess.run(["bash", "-c", write], cwd=clone, env=environment(), check=True, timeout=10)
    began = time.monotonic()
    with in_a_terminal_of_its_own(up, clone) as link:
        person = somebody(link)
        form = until(lambda: page(person, "/tasks/new/word_count"), 60)
        script = "set -e\n" + "\n".join(f"{command}\necho ==" for command in rest)
        done = subprocess.run(
            ["bash", "-c", script], cwd=clone, env=environment(), capture_output=True, text=True, timeout=60
        )
        changed = (clone / "word_count.py").read_text().replace('title="How many"', 'title="The commonest"')
        (clone / "word_count.py").write_text(changed)
        until(lambda: "The commonest" in page(person, "/tasks/new/word_count"), 60)

    assert "How many" in form and "Count the words of a text file." in form
    assert done.returncode == 0, done.stderr
    queued, here = done.stdout.split("==\n")[-3:-1]
    assert json.loads(queued) == {"words": 6, "common": {"fish": 3}}
    assert here == f"The commonest is fish\n{queued}"
    assert "The commonest is fish" in done.stderr and "Succeeded after" in done.stderr
    assert time.monotonic() - began < 120
