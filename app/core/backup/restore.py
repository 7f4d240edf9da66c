"""Importing: from an export that was read to its end and found sound, into a target, step by step.

Each step can be done again, and is, when an import is interrupted and started anew: documents are
recognized by their IDs, and everything is compared before anything is called done.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from bson import ObjectId, json_util
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from app.core import mongo as database
from app.core.backup import bson_stream
from app.core.backup.manifest import CollectionEntry, Consistency, Manifest
from app.core.backup.problems import (
    BackupError,
    BackupProblem,
    Caution,
    CollectionProgress,
    Report,
    Warned,
    unheard,
)
from app.core.backup.source import EPHEMERAL, IMPORTS, within
from app.core.backup.target import DERIVED, LONG_S, LOOKED_UP, Difference, Fate, Target, some
from app.core.failpoints import reach
from app.core.schema import indexes, version
from app.core.tasks.store import Tasks

METADATA_MOST = 16 * 2**20
SERVERS_OWN = "guard_"
"""How the names of indexes begin that only the server needs on which they were made (`app.local`)."""


class Archive(Protocol):
    """An export that is read."""

    manifest: Manifest

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]: ...


def documents(archive: Archive, entry: CollectionEntry) -> Iterator[bytes]:
    """The documents of a collection. Raises BackupError where they are not what was written."""
    with archive.open(entry.documents_file) as file:
        yield from bson_stream.documents(file, entry.content, entry.documents_file)


def metadata(archive: Archive, entry: CollectionEntry) -> dict[str, Any]:
    """Options and indexes of a collection. Raises BackupError."""
    with archive.open(entry.metadata_file) as file:
        packed = file.read(METADATA_MOST + 1)
    try:
        if hashlib.sha256(packed).hexdigest() != entry.metadata_sha256:
            raise ValueError
        gunzip = zlib.decompressobj(bson_stream.GZIP)
        found = json_util.loads(gunzip.decompress(packed, METADATA_MOST).decode())
        indexes = [{**index, "name": str(index["name"])} for index in found["indexes"]]
        return {"options": dict(found["options"]), "indexes": indexes}
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error):
        raise BackupError(BackupProblem.DAMAGED, f"{entry.metadata_file} is damaged.") from None


def version_of(archive: Archive) -> int:
    """Return the version of the format that an export's documents have. Raises BackupError."""
    entry = archive.manifest.entry(version.COLLECTION)
    for document in documents(archive, entry) if entry else ():
        found = bson_stream.fields(document)
        if found.get("_id") == version.SCHEMA:
            exported = version.version_in(found.get("version"))
            if exported > version.CURRENT:
                raise BackupError(BackupProblem.NEWER, version.newer(exported, "export"))
            return exported
    return 0


def check(archive: Archive, report: Report = unheard) -> None:
    """Read a whole export. Raises BackupError where anything is not what was written."""
    for entry in archive.manifest.collections:
        metadata(archive, entry)
        count = size = 0
        for batch in bson_stream.batches(documents(archive, entry)):
            count, size = count + len(batch), size + sum(map(len, batch))
            report(CollectionProgress("Checking", entry.name, count, size))
        report(CollectionProgress("Checked", entry.name, count, size, done=True))


@dataclass
class Restored:
    """What came of an import. ``sent_anew``: tasks whose hints are sent again; ``left_over``: what belongs
    to tasks and files that the export lacks, and is left to maintenance."""

    documents: int = 0
    bytes: int = 0
    sent_anew: int = 0
    left_over: int = 0
    warned: list[Warned] = field(default_factory=list)


