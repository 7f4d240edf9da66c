"""What real servers make of documents and of snapshots, and what an export says of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from app.core.backup.folder import FolderArchive
from app.core.backup.manifest import Snapshot
from app.core.backup.restore import documents
from app.core.clock import utcnow
from bench.data import digests, installed
from tests.real.installations import PAIRS, Database, database, flask, servers, work

__all__ = ["database", "servers"]

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVERY_TYPE = {
    "_id": {"part": 1, "of": "an id"},
    "numbers": [-0.0, float("nan"), 1, bson.Int64(1), bson.Decimal128("1.10")],
    "texts": ["h\u00e9\0", bson.Code("f()"), bson.Code("f()", {"x": 1}), bson.Regex("a.*", "im")],
    "bytes": [bson.Binary(b"x", kind) for kind in (0, 2, 5, 128)],
    "times": [utcnow(), bson.DatetimeMS(-(2**40)), bson.Timestamp(1, 2)],
    "others": [bson.ObjectId(), None, True, bson.MinKey(), bson.MaxKey(), bson.DBRef("a", 1), [], {}],
    "a.b": 1,
    "$x": {"$y": {"": 1}},
    "": 2,
}


def odd() -> bytes:
    """A document with types that MongoDB no longer gives to anybody, but keeps: undefined, symbol."""
    elements = [b"\x10_id\x00\x01\x00\x00\x00", b"\x06u\x00", b"\x0es\x00\x03\x00\x00\x00ab\x00"]
    body = b"".join(elements)
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_documents_of_every_type_arrive_byte_for_byte(
    database: Database, tmp_path: Path, source: str, target: str
) -> None:
    (given, before), (addresses, after) = database(source, "source"), database(target, "target")
    raw = bson.encode(EVERY_TYPE)
    large = bson.encode({"_id": 2, "data": os.urandom(16 * 2**20 - 100)})
    before.db.extra.insert_many([RawBSONDocument(raw), RawBSONDocument(large)])
    exported = flask(given, "export", tmp_path / "export")
    imported = flask(addresses, "import", tmp_path / "export")
    assert (exported.returncode, imported.returncode) == (0, 0), exported.stderr + imported.stderr

    archive = FolderArchive(tmp_path / "export")
    entry = archive.manifest.entry("extra")
    assert entry and set(documents(archive, entry)) == {raw, large}
    assert digests(after.db)["extra"] == digests(before.db)["extra"]


def test_a_server_that_changes_documents_is_found_out(database: Database, tmp_path: Path) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("python", "target")
    before.db.extra.insert_one(RawBSONDocument(odd()))
    assert flask(given, "export", tmp_path / "export").returncode == 0
    done = flask(addresses, "import", tmp_path / "export")

    assert done.returncode == 1 and "extra" in done.stderr
    assert after.db.imports.find_one({"_id": "import"})


@pytest.mark.parametrize("kind", installed())
def test_a_snapshot_is_promised_only_where_later_writes_stay_out_of_it(
    database: Database, tmp_path: Path, kind: str
) -> None:
    given, before = database(kind, "source")
    work(before)
    assert flask(given, "export", tmp_path / "export").returncode == 0
    with before.db.client.start_session(snapshot=True) as session:
        early = before.db.tasks.count_documents({}, session=session)
        before.db.tasks.insert_one({"_id": "later"})
        kept = before.db.tasks.count_documents({}, session=session) == early

    held = FolderArchive(tmp_path / "export").manifest.snapshot is Snapshot.HELD
    assert held == kept


def test_the_layout_is_read_by_gunzip_and_bson_alone(database: Database, tmp_path: Path) -> None:
    given, before = database("wheel", "source")
    work(before)
    assert flask(given, "export", tmp_path / "export").returncode == 0
    subprocess.run(["gunzip", "-r", tmp_path / "export"], check=True)
    folder = tmp_path / "export" / before.db.name
    tasks = bson.decode_all((folder / "tasks.bson").read_bytes())
    metadata = json.loads((folder / "tasks.metadata.json").read_text())

    assert {task["_id"] for task in tasks} == {task["_id"] for task in before.db.tasks.find({}, {"_id": 1})}
    assert metadata["collectionName"] == "tasks" and metadata["indexes"][0]["v"] == {"$numberInt": "2"}
