"""An export in a folder: `<folder>/<database>/<collection>.bson.gz`, and what says how far it has come.

Every file is written under another name, synced and renamed, so that it is whole or not there. The progress
goes when the manifest comes. Nothing in a folder is trusted when it is read; links are refused.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from app.core.backup import manifest as manifests
from app.core.backup.manifest import CollectionEntry, Manifest
from app.core.backup.problems import BackupError, BackupProblem

PROGRESS = "progress.json"
TEMPORARY = ".part"


@contextlib.contextmanager
def disk(path: Path | str) -> Iterator[None]:
    """Turn what the system says about a file into a sentence. Raises BackupError."""
    try:
        yield
    except BrokenPipeError:
        raise BackupError(BackupProblem.DISK, "Whatever reads the export has ended before it.") from None
    except OSError as error:
        more = " Free some space and run it again." if error.errno == errno.ENOSPC else ""
        raise BackupError(BackupProblem.DISK, f"{path}: {error.strerror or error}.{more}") from None


class FolderSink:
    """Where an export is written. `finished` are the collections that an interrupted one has left whole."""

    def __init__(self, folder: Path, database: str, *, resume: bool = False, restart: bool = False) -> None:
        """Raises BackupError where the folder holds anything that is not to be continued."""
        self.folder, self._database = folder, database
        with disk(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(folder)
        try:
            self.finished = self._begin(resume, restart)
        except BaseException:
            self.close()
            raise

    def _begin(self, resume: bool, restart: bool) -> dict[str, CollectionEntry]:
        there = {path.name for path in self.folder.iterdir()} - {PROGRESS + TEMPORARY}
        begun = self._read_progress() if PROGRESS in there and manifests.NAME not in there else None
        if there and (begun is None or not (resume or restart)):
            raise _not_empty(self.folder, begun is not None, manifests.NAME in there)
        if begun is None:
            return {}
        if begun["database"] != self._database:
            raise BackupError(
                BackupProblem.OTHER, f"{self.folder} holds an unfinished export of “{begun['database']}”."
            )
        if restart:
            self._remove_files()
            return {}
        return {entry.name: entry for entry in begun["collections"] if self._is_whole(entry)}

    def _remove_files(self) -> None:
        """Remove what an export has written that is not continued."""
        with disk(self.folder):
            for path in (self.folder / self._database).glob("*.gz*"):
                path.unlink()

    def _read_progress(self) -> dict[str, Any]:
        content = FolderArchive.content(self.folder / PROGRESS, manifests.MOST_BYTES)
        document = manifests.parsed(content, str(self.folder / PROGRESS))
        try:
            entries = [CollectionEntry.model_validate(entry) for entry in document["collections"]]
            return {"database": str(document["database"]), "collections": entries}
        except (KeyError, TypeError, ValidationError):
            raise BackupError(BackupProblem.DAMAGED, f"{self.folder / PROGRESS} cannot be used.") from None

    def _is_whole(self, entry: CollectionEntry) -> bool:
        """Whether both files of a collection are there as they were written."""
        wanted = {entry.documents_file: entry.content.file_sha256, entry.metadata_file: entry.metadata_sha256}
        paths = {self.folder / self._database / name: sha256 for name, sha256 in wanted.items()}
        return all(path.is_file() and _sha256(path) == sha256 for path, sha256 in paths.items())

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the database's folder that is there when the block has ended well."""
        folder = self.folder / self._database
        with disk(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        with self._replacing(folder / name) as file:
            yield file

    @contextlib.contextmanager
    def _replacing(self, path: Path) -> Iterator[IO[bytes]]:
        partial = path.with_name(path.name + TEMPORARY)
        with disk(path):
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync(path.parent)

    def record(self, entries: list[CollectionEntry]) -> None:
        """Say which collections are whole; an empty list is said before the first."""
        document = {
            "database": self._database,
            "collections": [entry.model_dump(mode="json") for entry in entries],
        }
        with self._replacing(self.folder / PROGRESS) as file:
            file.write(manifests.canonical(document))

    def finish(self, manifest: Manifest) -> None:
        """Make a finished export of it."""
        with self._replacing(self.folder / manifests.NAME) as file:
            file.write(manifests.write(manifest))
        with disk(self.folder):
            (self.folder / PROGRESS).unlink(missing_ok=True)
            for partial in self.folder.glob(f"*/*{TEMPORARY}"):
                partial.unlink()
            _sync(self.folder)

    def close(self) -> None:
        """Let another process write here."""
        os.close(self._lock)


def _locked(folder: Path) -> int:
    import fcntl  # Here, so that Windows can be told in a sentence what it lacks.

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BackupError(
            BackupProblem.BUSY, f"Another process is writing an export into {folder}."
        ) from None
    return descriptor


def _not_empty(folder: Path, unfinished: bool, complete: bool) -> BackupError:
    if complete:
        what = "holds a complete export"
    elif unfinished:
        return BackupError(
            BackupProblem.NOT_EMPTY,
            f"{folder} holds an unfinished export. Add --resume to read only the collections that it lacks, "
            "or --restart to read all of them again.",
        )
    else:
        what = "is not empty"
    return BackupError(BackupProblem.NOT_EMPTY, f"{folder} {what}. Name an empty or a new folder.")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


class FolderArchive:
    """An export to be read. Raises BackupError where the folder holds none, or one that was not finished."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with disk(folder):
            there = {path.name for path in folder.iterdir()}
        if manifests.NAME not in there:
            raise without_manifest(str(folder), PROGRESS in there)
        self.manifest = manifests.read(self.content(folder / manifests.NAME, manifests.MOST_BYTES))

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the database's folder, from its start. Raises BackupError."""
        path = self._folder / self.manifest.database / name
        with disk(path), _regular(path) as file:
            yield file

    def close(self) -> None:
        """Nothing is held open."""

    @staticmethod
    def content(path: Path, most: int) -> bytes:
        """The content of a small file. Raises BackupError."""
        with disk(path), _regular(path) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise BackupError(BackupProblem.DAMAGED, f"{path} is damaged: it is too large.")
        return content


def without_manifest(where: str, unfinished: bool) -> BackupError:
    """What is said of files that are no complete export."""
    if unfinished:
        return BackupError(
            BackupProblem.UNFINISHED,
            f"{where} holds an export that was not finished. Finish it with `flask data export --resume`.",
        )
    return BackupError(
        BackupProblem.FOREIGN,
        f"{where} holds no export of this program: {manifests.NAME} is missing. Use `mongorestore` for what "
        "`mongodump` has written.",
    )


def _regular(path: Path) -> IO[bytes]:
    """Open a file, and nothing that only looks like one. Raises BackupError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BackupError(BackupProblem.MISSING, f"{path} is missing.") from None
    except OSError as error:
        raise BackupError(BackupProblem.DISK, f"{path}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BackupError(BackupProblem.FOREIGN, f"{path} is not a regular file.")
    return os.fdopen(descriptor, "rb")
