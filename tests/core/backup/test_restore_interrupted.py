"""An import that was killed, or whose server did not keep what it was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure, WriteError

from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupError, BackupProblem, Caution
from app.core.backup.restore import Restored
from app.core.backup.source import IMPORTS
from app.core.backup.target import Target
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from tests.core.backup.conftest import contents, killed, refusal

Exporter = Callable[..., Manifest]
Restorer = Callable[..., Restored]


PLACES = [("insert", number) for number in range(1, 6)] + [
    ("note_inserted", 2),
    ("is_equal", 1),
    ("is_equal", 4),
    ("compared", 1),
    ("leave_notes", 1),
    ("finish", 1),
]


@pytest.mark.parametrize(("method", "times"), PLACES)
def test_the_same_command_goes_on_wherever_it_was_killed(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch,
    method: str, times: int,
) -> None:  # fmt: skip
    seeded.logs.write_part(ObjectId(), 1, 0, b"of a task that came later")
    export()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed(patched, method, times)
        restore()
    assert other.db[IMPORTS].find_one({"_id": "import"})

    restored = restore()
    there = contents(other)
    assert len(there.pop("deletions")) == 1
    assert there == contents(seeded)
    assert restored.warned == [] and other.db[IMPORTS].find_one() is None


def test_what_was_inserted_is_not_sent_again(
    export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    export()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed(patched, "insert", 3)
        restore()
    inserted: list[str] = []
    real = Target.insert
    monkeypatch.setattr(
        Target, "insert", lambda self, name, batch: inserted.append(name) or real(self, name, batch)
    )
    restore()

    assert "tasks" not in inserted and "files.chunks" in inserted


def test_another_export_does_not_go_on_with_it(
    export: Exporter, restore: Restorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export()
    export(tmp_path / "later")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed(patched, "insert", 2)
        restore()

    assert refusal(restore, folder=tmp_path / "later") is BackupProblem.OTHER
    assert restore().documents


# Compared


def test_a_document_that_the_server_changes_is_found_and_named(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Target.is_equal

    def change(self: Target, collection: str, *args: Any) -> bool:
        if collection == "tasks":
            self.db.tasks.update_one({"status": "failed"}, {"$set": {"title": "Another"}})
        return real(self, collection, *args)

    monkeypatch.setattr(Target, "is_equal", change)
    export()
    with pytest.raises(BackupError) as refused:
        restore()

    assert refused.value.problem is BackupProblem.DIFFERS
    failed = seeded.db.tasks.find_one({"status": "failed"})["_id"]
    assert "tasks" in str(refused.value) and str(failed) in str(refused.value)
    assert other.db[IMPORTS].find_one({"_id": "import"})


def test_a_document_that_the_server_has_lost_is_there_after_another_run(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Target.is_equal

    def lose(self: Target, collection: str, *args: Any) -> bool:
        self.db.logs.delete_many({})
        return real(self, collection, *args)

    export()
    with monkeypatch.context() as patched:
        patched.setattr(Target, "is_equal", lose)
        assert refusal(restore) is BackupProblem.DIFFERS

    restore()
    assert contents(other) == contents(seeded)


def test_a_document_that_somebody_adds_meanwhile_is_noticed(
    other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Target.is_equal

    def add(self: Target, collection: str, *args: Any) -> bool:
        self.db.tasks.update_one({"_id": "surplus"}, {"$set": {"title": "?"}}, upsert=True)
        return real(self, collection, *args)

    monkeypatch.setattr(Target, "is_equal", add)
    export()

    assert refusal(restore) is BackupProblem.DIFFERS


def test_documents_that_another_server_sorts_otherwise_are_equal(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "is_equal", lambda *_: False)
    export()

    assert restore().warned == []
    assert contents(other) == contents(seeded)


def test_a_document_that_the_server_refuses_is_named(
    seeded: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.errors import BulkWriteError

    def insert_many(self: object, documents: list[Any], **_: Any) -> None:
        raise BulkWriteError({"writeErrors": [{"index": 1, "code": 121}]})

    export()
    monkeypatch.setattr(type(seeded.db.tasks), "insert_many", insert_many)

    with pytest.raises(BackupError) as refused:
        restore()
    second = list(seeded.db.tasks.find().sort([("_id", 1)]))[1]
    assert refused.value.problem is BackupProblem.REFUSED and str(second["_id"]) in str(refused.value)


def test_a_server_that_goes_away_is_no_refused_index(
    export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationFailure("a shard is away", code=6)

    export()
    monkeypatch.setattr("app.core.schema.indexes.create_indexes", away)

    with pytest.raises(OperationFailure):
        restore()


def test_an_index_of_ours_that_cannot_be_made_is_warned_of(
    export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise WriteError("refused", code=67)

    export()
    monkeypatch.setattr("app.core.schema.indexes.create_indexes", refused)

    assert Caution.INDEX in {warned.caution for warned in restore().warned}


def test_what_was_warned_of_is_said_by_the_run_that_finishes(
    seeded: Services,
    other: Services,
    export: Exporter,
    restore: Restorer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_indexes(other.db)
    first = seeded.db["files.files"].find_one()
    other.db["files.files"].insert_one({**first, "filename": "theirs"})
    export()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed(patched, "finish", 1)
        restore(merge=True)

    restored = restore()
    assert [warned.caution for warned in restored.warned] == [Caution.KEPT]
    assert restored.documents
