"""The command against the real application: in this process, and as a program on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.core.services import Services
from dtq.cli.main import dtq
from dtq.client import Client, TaskSummary
from tests.dtq.client.conftest import (
    app,
    client,
    compiled_templates,
    one_app,
    server,
    token_in,
    token_of,
    weather,
)

__all__ = ["app", "client", "compiled_templates", "one_app", "server", "token_of", "weather"]

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = (sys.executable, "-c", "from dtq.cli import main; main()")
"""What the program `dtq` does where it is installed."""

Run = Callable[..., Result]


@pytest.fixture
def login(client: Client, token_of: Callable[..., str], tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who uses the command, with a home of their own."""
    return {
        "DTQ_URL": client.url,
        "DTQ_TOKEN": token_in(client),
        "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home" / "config"),
    }  # fmt: skip


@pytest.fixture
def run(login: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("dtq.cli.login.RETRY_S", 1.0)

    def run(*words: str, given: str | None = None, **env: str) -> Result:
        result = CliRunner().invoke(dtq, words, input=given, env=login | env, prog_name="dtq")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@dataclass
class Terminal:
    """A program on a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    master: int
    shown: bytes = b""

    def read_until(self, wanted: str, within_s: float = 15) -> str:
        deadline = time.monotonic() + within_s
        while wanted.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown
            try:
                self.shown += os.read(self.master, 65536)
            except OSError:
                break  # the program has ended
        assert wanted.encode() in self.shown, self.shown
        return self.shown.decode()

    def ended(self) -> tuple[int, str]:
        while True:
            try:
                if not (more := os.read(self.master, 65536)):
                    break
                self.shown += more
            except OSError:
                break
        return self.process.wait(15), self.shown.decode()


@pytest.fixture
def on_terminal(login: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Starts the command on a terminal of 80 columns."""
    started: list[Terminal] = []

    def start(*words: str, **env: str) -> Terminal:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", **login, **env},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )  # fmt: skip
        os.close(slave)
        started.append(Terminal(process, master))
        return started[-1]

    yield start
    for terminal in started:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


@pytest.fixture
def submitted(client: Client, tmp_path: Path) -> Callable[..., TaskSummary]:
    path = tmp_path / "people.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return lambda **options: client.submit("clean_table", source=path, **options)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return path


__all__ += ["Services"]
