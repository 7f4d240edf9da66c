"""A migration: to its end from wherever it was interrupted, once, and beside nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.errors import UnsupportedDatabase
from app.core.migrations import migration
from app.core.migrations.migration import Migration, MigrationError, Reason
from app.core.migrations.steps import STEPS
from app.core.mongo import Mongo
from app.core.schema import version
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from tests.core.migrations.conftest import contents, old_task


class KilledError(BaseException):
    """The process is no more."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "BATCH", 3)


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the process die at the n-th fail-point that it passes; 0 never."""

    def arm(nth: int) -> None:
        passed = 0

        def reach(name: str, detail: object = "") -> None:
            nonlocal passed
            passed += 1
            if passed == nth:
                raise KilledError(name)

        monkeypatch.setattr(migration, "reach", reach)

    return arm


def plain(db: Mongo) -> dict[str, Any]:
    """What a database holds, with names for IDs that differ from run to run."""
    names = {user["_id"]: user["name"] for user in db.users.find()}
    found = repr({name: content for name, content in contents(db).items() if name != "users"})
    for user_id, name in names.items():
        found = found.replace(user_id, f"<{name}>")
    return {"documents": found, "users": sorted(names.values())}


def test_every_version_has_its_step(services: Services) -> None:
    assert [make(services.db, True).version for make in STEPS] == [*range(1, version.CURRENT + 1)]


def test_killed_anywhere_and_run_again_it_is_as_if_it_never_was(
    old: Mongo, killed_at: Callable[[int], None]
) -> None:
    before = contents(old)
    killed_at(0)
    Migration(old).run()
    whole = plain(old)

    kills = 0
    while True:
        for name in old.list_collection_names():
            old[name].delete_many({})
        for name, documents in before.items():
            if documents:
                old[name].insert_many(documents)
        kills += 1
        killed_at(kills)
        try:
            Migration(old).run()
        except KilledError:
            assert version.read(old) == 0
            killed_at(0)
            Migration(old).run()
        else:
            break
        assert plain(old) == whole
    assert kills > 10


def test_killed_again_and_again_it_goes_on_where_it_was(old: Mongo, killed_at: Callable[[int], None]) -> None:
    seen: list[tuple[str, int]] = []
    for _ in range(4):
        killed_at(2)
        with pytest.raises(KilledError):
            Migration(old).run()
        seen.append((old.meta.find_one({"_id": "migration"})["collection"], 0))
    killed_at(0)
    left = Migration(old).plan()[0].tallies[0].changed
    assert left < Migration(old).run()[0].tallies[0].seen
    assert version.read(old) == version.CURRENT
    assert old.meta.find_one({"_id": "migration"}) is None


def test_run_twice_it_changes_nothing(old: Mongo) -> None:
    Migration(old).run()
    before = contents(old)
    assert Migration(old).run() == [] == Migration(old).plan()
    assert contents(old) == before


def test_a_dry_run_counts_and_changes_nothing(old: Mongo) -> None:
    before = contents(old)
    (planned,) = Migration(old).plan()
    assert contents(old) == before
    (done,) = Migration(old).run()
    assert [(tally.seen, tally.changed) for tally in planned.tallies] == [(17, 19), (3, 3)]
    assert [(tally.seen, tally.changed) for tally in done.tallies] == [(17, 19), (3, 3)]
    assert "5" in planned.notes[0] and "5" in done.notes[0]


def test_workers_that_are_online_are_an_obstacle(old: Mongo, services: Services) -> None:
    services.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", utcnow(), utcnow()))
    with pytest.raises(MigrationError) as refused:
        Migration(old).run()
    assert refused.value.reason is Reason.WORKERS
    assert old.tasks.count_documents({"owner": "local"}) and version.read(old) == 0
    assert Migration(old).run(with_workers=True)


def test_a_database_that_is_half_imported_is_not_migrated(old: Mongo) -> None:
    old.imports.insert_one({"_id": "import", "export": "x", "merge": False})
    with pytest.raises(MigrationError) as refused:
        Migration(old).run()
    assert refused.value.reason is Reason.HALF_IMPORTED


def test_a_database_that_others_write_to_is_not_called_migrated(
    old: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "reach", lambda name, detail="": old.tasks.insert_one(old_task()))
    with pytest.raises(MigrationError) as refused:
        Migration(old).run()
    assert refused.value.reason is Reason.CHANGING
    assert version.read(old) == 0


# Versions


def test_an_empty_database_has_the_current_version(services: Services) -> None:
    services.db.drop_collection("meta")
    create_indexes(services.db)
    assert version.stored(services.db) == version.CURRENT
    services.db.tasks.insert_one(old_task())
    version.require(services.db)


@pytest.mark.parametrize("collection", ["tasks", "files.files"])
def test_one_that_holds_something_and_no_version_has_version_0(services: Services, collection: str) -> None:
    services.db.drop_collection("meta")
    services.db[collection].insert_one(old_task())
    create_indexes(services.db)
    assert version.read(services.db) == 0
    with pytest.raises(UnsupportedDatabase, match="flask migrate"):
        version.require(services.db)


def test_a_version_and_a_task_that_are_written_meanwhile_are_seen(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.db.drop_collection("meta")
    real, asked = version.stored, []

    def stored(db: Mongo) -> int | None:
        found = real(db)
        if not asked:
            asked.append(found)
            version.write(db, version.CURRENT)
            db.tasks.insert_one(old_task())
        return found

    monkeypatch.setattr(version, "stored", stored)
    assert version.read(services.db) == version.CURRENT


def test_a_newer_database_is_refused_and_left_alone(services: Services) -> None:
    services.db.meta.update_one({"_id": "schema"}, {"$set": {"version": version.CURRENT + 1}})
    services.db.tasks.drop_index("run_at")
    before = services.db.tasks.index_information()
    migrating = Migration(services.db)
    for refused in (version.require, create_indexes, lambda db: migrating.run(), lambda db: migrating.plan()):
        with pytest.raises(UnsupportedDatabase, match="newer version"):
            refused(services.db)
    assert services.db.tasks.index_information() == before


@pytest.mark.parametrize("value", [None, "1", True, -1, 0.5, float("nan"), float("inf"), [], {}])
def test_a_damaged_version_is_refused(services: Services, value: Any) -> None:
    services.db.meta.update_one({"_id": "schema"}, {"$set": {"version": value}})
    with pytest.raises(UnsupportedDatabase, match="damaged"):
        version.require(services.db)