class Restore:
    """One import of an archive that was checked. ``keys`` are the fingerprints of the settings' keys."""

    def __init__(
        self, archive: Archive, target: Target, tasks: Tasks, keys: Sequence[str], report: Report = unheard
    ) -> None:
        self._archive, self._target, self._tasks = archive, target, tasks
        self._keys, self._report = keys, report
        self._manifest = archive.manifest
        self._entries = [
            entry
            for entry in self._manifest.collections
            if entry.name not in (*EPHEMERAL, IMPORTS, version.COLLECTION)
        ]
        self._done = Restored(
            documents=sum(entry.content.count for entry in self._entries),
            bytes=sum(entry.content.bytes for entry in self._entries),
        )

    def run(self, merge: bool = False, with_workers: bool = False) -> Restored:
        """Import everything, or continue where an interrupted run has stopped. Raises BackupError."""
        exported = version_of(self._archive)
        version.require_not_newer(self._target.db)
        begun = self._target.begun()
        if begun and begun.export != self._manifest.id:
            raise BackupError(
                BackupProblem.OTHER,
                "An import of another export has not finished here. Run that one again to finish it, "
                "or drop the database.",
            )
        self._merge = begun.merge if begun else merge
        self._require_free(with_workers, resumed=begun is not None)
        if not (begun or self._merge):
            self._target.forget_first_start()
        self._target.begin(self._manifest.id, self._merge)
        self._target.lower_version(exported)
        if begun and begun.compared:
            self._done.warned += begun.warned
        else:
            self._create_collections()
            self._copy()
            self._target.compared(self._done.warned)
        reach("imported")
        self._complete()
        self._warn_of_keys()
        self._warn_of_version()
        return self._done

    def _warn_of_keys(self) -> None:
        if set(self._manifest.keys) - set(self._keys):
            self._warn(
                Caution.KEY,
                "The export is from an installation with another SECRETS_KEY. Add that one to "
                "SECRETS_KEY_FALLBACKS, or waiting tasks with secrets will fail.",
            )

    def _warn_of_version(self) -> None:
        found = version.read(self._target.db)
        if found < version.CURRENT:
            self._warn(
                Caution.VERSION,
                f"The export has format {found}, and this version needs format {version.CURRENT}. Run "
                "`flask migrate` before you start the web server or workers.",
            )

    def _warn(self, caution: Caution, message: str) -> None:
        self._done.warned.append(Warned(caution, message))

    def _require_free(self, with_workers: bool, *, resumed: bool) -> None:
        workers = 0 if with_workers else self._target.workers()
        if workers:
            raise BackupError(
                BackupProblem.WORKERS,
                f"Workers online on this database: {workers:,}. Stop them and run this again (killed ones "
                "count for 30 s), or add --with-workers.",
            )
        occupied = [] if resumed or self._merge else self._target.occupied()
        if occupied:
            raise BackupError(
                BackupProblem.NOT_EMPTY,
                f"The database is not empty: {', '.join(occupied)}. Import into an empty one, or add --merge "
                "to keep what is there and add what is missing.",
            )

    # Documents

    def _create_collections(self) -> None:
        """With their options, and our indexes before the documents: some servers build them slowly later."""
        for entry in self._entries:
            options = metadata(self._archive, entry)["options"]
            if options and not self._target.create(entry.name, options):
                self._warn(Caution.OPTIONS, f"The server refused the options of collection {entry.name}.")
        try:
            within(LONG_S)(indexes.create_indexes)(self._target.db)
        except OperationFailure as error:
            if database.is_away(error):
                raise
            self._warn(
                Caution.INDEX, f"An index could not be created (error {error.code}). Workers try it again."
            )

    def _copy(self) -> None:
        for entry in self._entries:
            self._insert(entry)
        for entry in self._entries:
            self._compare(entry)

    def _insert(self, entry: CollectionEntry) -> None:
        """Insert what an earlier run has not."""
        self._target.hold()
        there = self._target.inserted(entry.name)
        count = size = 0
        for batch in bson_stream.batches(documents(self._archive, entry)):
            if count + len(batch) > there:
                self._target.insert(entry.name, batch)
                reach("importing", entry.name)
                self._target.note_inserted(entry.name, count + len(batch))
            count, size = count + len(batch), size + sum(map(len, batch))
            self._report(CollectionProgress("Importing", entry.name, count, size))
        self._report(CollectionProgress("Imported", entry.name, count, size, done=True))

    def _compare(self, entry: CollectionEntry) -> None:
        """Read back. Raises BackupError where the server holds anything else."""
        self._target.hold()
        if not self._target.is_equal(entry.name, entry.content, self._report):
            given = documents(self._archive, entry)
            self._judge(entry, self._target.difference(entry.name, given, entry.content.count))
        self._report(
            CollectionProgress("Compared", entry.name, entry.content.count, entry.content.bytes, done=True)
        )

    def _judge(self, entry: CollectionEntry, found: Difference) -> None:
        missing, other, excluded = (found.counts[fate] for fate in (Fate.MISSING, Fate.OTHER, Fate.EXCLUDED))
        must_be_equal = not self._merge and entry.name not in DERIVED
        if missing or (must_be_equal and (other or found.extra)):
            self._target.note_inserted(entry.name, 0)
            raise BackupError(BackupProblem.DIFFERS, _difference(entry.name, found))
        such = f"such as {', '.join(found.examples)}"
        if self._merge and other:
            self._kept(f"{entry.name}: {other:,} documents have other content here, which was kept ({such}).")
        if excluded:
            self._kept(
                f"{entry.name}: {excluded:,} documents were left out, as others have their unique key."
            )

    def _kept(self, message: str) -> None:
        self._warn(Caution.KEPT, message)

    # What the engine needs besides its documents

    def _complete(self) -> None:
        self._create_other_indexes()
        if self._manifest.consistency is Consistency.SEQUENTIAL:
            self._note_left_over()
        self._done.sent_anew = within(LONG_S)(self._tasks.send_anew)()
        self._target.finish()

    def _create_other_indexes(self) -> None:
        """Those that are not ours: somebody has made them for a reason."""
        for entry in self._entries:
            for index in metadata(self._archive, entry)["indexes"]:
                name = index["name"]
                if name.startswith(SERVERS_OWN) or self._target.create_index(entry.name, index):
                    continue
                self._warn(Caution.INDEX, f"The server refused the index {name} of {entry.name}.")

    def _note_left_over(self) -> None:
        """Collections were read one after another: note what belongs to tasks and files that came later."""
        for entry in self._entries:
            owner, notes = OWNERS.get(entry.name, ("", ""))
            for ids in some(_owners(entry.name, documents(self._archive, entry)), LOOKED_UP) if owner else ():
                unknown = self._target.unknown(owner, ids)
                self._target.leave_notes(notes, unknown)
                self._done.left_over += len(unknown)


