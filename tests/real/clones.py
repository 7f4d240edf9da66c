"""A clone of this checkout, and programs in it as somebody starts them from a terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

from app.local.children import free_port
from config import Settings
from tests.docs.documents import ROOT
from tests.real.test_up import survivors
from tests.rig.processes import family, until

OURS = frozenset(row.metadata["name"] for row in Settings.__dataclass_fields__.values())


def clone_into(folder: Path) -> Path:
    """Clone what is committed, and copy over it what is changed and not committed yet.

    The usual ports of the stores are others there: a server of this machine is none of the clone's.
    """
    if not (ROOT / ".git").exists():  # An archive of the sources is as clean as it was unpacked.
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        return _with_ports_of_its_own(folder)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for name in _changed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, folder / name)
        else:
            (folder / name).unlink()
    return _with_ports_of_its_own(folder)


def _with_ports_of_its_own(folder: Path) -> Path:
    settings = folder / "config.py"
    text = settings.read_text(encoding="utf-8")
    for port in ("27017", "6379"):
        assert f"127.0.0.1:{port}/" in text
        text = text.replace(f"127.0.0.1:{port}/", f"127.0.0.1:{free_port(0)}/")
    settings.write_text(text, encoding="utf-8")
    return folder


def _changed() -> Iterator[str]:
    """The files that differ from what is committed."""
    for command in (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"]):
        names = subprocess.run(["git", *command, "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
        yield from filter(None, names.stdout.split("\0"))


def terminal(**more: str) -> dict[str, str]:
    """The variables of a terminal: none of our settings, and nothing of what runs the tests."""
    theirs = ("FLASK_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "DTQ_")
    kept = {
        name: value for name, value in os.environ.items() if name not in OURS and not name.startswith(theirs)
    }
    return {**kept, **more}


@dataclass
class Program:
    """A program that runs in a clone; ``log`` has both of its outputs."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, words: str, seconds: float = 60) -> None:
        def look() -> bool:
            assert self.process.poll() is None or words in self.said, self.said
            return words in self.said

        until(look, seconds)


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, env: dict[str, str]) -> Iterator[Program]:
    """A program in a folder, ended by Ctrl-C; it leaves no process behind."""
    with tempfile.NamedTemporaryFile(prefix="program-", suffix=".txt") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield Program(process, Path(output.name))
        finally:
            members = family(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            left = _left_of(process, members)
    assert left == []


def _left_of(process: subprocess.Popen[bytes], members: list[psutil.Process]) -> list[psutil.Process]:
    """What still runs some time after the program was told to end; it is killed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    left = survivors(members)
    for member in left:
        with contextlib.suppress(psutil.Error):
            member.kill()
    return left


def get(address: str, **headers: str) -> tuple[int, str]:
    """Status and text of a page."""
    try:
        with urlopen(Request(address, headers=headers), timeout=20) as answer:  # noqa: S310 - our own address
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def answers(address: str) -> bool:
    """Whether a web server answers there, whatever it says."""
    with contextlib.suppress(OSError):
        return get(f"{address}/healthz")[0] == 200
    return False
