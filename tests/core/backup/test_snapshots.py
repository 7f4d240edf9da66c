"""Snapshots: tried before they are promised; and what an interrupted export promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from app.core.backup.export import Export
from app.core.backup.folder import FolderArchive
from app.core.backup.manifest import Consistency, Manifest, Snapshot
from app.core.backup.problems import BackupError, BackupProblem
from app.core.backup.restore import check
from app.core.backup.source import PROBE, BackupSource, Collection
from app.core.backup.tar import TarSink
from app.core.services import Services
from tests.core.backup.test_folder import stopped_after
from tests.raw_mongomock import Batches

Exporter = Callable[..., Manifest]
ROOT = Path(__file__).parents[3]


class Session:
    """A session of a server whose snapshots are as a test wants them."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class Expired(Batches):
    """What is read of a moment that the server no longer has."""

    def __next__(self) -> bytes:
        raise OperationFailure("too old", code=239)

    def sort(self, order: object) -> Expired:
        return self

    def __iter__(self) -> Expired:
        return self


@pytest.fixture
def snapshots(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets mongomock accept snapshots, and keep them or not."""
    collection = type(services.db.leases)
    real_find, real_raw = collection.find_one, collection.find_raw_batches

    def accept(*, kept: bool, until: str = "") -> None:
        frozen: dict[str, Any] = {}

        def find_one(self: Any, query: Any, *args: Any, session: Any = None, **given: Any) -> Any:
            found = real_find(self, query, *args, **given)
            return frozen.setdefault(str(query), found) if session and kept else found

        def find_raw_batches(self: Any, query: Any, session: Any = None, **given: Any) -> Any:
            return Expired(0, 0) if session and self.name == until else real_raw(self, query, **given)

        monkeypatch.setattr(type(services.db.client), "start_session", lambda *_, **given: Session())
        monkeypatch.setattr(collection, "find_one", find_one)
        monkeypatch.setattr(collection, "find_raw_batches", find_raw_batches)

    return accept


def test_a_server_without_snapshots_is_read_in_sequence(export: Exporter) -> None:
    manifest = export()

    assert (manifest.consistency, manifest.snapshot) == (Consistency.SEQUENTIAL, Snapshot.REFUSED)


def test_a_snapshot_that_is_kept_is_promised(
    seeded: Services, export: Exporter, snapshots: Callable[..., None]
) -> None:
    snapshots(kept=True)
    manifest = export()

    assert (manifest.consistency, manifest.snapshot) == (Consistency.SNAPSHOT, Snapshot.HELD)
    assert seeded.db.leases.find_one({"_id": PROBE}) is None


def test_a_snapshot_that_is_accepted_and_not_kept_is_found_out(
    seeded: Services, export: Exporter, snapshots: Callable[..., None]
) -> None:
    snapshots(kept=False)
    manifest = export()

    assert (manifest.consistency, manifest.snapshot) == (Consistency.SEQUENTIAL, Snapshot.IGNORED)
    assert seeded.db.leases.find_one({"_id": PROBE}) is None


def test_what_cannot_be_tried_is_not_promised(
    seeded: Services, export: Exporter, snapshots: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def update_one(self: object, *args: object, **given: object) -> None:
        raise OperationFailure("not authorized", code=13)

    snapshots(kept=True)
    monkeypatch.setattr(type(seeded.db.leases), "update_one", update_one)

    assert export().snapshot is Snapshot.UNTESTED


def test_a_snapshot_that_expires_is_no_longer_promised(
    export: Exporter, snapshots: Callable[..., None], tmp_path: Path
) -> None:
    snapshots(kept=True, until="files.files")
    manifest = export()

    assert (manifest.consistency, manifest.snapshot) == (Consistency.SEQUENTIAL, Snapshot.EXPIRED)
    check(FolderArchive(tmp_path / "export"))


@pytest.mark.parametrize("until", ["", "files.files"])
def test_a_snapshot_may_be_required(
    seeded: Services, snapshots: Callable[..., None], until: str, tmp_path: Path
) -> None:
    snapshots(kept=bool(until), until=until)

    with (tmp_path / "a.tar").open("wb") as file, pytest.raises(BackupError) as refused:
        Export(BackupSource(seeded.db), TarSink(file, "tests"), []).run(require_snapshot=True)
    assert refused.value.problem is BackupProblem.NO_SNAPSHOT


# Interrupted


def test_it_resumes_with_the_collections_that_are_missing(
    seeded: Services, export: Exporter, snapshots: Callable[..., None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    snapshots(kept=True)
    stopped_after(3, export, tmp_path / "export", monkeypatch)
    read = reads(monkeypatch)
    manifest = export(resume=True)

    names = [entry.name for entry in manifest.collections]
    assert read == names[3:]
    assert (manifest.consistency, manifest.snapshot) == (Consistency.SEQUENTIAL, Snapshot.RESUMED)
    check(FolderArchive(tmp_path / "export"))


def test_told_so_it_reads_all_again(
    export: Exporter, snapshots: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots(kept=True)
    stopped_after(3, export, tmp_path / "export", monkeypatch)
    read = reads(monkeypatch)
    manifest = export(restart=True)

    assert read == [entry.name for entry in manifest.collections]
    assert manifest.consistency is Consistency.SNAPSHOT


@pytest.mark.parametrize("name", ["tasks.bson.gz", "tasks.metadata.json.gz"])
def test_a_file_that_was_damaged_meanwhile_is_read_again(
    export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stopped_after(3, export, tmp_path / "export", monkeypatch)
    (tmp_path / "export" / "tests" / name).write_bytes(b"cut")
    read = reads(monkeypatch)
    export(resume=True)

    assert "tasks" in read
    check(FolderArchive(tmp_path / "export"))


def test_a_collection_that_was_made_anew_is_read_again(
    export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(3, export, tmp_path / "export", monkeypatch)
    real = BackupSource.collections

    def collections(self: BackupSource) -> Any:
        found, left_out = real(self)
        return [Collection(one.name, one.options, "cd" * 16) for one in found], left_out

    monkeypatch.setattr(BackupSource, "collections", collections)
    read = reads(monkeypatch)
    export(resume=True)

    assert "tasks" in read


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The collections that are read from here on."""
    real, read = BackupSource.batches, []

    def batches(self: BackupSource, name: str) -> Iterator[bytes]:
        read.append(name)
        return real(self, name)

    monkeypatch.setattr(BackupSource, "batches", batches)
    return read