# Of whom the documents of a collection are, and where maintenance finds what has no owner any more.
OWNERS = {
    "logs": ("tasks", "deletions"),
    "files.files": ("tasks", "deletions"),
    "files.chunks": ("files.files", "files.uploads"),
}


def _owners(collection: str, documents: Iterable[bytes]) -> Iterator[ObjectId]:
    """The IDs that the documents name as their owners, without those named just before."""
    last: set[ObjectId] = set()
    for document in documents:
        named = {*_named(collection, bson_stream.fields(document))}
        yield from named - last
        last = named


def _named(collection: str, found: RawBSONDocument) -> Iterator[ObjectId]:
    if collection == "files.files":
        about = found.get("metadata")
        owners = about.get("tasks") if isinstance(about, RawBSONDocument) else None
    else:
        owners = [found.get("task" if collection == "logs" else "files_id")]
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, ObjectId):
            yield owner


def _difference(collection: str, found: Difference) -> str:
    """What is not as it was given, in words."""
    counts = [f"{count:,} {fate.value}" for fate, count in found.counts.items()]
    counts += [f"{found.extra:,} that were not imported"] if found.extra else []
    such = f" ({', '.join(found.examples)})" if found.examples else ""
    return (
        f"{collection} does not hold what was imported: {', '.join(counts)}{such}. Run the same command "
        "again; if this stays, the server changes what it stores, or another program writes to this database."
    )
