"""Exporting: what is read, in which order, and what is promised of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import json_util

from app.core.backup.export import Export
from app.core.backup.folder import FolderArchive
from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupError, BackupProblem, CollectionProgress
from app.core.backup.restore import metadata
from app.core.backup.source import EPHEMERAL, IMPORTS, ORDER, BackupSource, Collection
from app.core.backup.tar import TarSink
from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.schema.indexes import INDEXES
from app.core.secrets.vault import Vault
from app.core.services import Services

Exporter = Callable[..., Manifest]
ROOT = Path(__file__).parents[3]


def own_collections() -> set[str]:
    """The names under which the program keeps anything in MongoDB: `db.name` and `db["name"]` in the code."""
    found = set()
    for path in [*(ROOT / "app" / "core").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute | ast.Subscript) and ast.unparse(node.value).endswith("db"):
                found.add(node.attr if isinstance(node, ast.Attribute) else getattr(node.slice, "value", ""))
    return found


def test_every_collection_of_the_program_has_its_turn() -> None:
    named = own_collections() & {*ORDER, *EPHEMERAL, IMPORTS}
    assert named == {*ORDER, *EPHEMERAL}
    assert {*INDEXES} <= {*ORDER, *EPHEMERAL}


def test_every_document_of_every_collection_is_in_it(seeded: Services, export: Exporter) -> None:
    seeded.db.extra.insert_one({"_id": 1})
    manifest = export()

    counts = {entry.name: entry.content.count for entry in manifest.collections}
    assert counts == {name: seeded.db[name].count_documents({}) for name in seeded.db.list_collection_names()}
    assert counts["tasks"] == 7 and counts["files.chunks"] and counts["logs"] and counts["extra"]


def test_what_refers_to_something_is_read_before_it(export: Exporter, seeded: Services) -> None:
    seeded.catalog.publish([], "w1")
    names = [entry.name for entry in export().collections]

    known = [name for name in names if name in ORDER]
    assert known == [name for name in ORDER if name in names]
    for first, then in (
        ("tasks", "deletions"),
        ("deletions", "logs"),
        ("deletions", "files.files"),
        ("files.uploads", "files.files"),
        ("files.files", "files.chunks"),
        ("tasks", "words"),
    ):
        assert ORDER.index(first) < ORDER.index(then)


def test_metadata_are_those_of_mongodump(export: Exporter, tmp_path: Path) -> None:
    entry = export().entry("tasks")
    assert entry
    found = metadata(FolderArchive(tmp_path / "export"), entry)

    assert {index["name"] for index in found["indexes"]} >= {"_id_", "hint", "retention", "submission"}


def test_metadata_have_types_and_options() -> None:
    class Database(dict):
        def __missing__(self, name: str) -> Any:
            return self

        def list_indexes(self) -> list[dict[str, Any]]:
            return [{"v": 2, "key": {"_id": 1}, "name": "_id_"}]

    source = BackupSource(Database())  # type: ignore[arg-type]  # only what an export asks of one
    text = source.metadata(Collection("tasks", {"capped": True, "size": 4096}, "ab" * 16)).decode()

    assert '"size": {"$numberInt": "4096"}' in text
    assert json_util.loads(text)["uuid"] == "ab" * 16


def test_the_manifest_says_what_else_went_on_and_no_address(
    seeded: Services, export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utcnow()
    seeded.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", now, now))
    manifest = export()

    assert manifest.activity.workers == 1 and manifest.activity.running == 1
    assert manifest.server.keys() == {"version", "kind"}
    assert manifest.finished_at - manifest.started_at < timedelta(minutes=1)


def test_keys_are_named_and_not_given_away(export: Exporter, seeded: Services) -> None:
    manifest = export()

    assert manifest.keys == seeded.vault.key_names
    assert Vault(["another"]).key_names != manifest.keys
    assert seeded.settings.secret_key not in manifest.model_dump_json()


def test_a_view_is_left_out_and_named(
    seeded: Services, export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [
        *seeded.db.list_collections(),
        {"name": "seen", "type": "view"},
        {"name": "a/b", "type": "collection"},
    ]
    monkeypatch.setattr(type(seeded.db), "list_collections", lambda self: iter(listed))

    assert [(item.name, item.type) for item in export().left_out] == [("a/b", "collection"), ("seen", "view")]


def test_a_database_that_is_half_imported_is_not_exported(seeded: Services, export: Exporter) -> None:
    seeded.db[IMPORTS].insert_one({"_id": "import"})

    with pytest.raises(BackupError) as refused:
        export()
    assert refused.value.problem is BackupProblem.HALF_IMPORTED


def test_progress_is_told(seeded: Services, tmp_path: Path) -> None:
    steps: list[CollectionProgress] = []
    with (tmp_path / "a.tar").open("wb") as file:
        Export(BackupSource(seeded.db), TarSink(file, "tests"), [], steps.append).run()

    ended = {step.collection: step.documents for step in steps if step.done}
    assert ended["tasks"] == 7
    assert any(step.collection == "tasks" and not step.done for step in steps)
