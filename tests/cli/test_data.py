"""`flask data`: exit codes, what goes to which output, and that nothing of it needs Redis."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pymongo.errors import AutoReconnect, OperationFailure

from app import create_app
from app.cli import data
from app.core.backup.folder import FolderArchive
from app.core.backup.manifest import NAME
from app.core.backup.problems import CollectionProgress
from app.core.backup.source import BackupSource
from app.core.services import Services, assemble
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from config import Settings
from tests import raw_mongomock

Flask = Callable[..., Result]


@pytest.fixture(autouse=True)
def mongomock_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    raw_mongomock.teach(monkeypatch)


@pytest.fixture
def flask(settings: Settings, services: Services, new_task: Callable[..., Task]) -> Flask:
    """`flask data ...` on a database that holds a task."""
    new_task()
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words, **given: runner.invoke(args=["data", *map(str, words)], **given)


@pytest.fixture
def elsewhere(settings: Settings, services: Services) -> Flask:
    """The same on an empty database."""
    db: Any = services.db.client.get_database("elsewhere")
    runner = create_app(settings, assemble(settings, db, services.queues.redis)).test_cli_runner()
    return lambda *words, **given: runner.invoke(args=["data", *map(str, words)], **given)


def test_a_folder_is_written_checked_and_imported(
    flask: Flask, elsewhere: Flask, services: Services, tmp_path: Path
) -> None:
    done = [
        flask("export", tmp_path / "a"),
        flask("check", tmp_path / "a"),
        elsewhere("import", tmp_path / "a"),
    ]

    assert [result.exit_code for result in done] == [0, 0, 0]
    assert [result.stdout for result in done] == ["", "", ""]
    assert services.db.client.get_database("elsewhere").tasks.count_documents({}) == 1


def test_standard_output_is_a_tar_and_nothing_else(flask: Flask, elsewhere: Flask, tmp_path: Path) -> None:
    exported = flask("export", "-")
    with tarfile.open(fileobj=BytesIO(exported.stdout_bytes)) as tar:
        assert tar.getnames()[-1] == NAME
    (tmp_path / "a.tar").write_bytes(exported.stdout_bytes)

    assert "1 documents" in exported.stderr
    assert elsewhere("check", tmp_path / "a.tar").exit_code == 0
    assert elsewhere("import", "-", input=exported.stdout_bytes).exit_code == 0


def test_quiet_says_nothing(flask: Flask, elsewhere: Flask, tmp_path: Path) -> None:
    said = [flask("export", tmp_path / "a", "--quiet"), elsewhere("import", tmp_path / "a", "--quiet")]

    assert [result.output for result in said] == ["", ""]


def test_redis_is_not_needed(
    flask: Flask, elsewhere: Flask, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(type(services.queues.redis), "execute_command", away)

    assert flask("export", tmp_path / "a").exit_code == 0
    assert elsewhere("import", tmp_path / "a").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("export",),
        ("export", "-", "--resume"),
        ("export", "-", "--restart"),
        ("export", "x", "--resume", "--restart"),
    ],
)
def test_a_command_line_that_is_not_understood(flask: Flask, words: tuple[str, ...]) -> None:
    assert flask(*words).exit_code == 2


def test_a_terminal_gets_no_archive(flask: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "is_terminal", lambda stream: True)

    assert flask("export", "-").exit_code == 2


def test_what_is_not_complete_is_one(flask: Flask, elsewhere: Flask, tmp_path: Path) -> None:
    flask("export", tmp_path / "a")

    assert flask("export", tmp_path / "a").exit_code == 1  # it is there already
    assert flask("import", tmp_path / "a").exit_code == 1  # into itself
    assert flask("check", tmp_path / "nowhere").exit_code == 1
    assert flask("export", tmp_path / "b", "--require-snapshot").exit_code == 1
    assert elsewhere("import", "-", input=b"").exit_code == 1


def test_damage_is_found_before_anything_is_imported(
    flask: Flask, elsewhere: Flask, services: Services, tmp_path: Path
) -> None:
    flask("export", tmp_path / "a")
    last = tmp_path / "a" / "tests" / FolderArchive(tmp_path / "a").manifest.collections[-1].documents_file
    last.write_bytes(last.read_bytes()[:-1])
    result = elsewhere("import", tmp_path / "a")

    assert result.exit_code == 1 and len(result.stderr.splitlines()[-1]) > 20
    assert services.db.client.get_database("elsewhere").list_collection_names() == []


@pytest.mark.parametrize("error", [AutoReconnect("gone"), OperationFailure("not authorized", code=13)])
def test_a_database_that_does_not_answer_is_a_sentence(
    flask: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def collections(self: BackupSource) -> None:
        raise error

    monkeypatch.setattr(BackupSource, "collections", collections)
    result = flask("export", tmp_path / "a")

    assert (result.exit_code, result.stdout) == (1, "")
    assert isinstance(result.exception, SystemExit)


def test_warnings_are_three(settings: Settings, flask: Flask, services: Services, tmp_path: Path) -> None:
    flask("export", tmp_path / "a")
    services.db.tasks.update_many({}, {"$set": {"title": "Changed"}})
    merged = flask("import", tmp_path / "a", "--merge")

    assert merged.exit_code == 3
    assert [line for line in merged.stderr.splitlines() if line.startswith("Warning: tasks: 1 ")]


def test_an_interrupted_export_is_finished_or_begun_again(
    flask: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: BackupSource, name: str) -> None:
        raise AutoReconnect("gone")

    for number, flag in enumerate(("--resume", "--restart")):
        with monkeypatch.context() as patched:
            patched.setattr(BackupSource, "batches", interrupted)
            assert flask("export", tmp_path / str(number)).exit_code == 1
        assert flask("export", tmp_path / str(number)).exit_code == 1
        assert flask("export", tmp_path / str(number), flag).exit_code == 0


def test_what_is_left_out_is_said(
    flask: Flask, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [*services.db.list_collections(), {"name": "seen", "type": "view"}]
    monkeypatch.setattr(type(services.db), "list_collections", lambda self: iter(listed))

    assert "seen (view)" in flask("export", tmp_path / "a", "--quiet").stderr


def test_progress_is_told_at_a_modest_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(data.time, "monotonic", lambda: now)
    report = data.reporter(quiet=False)
    for second in range(5):
        now = float(second)
        report(CollectionProgress("Exporting", "tasks", second * 1_000, second * 2**20))
    report(CollectionProgress("Exported", "tasks", 5_000, 5 * 2**20, done=True))
    report(CollectionProgress("Exported", "words", 0, 0, done=True))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[-1] == "Exported tasks: 5,000 documents, 5.0 MB"


def test_an_imported_task_waits_to_be_sent(
    flask: Flask, elsewhere: Flask, services: Services, tmp_path: Path
) -> None:
    flask("export", tmp_path / "a")
    elsewhere("import", tmp_path / "a")

    found = services.db.client.get_database("elsewhere").tasks.find_one()
    assert (found["status"], found["hint"]) == (Status.QUEUED.value, "due")


def test_a_manifest_can_be_read_by_any_program(flask: Flask, tmp_path: Path) -> None:
    flask("export", tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / NAME).read_text())

    counts = {found["name"]: found["content"]["count"] for found in manifest["collections"]}
    assert counts["tasks"] == 1
