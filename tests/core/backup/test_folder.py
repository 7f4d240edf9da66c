"""A folder: written so that nothing incomplete looks complete, read without trust."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.backup import manifest as manifests
from app.core.backup.folder import PROGRESS, FolderArchive, FolderSink, disk
from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupError, BackupProblem
from app.core.backup.restore import check, documents, metadata
from app.core.backup.source import BackupSource

Exporter = Callable[..., Manifest]
Break = Callable[[Path], object]


def refusal(folder: Path) -> BackupProblem:
    """Why a folder is not taken."""
    with pytest.raises(BackupError) as refused:
        check(FolderArchive(folder))
    return refused.value.problem


def stopped_after(collections: int, export: Exporter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that ends in the middle, as if its process were killed."""
    real, read = BackupSource.batches, []

    def batches(self: BackupSource, name: str) -> object:
        if len(read) == collections:
            raise KeyboardInterrupt
        read.append(name)
        return real(self, name)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(BackupSource, "batches", batches)
        export(folder)


def test_a_folder_is_as_mongodump_writes_it(export: Exporter, tmp_path: Path) -> None:
    manifest = export()

    there = {path.name for path in (tmp_path / "export" / manifest.database).iterdir()}
    assert there == manifest.files
    assert {"tasks.bson.gz", "tasks.metadata.json.gz", "files.chunks.bson.gz"} <= there
    assert {path.name for path in (tmp_path / "export").iterdir()} == {manifest.database, manifests.NAME}


def test_nobody_else_can_read_it(export: Exporter, tmp_path: Path) -> None:
    export()

    modes = {oct(path.stat().st_mode & 0o077) for path in (tmp_path / "export").rglob("*")}
    assert modes == {"0o0"}


def test_a_folder_that_is_in_use_is_refused(export: Exporter, tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "export", "tests")

    with pytest.raises(BackupError) as refused:
        export()
    sink.close()
    assert refused.value.problem is BackupProblem.BUSY


@pytest.mark.parametrize("given", [{}, {"resume": True}, {"restart": True}], ids=str)
def test_a_folder_that_holds_something_is_refused(
    export: Exporter, tmp_path: Path, given: dict[str, bool]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").touch()
    export()

    for name in ("theirs", "export"):
        with pytest.raises(BackupError) as refused:
            export(tmp_path / name, **given)
        assert refused.value.problem is BackupProblem.NOT_EMPTY
    check(FolderArchive(tmp_path / "export"))


def test_an_unfinished_export_is_none_and_is_not_gone_on_with_by_accident(
    export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "export"
    stopped_after(3, export, folder, monkeypatch)

    assert refusal(folder) is BackupProblem.UNFINISHED
    with pytest.raises(BackupError) as refused:
        export(folder)
    assert refused.value.problem is BackupProblem.NOT_EMPTY


def test_a_process_that_was_killed_before_its_first_file_leaves_an_empty_folder(
    export: Exporter, tmp_path: Path
) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / f"{PROGRESS}.part").touch()

    assert export().collections


def test_the_export_of_another_database_is_not_gone_on_with(
    export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(2, export, tmp_path / "export", monkeypatch)

    for given in ({"resume": True}, {"restart": True}):
        with pytest.raises(BackupError) as refused:
            FolderSink(tmp_path / "export", "elsewhere", **given)
        assert refused.value.problem is BackupProblem.OTHER


# Damage


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: list[tuple[str, Break, BackupProblem]] = [
    ("manifest.json", flip, BackupProblem.DAMAGED),
    ("manifest.json", Path.unlink, BackupProblem.FOREIGN),
    ("manifest.json", link, BackupProblem.DISK),
    ("tests/tasks.bson.gz", flip, BackupProblem.DAMAGED),
    ("tests/tasks.bson.gz", lambda path: os.truncate(path, path.stat().st_size - 1), BackupProblem.DAMAGED),
    ("tests/tasks.bson.gz", Path.unlink, BackupProblem.MISSING),
    ("tests/tasks.bson.gz", link, BackupProblem.DISK),
    ("tests/tasks.bson.gz", pipe, BackupProblem.FOREIGN),
    ("tests/files.chunks.metadata.json.gz", flip, BackupProblem.DAMAGED),
    ("tests/files.chunks.metadata.json.gz", Path.unlink, BackupProblem.MISSING),
]


@pytest.mark.parametrize(("name", "damage", "problem"), DAMAGE)
def test_what_is_not_as_it_was_written_is_refused(
    export: Exporter, tmp_path: Path, name: str, damage: Break, problem: BackupProblem
) -> None:
    export()
    damage(tmp_path / "export" / name)

    assert refusal(tmp_path / "export") is problem


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_bit_of_metadata_is_noticed(export: Exporter, tmp_path: Path, step: int) -> None:
    entry = export().entry("logs")
    assert entry
    archive, path = FolderArchive(tmp_path / "export"), tmp_path / "export" / "tests" / entry.metadata_file
    content = path.read_bytes()
    for bit in range(0, len(content) * 8, step):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(BackupError) as refused:
            metadata(archive, entry)
        assert refused.value.problem is BackupProblem.DAMAGED


def test_a_folder_of_mongodump_is_named_as_one(export: Exporter, tmp_path: Path) -> None:
    export()
    (tmp_path / "export" / manifests.NAME).unlink()

    with pytest.raises(BackupError, match="mongorestore"):
        FolderArchive(tmp_path / "export")


def test_files_beside_those_of_the_manifest_do_no_harm(export: Exporter, tmp_path: Path) -> None:
    manifest = export()
    (tmp_path / "export" / "tests" / "README").write_text("ours")
    archive = FolderArchive(tmp_path / "export")

    check(archive)
    assert len(list(documents(archive, manifest.collections[0]))) == manifest.collections[0].content.count


def test_a_full_disk_is_a_sentence() -> None:
    with pytest.raises(BackupError, match="Free some space") as refused, disk("a file"):
        raise OSError(28, "No space left on device")

    assert refused.value.problem is BackupProblem.DISK
