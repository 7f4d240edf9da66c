"""Exporting: every collection of a source into a folder or a tar, and at last the manifest."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import IO, Protocol

from app.core.backup.bson_stream import BsonWriter, MalformedError
from app.core.backup.manifest import (
    FORMAT,
    CollectionEntry,
    Consistency,
    FileContent,
    LeftOut,
    Manifest,
    Snapshot,
    documents_file,
    metadata_file,
)
from app.core.backup.problems import BackupError, BackupProblem, CollectionProgress, Report, unheard
from app.core.backup.source import BackupSource, Collection, SnapshotExpiredError
from app.core.clock import utcnow
from app.core.failpoints import reach
from app.core.schema import version
from config import VERSION


class Sink(Protocol):
    """Where an export is written; ``finished`` is what an interrupted one has left whole."""

    finished: dict[str, CollectionEntry]

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]: ...

    def record(self, entries: list[CollectionEntry]) -> None: ...

    def finish(self, manifest: Manifest) -> None: ...


class Export:
    """One export. ``keys`` are the fingerprints of the keys that may have sealed secrets."""

    def __init__(
        self, source: BackupSource, sink: Sink, keys: Sequence[str], report: Report = unheard
    ) -> None:
        self._source, self._sink, self._report = source, sink, report
        self._keys = list(keys)
        self._known = dict(sink.finished)
        self._snapshot = Snapshot.RESUMED

    def run(self, require_snapshot: bool = False) -> Manifest:
        """Write everything. Raises BackupError."""
        version.require_not_newer(self._source.db)
        self._require_whole()
        started = utcnow()
        self._source.activity()
        with self._read_under_snapshot():
            collections, left_out = self._source.collections()
            self._require(require_snapshot)
            self._sink.record([*self._known.values()])
            for collection in collections:
                self._known[collection.name] = self._finished(collection) or self._collection(collection)
                self._require(require_snapshot)
                self._sink.record([*self._known.values()])
        return self._finish(started, collections, left_out)

    def _require_whole(self) -> None:
        if self._source.half_imported():
            raise BackupError(
                BackupProblem.HALF_IMPORTED,
                "An import into this database has not finished, so it cannot be exported. Finish it first.",
            )

    @contextlib.contextmanager
    def _read_under_snapshot(self) -> Iterator[None]:
        """What was read before an interruption is of another moment, so there is no snapshot then."""
        if self._known:
            yield
            return
        with self._source.snapshot() as self._snapshot:
            yield

    def _require(self, snapshot: bool) -> None:
        if snapshot and self._snapshot is not Snapshot.HELD:
            raise BackupError(
                BackupProblem.NO_SNAPSHOT,
                f"The server has no snapshot to read ({self._snapshot.value}); the export is not finished.",
            )

    def _finished(self, collection: Collection) -> CollectionEntry | None:
        """What an interrupted export has read of the same collection, not one that took its name."""
        entry = self._known.get(collection.name)
        return entry if entry and entry.uuid == collection.uuid else None

    def _collection(self, collection: Collection) -> CollectionEntry:
        try:
            content = self._documents(collection.name)
        except SnapshotExpiredError:
            self._source.give_up_snapshot()
            self._snapshot = Snapshot.EXPIRED
            content = self._documents(collection.name)
        metadata = gzip.compress(self._source.metadata(collection), mtime=0)
        with self._sink.file(metadata_file(collection.name)) as file:
            file.write(metadata)
        sha256 = hashlib.sha256(metadata).hexdigest()
        return CollectionEntry(
            name=collection.name, uuid=collection.uuid, content=content, metadata_sha256=sha256
        )

    def _documents(self, name: str) -> FileContent:
        with self._sink.file(documents_file(name)) as file:
            writer = BsonWriter(file)
            for batch in self._source.batches(name):
                try:
                    writer.write(batch)
                except MalformedError:
                    raise BackupError(
                        BackupProblem.DAMAGED, f"The server sent a document of {name} that is not BSON."
                    ) from None
                self._report(CollectionProgress("Exporting", name, writer.count, writer.bytes))
                reach("exporting", name)
            content = writer.close()
        self._report(CollectionProgress("Exported", name, content.count, content.bytes, done=True))
        return content

    def _finish(
        self, started: datetime, collections: Sequence[Collection], left_out: list[LeftOut]
    ) -> Manifest:
        held = self._snapshot is Snapshot.HELD
        manifest = Manifest(
            format=FORMAT,
            id=uuid.uuid4().hex,
            program=VERSION,
            database=self._source.db.name,
            server=self._source.server(),
            started_at=started,
            finished_at=utcnow(),
            keys=self._keys,
            consistency=Consistency.SNAPSHOT if held else Consistency.SEQUENTIAL,
            snapshot=self._snapshot,
            activity=self._source.activity(),
            collections=[self._known[collection.name] for collection in collections],
            left_out=left_out,
        )
        self._sink.finish(manifest)
        return manifest
