"""`flask migrate`: exit codes, counts, and what other commands say of a database that has another format."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

from app import create_app
from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.mongo import Mongo
from app.core.schema import version
from app.core.services import Services
from config import Settings
from tests.core.migrations.conftest import old, old_task

__all__ = ["old"]

Flask = Callable[..., Result]


@pytest.fixture
def flask(settings: Settings, services: Services) -> Flask:
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words: runner.invoke(args=[*words])


def test_a_dry_run_counts_and_the_run_after_it_does_the_same(old: Mongo, flask: Flask) -> None:
    planned = flask("migrate", "--dry-run")
    assert (planned.exit_code, version.read(old)) == (0, 0)
    assert "tasks: 17 documents, changes to make: 19" in planned.stdout

    done = flask("migrate")
    assert (done.exit_code, version.read(old)) == (0, version.CURRENT)
    assert "tasks: 17 documents, changes made: 19" in done.stdout
    assert "local: administrator" in done.stdout

    again = flask("migrate")
    assert (again.exit_code, "nothing to migrate" in again.stdout) == (0, True)


def test_damaged_documents_are_named_and_the_exit_code_says_so(old: Mongo, flask: Flask) -> None:
    task = old_task(None)
    old.tasks.insert_one(task)
    done = flask("migrate")
    assert (done.exit_code, version.read(old)) == (3, version.CURRENT)
    assert f"{task['_id']}: owner is None" in done.stderr


def test_it_refuses_while_workers_are_online_unless_told(
    old: Mongo, services: Services, flask: Flask
) -> None:
    services.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", utcnow(), utcnow()))
    assert (flask("migrate").exit_code, version.read(old)) == (1, 0)
    assert (flask("migrate", "--with-workers").exit_code, version.read(old)) == (0, version.CURRENT)


def test_other_commands_wait_for_it(old: Mongo, flask: Flask) -> None:
    before = old.tasks.count_documents({})
    for words in (["tasks", "types"], ["tasks", "run", "count_slowly", "--no-follow"]):
        result = flask(*words)
        assert (result.exit_code, "flask migrate" in result.stderr) == (2, True)
    assert old.tasks.count_documents({}) == before


def test_no_command_works_with_a_newer_database(services: Services, flask: Flask, tmp_path) -> None:
    version.write(services.db, version.CURRENT + 1)
    for words, code in (
        (["migrate"], 1),
        (["migrate", "--dry-run"], 1),
        (["tasks", "types"], 2),
        (["tasks", "run", "count_slowly"], 2),
        (["data", "export", str(tmp_path / "a")], 1),
    ):
        result = flask(*words)
        assert (result.exit_code, "newer version" in result.stderr) == (code, True), words
    assert version.read(services.db) == version.CURRENT + 1
