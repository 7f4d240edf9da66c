"""The command as a program: 80 columns, pipes, no color, other encodings, Ctrl-C, hostile texts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.cli.exits import Exit
from dtq.cli.terminal import clean
from tests.dtq.cli.conftest import PROGRAM, ROOT, Terminal
from tests.web.looking import claim

HOSTILE = "[bold]x :smile: \x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe 表表表 " + "long " * 40

Start = Callable[..., Terminal]


def visible(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def piped(login: dict[str, str], *words: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, capture_output=True, timeout=60,
        env={"PATH": os.environ["PATH"], **login, **env},
    )  # fmt: skip


def test_hostile_texts_fit_80_columns_and_command_nothing(on_terminal: Start, submitted: Any) -> None:
    task = submitted(title=HOSTILE[:180])
    code, shown = on_terminal("list").ended()

    lines = visible(shown).splitlines()
    assert code == Exit.OK and max(map(len, lines)) <= 80 and task.id in visible(shown)
    assert "\x1b]" not in shown and "\x1b[2J" not in shown and "\x9b" not in shown and "\u202e" not in shown
    assert "[bold]" in visible(shown) and ":smile:" in visible(shown)
    plain = on_terminal("list", NO_COLOR="1").ended()[1]
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_pipe_gets_whole_lines_without_colors_in_every_encoding(
    login: dict[str, str], submitted: Any, encoding: str
) -> None:
    task = submitted(title="表 “Ünïcode” " + "long " * 30)
    done = piped(login, "list", PYTHONIOENCODING=encoding)

    cells = done.stdout.decode(encoding).rstrip("\n").split("\t")
    assert (done.returncode, cells[0]) == (0, task.id) and b"\x1b" not in done.stdout
    assert cells[-1].endswith("long long")
    assert ("表" in cells[-1]) == (encoding == "utf-8")
    assert piped(login, "show", task.id, PYTHONIOENCODING=encoding).returncode == 0


def test_ctrl_c_while_waiting_says_that_the_task_goes_on(
    on_terminal: Start, submitted: Any, services: Services
) -> None:
    task = submitted(title="Mine")
    running = claim(services, services.tasks.get(parse_task_id(task.id)))
    assert services.tasks.report_progress(running, {"done": 3, "total": 12, "message": "Counting \x1b[2J"})
    terminal = on_terminal("wait", task.id)
    terminal.read_until("25%")
    os.write(terminal.master, b"\x03")
    code, shown = terminal.ended()

    assert code == Exit.INTERRUPTED and f"Task {task.id} goes on." in shown
    assert "Traceback" not in shown and "Aborted" not in shown and "\x1b[2J" not in shown
    assert task.refresh().status == "running"


def test_a_log_is_followed_live_and_left_with_ctrl_c(
    on_terminal: Start, submitted: Any, services: Services
) -> None:
    task = submitted()
    running = claim(services, services.tasks.get(parse_task_id(task.id)))
    services.logs.write_part(running.id, 1, 0, b"first \x1b]52;c;b3duZWQ=\x07\n")
    terminal = on_terminal("logs", "-f", task.id)
    terminal.read_until("first")
    services.logs.write_part(running.id, 1, 0, b"first \x1b]52;c;b3duZWQ=\x07\nsecond\n")
    terminal.read_until("second")
    time.sleep(0.1)
    os.write(terminal.master, b"\x03")
    code, shown = terminal.ended()

    assert code == Exit.INTERRUPTED and shown.count("first") == 1 and "\x1b]" not in shown


def test_a_reader_that_leaves_is_no_error(login: dict[str, str], submitted: Any) -> None:
    submitted()
    command = f"{shlex.join(PROGRAM)} list --json | true"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **login},
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "code", [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x202E, 0x2066, 0x2028, 0xD800]
)
def test_no_control_reaches_a_terminal(code: int) -> None:
    assert clean(f"a{chr(code)}b") in ("a\ufffdb", "a\nb") or chr(code) in "\t\n"


def test_an_upload_is_shown_with_its_progress(on_terminal: Start, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"a,b\n" * 2_000_000)
    code, shown = on_terminal("submit", "clean_table", f"source=@{path}").ended()

    assert code == Exit.OK and re.search(r"large\.csv \S+ +[\d./]+ MB", visible(shown)), shown
    assert re.search(r"^[0-9a-f]{24}\r?$", visible(shown).splitlines()[-1])


def test_a_person_agrees_to_a_number_of_tasks(on_terminal: Start, submitted: Any, services: Services) -> None:
    tasks = [submitted(tags=["x"]) for _ in range(2)]
    refused = on_terminal("bulk", "cancel", "--tag", "x")
    refused.read_until(["2 tasks match", "Cancel them?"][0])
    refused.read_until("[y/N]")
    os.write(refused.master, b"n\n")
    assert refused.ended()[0] != Exit.OK and tasks[0].refresh().status == "queued"

    agreed = on_terminal("bulk", "cancel", "--tag", "x", "--wait")
    agreed.read_until("[y/N]")
    late = submitted(tags=["x"])
    os.write(agreed.master, b"y\n")
    code, shown = agreed.ended()
    assert code == Exit.OK and "Ended: 2 changed" in shown, shown
    assert sorted(task.refresh().status for task in [*tasks, late]) == ["canceled", "canceled", "queued"]


@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        (["list"], {"DTQ_TOKEN": "dtq_wrong"}, Exit.REFUSED, "token"),
        (["list"], {"DTQ_URL": "http://127.0.0.1:9"}, Exit.UNAVAILABLE, "did not answer"),
        (["submit", "no_such_type"], {}, Exit.REFUSED, "no_such_type"),
        (["types", "t" * 200], {}, Exit.REFUSED, "t" * 60),
        (["list", "w" * 200], {}, Exit.OK, "ID"),
        (["submit", "clean_table", "w" * 200 + "=1"], {}, Exit.USAGE, "w" * 40),
        (["show", "w" * 200], {}, Exit.REFUSED, "There is no task"),
    ],
)
def test_what_goes_wrong_is_said_on_a_terminal(
    on_terminal: Start, client: Any, words: list[str], env: dict[str, str], code: Exit, said: str
) -> None:
    ended, shown = on_terminal(*words, **env).ended()
    assert (ended, said in visible(shown).replace("\r\n", "")) == (code, True), shown
    assert "Traceback" not in shown and len(visible(shown).splitlines()) < 12


def test_help_fits_80_columns(on_terminal: Start) -> None:
    code, shown = on_terminal("--help").ended()
    assert code == Exit.OK and max(map(len, visible(shown).splitlines())) <= 80
    assert "130  Interrupted" in shown
