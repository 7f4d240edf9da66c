"""`python -m workers run`: a task type in the process that was asked, without stores."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.secrets.secret import MASK
from tests.canary import CANARY
from workers import run_local

ROOT = Path(__file__).parents[2]
ENV = {"TASK_MODULES": "tests.workers.samples"}


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A run sets up logging, as it is the only thing that its process does."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def folders_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is told no folder makes one and leaves it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def run(*words: str, **env: str) -> int:
    code = run_local.run_command.main([*words], standalone_mode=False, obj={**ENV, **env})
    assert isinstance(code, int)
    return code


def test_the_result_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doze", "seconds=0.05") == 0

    out, err = capsys.readouterr()
    assert json.loads(out) == "rested"
    assert "[" in err and "dozing" in err


def test_a_coroutine_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("await_everything", "parts=2", TASK_MODULES="tests.workers.awaiting") == 0

    out, err = capsys.readouterr()
    assert '"numbers": [\n    0,\n    1\n  ]' in out and "Saved out.txt" in err


def test_an_option_may_stand_among_the_words(tmp_path: Path) -> None:
    assert run("give", "--output", str(tmp_path), "what=none") == 0
    assert run("--output", str(tmp_path), "doze", "seconds=0") == 0


def test_no_store_and_no_secret_is_needed(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("give", "what=none", MONGODB_URI="mongodb://127.0.0.1:1/x", ENVIRONMENT="production") == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["refuse"], 1, "This cannot work, whatever is tried."),
        (["again"], 1, "Not yet."),
        (["give", "what=?"], 1, "KeyError"),
        (["give"], 2, "what: This field is required."),
        (["doze", "seconds=soon"], 2, "seconds: Enter a number, such as 2.5."),
        (["doze", "secnods=1"], 2, "Did you mean seconds?"),
        (["dose"], 2, "There is no task type “dose”. Did you mean doze?"),
    ],
)
def test_the_exit_code_says_whether_it_ran(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    assert said in capsys.readouterr().err


def test_a_module_that_cannot_be_imported_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("echo", TASK_MODULES="no.such.module") == 2
    assert "no.such.module cannot be imported" in capsys.readouterr().err


MODULE = '''
from dtq import Context, File, task

@task(title="Shout")
def shout(ctx: Context, source: File) -> str:
    """Upper case."""
    breakpoint()
    ctx.work_dir.joinpath("loud").write_text(source.path.read_text().upper())
    return ctx.save_file(ctx.work_dir / "loud", "loud.txt")["name"]
'''


@pytest.mark.slow
def test_a_debugger_has_the_terminal_and_files_go_into_a_folder(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(MODULE)
    (tmp_path / "poem.txt").write_text("quiet")
    command = [sys.executable, "-m", "workers", "run", "shout", "source=@poem.txt", "--output", "out"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "TASK_MODULES": "shouting", "PATH": ""},
        input="print('asked', source.name)\ncontinue\n",
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stderr
    assert "asked poem.txt" in done.stdout
    assert (tmp_path / "out" / "loud.txt").read_text() == "QUIET"
    assert "Saved loud.txt: out/loud.txt" in done.stderr


def test_a_file_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.exe"
    path.touch()

    assert run("typed_file", f"source=@{path}") == 2
    assert (
        "source: table.exe isn't an accepted file type. Accepted: .csv, text/csv." in capsys.readouterr().err
    )
    assert run("typed_file", f"source=@{path.rename(tmp_path / 'table.csv')}", HTTP_ALLOW="a.example") == 0
    assert json.loads(capsys.readouterr().out) == ["table.csv", ["a.example"]]


def test_a_secret_is_taken_from_the_environment_and_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("confess", "password=@WORD", WORD=CANARY) == 0
    said = capfd.readouterr()
    assert f'"said": "{MASK}"' in said.out and f"logging in with {MASK}" in said.err
    assert run("confess", "password=@WORDS") == 2
    assert "no environment variable WORDS" in capfd.readouterr().err
