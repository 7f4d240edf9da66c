"""The words of `python -m workers` and `python -m app.local`, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.local.__main__ import cli as local
from config import Settings
from workers.__main__ import workers
from workers.supervisor import fleet

LOCAL = {"ENVIRONMENT": "local", "FLASK_SKIP_DOTENV": "1", "WORKER_PROCESSES": "7"}


@pytest.mark.parametrize(
    ("words", "processes", "reload", "parent"),
    [
        ([], 7, False, None),
        (["-n", "3"], 3, False, None),
        (["--processes", "1", "--reload"], 1, True, None),
        (["--parent", "12"], 7, False, 12),
    ],
)
def test_the_words_say_what_runs(
    words: list[str], processes: int, reload: bool, parent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[int, bool, int | None]] = []

    def run(
        settings: Settings, processes: int, *, reload: bool, parent: int | None, replaces: int | None
    ) -> None:
        assert settings.local and replaces is None
        ran.append((processes, reload, parent))

    monkeypatch.setattr(fleet, "run", run)
    monkeypatch.setattr("workers.__main__.conceal", lambda env: None)  # nothing of the process of the tests
    monkeypatch.setattr("os.environ", LOCAL | {"SECRET_KEY": "tests-only"})
    result = CliRunner().invoke(workers, words)

    assert (result.exit_code, result.exception) == (0, None)
    assert ran == [(processes, reload, parent)]


@pytest.mark.parametrize("words", [["-n", "0"], ["-n", "many"], ["--fast"], ["rnu"], ["run"]])
def test_words_that_are_not_understood_start_nothing(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "run", lambda *_, **__: pytest.fail("a fleet was started"))

    result = CliRunner().invoke(workers, words, env=LOCAL)

    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_help_needs_no_settings() -> None:
    result = CliRunner().invoke(workers, ["--help"], env={"WEB_THREADS": "many"})

    assert result.exit_code == 0
    assert "--processes" in result.stdout and "--parent" not in result.stdout


def test_a_server_that_is_unknown_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    result = CliRunner().invoke(local, ["servers", "--folder", str(tmp_path / "new"), "--mongo", "x"])

    assert result.exit_code == 2
    assert "'auto', 'mongod'" in result.stderr
    assert not (tmp_path / "new").exists()
