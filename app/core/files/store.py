"""Files in GridFS: uploaded for a task's parameters, or produced by an attempt.

A file belongs to the tasks that name it (`metadata.tasks`) and goes with the last of them. Contents
are streamed in both directions and never held whole (`gridfs`). An upload is written down in
`files.uploads` before its first byte, so that what a killed process leaves is found and deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import IO, Any, TypeVar

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Invalid, NotFound, TooLarge
from app.core.files.gridfs import CHUNK, ChunkStore, gone, pieces
from app.core.mongo import Document, Mongo
from dtq.filenames import safe_name

Found = TypeVar("Found")

ORPHAN_AFTER = timedelta(hours=24)
GOING = "going"
NOT_OF_TASK = (
    "File not found: this task has no file {file_id}. A task can read the files that its parameters name, "
    "and those that it has saved."
)
MOST_OF_TASK = 11_000
"""More than any built-in type takes and saves: an archive has 10,000 entries or fewer."""


@dataclass(frozen=True)
class StoredFile:
    """A file as it is known: ``size`` in bytes, ``sha256`` in hexadecimal."""

    id: ObjectId
    name: str
    size: int
    content_type: str
    sha256: str
    owner: str
    role: str
    uploaded_at: datetime

    @classmethod
    def from_document(cls, found: Document) -> StoredFile:
        """Read a file of GridFS. Raises DamagedDocumentError."""
        file = stored.checked(found, _FILE, {})
        about = file["metadata"]
        return cls(
            file["_id"],
            file["filename"],
            int(file["length"]),
            about["content_type"],
            about.get("sha256", ""),
            about["owner"],
            about["role"],
            file["uploadDate"],
        )


_ABOUT = dict.fromkeys(("content_type", "owner", "role"), stored.is_text)
_FILE: dict[str, stored.Check] = {
    "_id": stored.is_id,
    "filename": stored.is_text,
    "length": stored.is_size,
    "uploadDate": stored.is_time,
    "metadata": stored.shaped(_ABOUT, {"sha256": stored.is_text}),
}
_READ: dict[str, stored.Check] = {"_id": stored.is_id, "length": stored.is_size, "chunkSize": stored.is_chunk}


class Files:
    """Stored files of ``db``."""

    def __init__(self, db: Mongo, max_bytes: int) -> None:
        self._content = ChunkStore(db)
        self._files = db["files.files"]
        self._uploads = db["files.uploads"]
        self._tasks = db.tasks
        self._max_bytes = max_bytes

    def save(
        self, source: IO[bytes], name: str, content_type: str, owner: str, *, role: str, limited: bool = True
    ) -> StoredFile:
        """Store a stream; ``role`` is `input` or `output`.

        Raises TooLarge when a limited stream is longer than the settings allow. Nothing is kept of a
        stream that breaks off, whatever it raises.
        """
        file_id, most = ObjectId(), self._max_bytes if limited else None
        about = {"content_type": content_type, "owner": owner, "role": role}
        self._store(file_id, Measured(source, safe_name(name), most), about)
        return self.get(file_id)

    def _store(self, file_id: ObjectId, passed: Measured, about: Document) -> None:
        self._uploads.insert_one({"_id": file_id, "at": utcnow()})
        try:
            self._content.write(file_id, iter(passed))
            self._files.insert_one(_document(file_id, passed, about))
        except BaseException:
            with suppress(PyMongoError):  # Then it is pruned in a day.
                self.discard(file_id)
            raise
        self._uploads.delete_one({"_id": file_id})

    def keep(self, file_id: ObjectId, content: bytes, name: str, content_type: str, owner: str) -> None:
        """Store an output under an id that the caller chose: to do it again is the same as once."""
        if self._files.find_one({"_id": file_id}, {"_id": 1}):
            return
        self.discard(file_id)  # what a try that was interrupted has left
        about = {"content_type": content_type, "owner": owner, "role": "output"}
        self._store(file_id, Measured(BytesIO(content), safe_name(name), None), about)

    def discard(self, file_id: ObjectId) -> None:
        """Delete a file that no task names, or what there is of it.

        Content first: a process that stops in between leaves the entry that says what is still to be deleted.
        """
        self._content.delete(file_id)
        self._files.delete_one({"_id": file_id})
        self._uploads.delete_one({"_id": file_id})

    def get(self, file_id: ObjectId) -> StoredFile:
        """Raises NotFound."""
        found = stored.readable("file", StoredFile.from_document, [self._found(file_id)])
        return one_of(found, file_id)

    def get_of_task(self, file_id: ObjectId, task_id: ObjectId) -> StoredFile:
        """Return a file that parameters of a task name, or that it has saved. Raises NotFound."""
        found = self._files.find_one({"_id": file_id, "metadata.tasks": task_id})
        if found is None:
            raise NotFound(NOT_OF_TASK.format(file_id=file_id))
        return one_of(stored.readable("file", StoredFile.from_document, [found]), file_id)

    def _found(self, file_id: ObjectId) -> Document:
        found = self._files.find_one({"_id": file_id})
        if found is None:
            raise gone(file_id)
        return found

    def chunks(
        self, file_id: ObjectId, start: int = 0, stop: int | None = None
    ) -> Generator[bytes, None, None]:
        """The content from byte ``start`` to before ``stop``, at most `CHUNK` bytes at a time.

        Raises NotFound when asked for the first.
        """
        whole = stored.readable(
            "file", lambda document: stored.checked(document, _READ, {}), [self._found(file_id)]
        )
        found = one_of(whole, file_id)
        length = found["length"]
        yield from self._content.read(found, start, length if stop is None else min(stop, length))

    def head(self, file_id: ObjectId, most: int) -> bytes:
        """The first ``most`` bytes of the content, or all of it where it is shorter. Raises NotFound."""
        return b"".join(self.chunks(file_id, 0, most))

    def of_task(self, task_id: ObjectId) -> list[StoredFile]:
        """Every file that belongs to a task, inputs and outputs, oldest first."""
        found = self._files.find({"metadata.tasks": task_id}).sort([("uploadDate", 1)]).limit(MOST_OF_TASK)
        return list(stored.readable("file", StoredFile.from_document, found))

    def owners(self, task_ids: Sequence[ObjectId]) -> list[ObjectId]:
        """Those of the tasks that have files."""
        found = self._files.find({"metadata.tasks": {"$in": list(task_ids)}}, {"metadata.tasks": 1})
        having = {owner for document in found for owner in _named(document)}
        return [task_id for task_id in task_ids if task_id in having]

    def named(self, file_ids: Iterable[Any]) -> list[tuple[StoredFile, list[ObjectId]]]:
        """Return those of ``file_ids`` (as text) that exist, each with the tasks that it belongs to."""
        ids = [ObjectId(file_id) for file_id in file_ids if ObjectId.is_valid(file_id)]
        found = self._files.find({"_id": {"$in": ids}})
        return list(stored.readable("file", _with_tasks, found))

    def attach(self, file_ids: Iterable[ObjectId], task_id: ObjectId) -> None:
        """Say that a task that is about to be owns these files; `confirm` when it is.

        Raises Invalid when one is gone, and then owns none: no task starts without it.
        """
        update = {"$addToSet": {"metadata.tasks": task_id}, "$set": {"metadata.pending_at": utcnow()}}
        for file_id in file_ids:
            there = {"_id": file_id, "metadata.tasks": {"$ne": GOING}}
            if not self._files.update_one(there, update).matched_count:
                mine = {"metadata.tasks": task_id}
                self._files.update_many(mine, {"$pull": mine})
                raise Invalid("An uploaded file is no longer there. Please choose it again.")

    def attach_many(self, named: Mapping[ObjectId, Sequence[ObjectId]]) -> None:
        """Say that tasks that are about to be own the files that they name, by file: like :meth:`attach`."""
        for number, (file_id, task_ids) in enumerate(named.items()):
            there = {"_id": file_id, "metadata.tasks": {"$ne": GOING}}
            update = {
                "$push": {"metadata.tasks": {"$each": list(task_ids)}},
                "$set": {"metadata.pending_at": utcnow()},
            }
            if not self._files.update_one(there, update).matched_count:
                for done in list(named)[:number]:
                    mine = {"metadata.tasks": {"$in": list(named[done])}}
                    self._files.update_one({"_id": done}, {"$pull": mine})
                raise Invalid("An uploaded file is no longer there. Please choose it again.")

    def confirm(self, file_ids: Iterable[ObjectId]) -> None:
        """The task that owns these files is durable, so they stay as long as it does."""
        for file_id in file_ids:
            self._files.update_one({"_id": file_id}, {"$unset": {"metadata.pending_at": ""}})

    def release(self, task_id: ObjectId) -> None:
        """A task is gone: its files go with it, unless another task names them as well.

        The last task's name stays until the content is deleted, and nothing is attached to a file that is
        marked so: a task that comes to name it in the same moment is told that it is gone. A file that is
        still marked after a day is an orphan.
        """
        for document in self._files.find({"metadata.tasks": task_id}, {"_id": 1}):
            last = {"_id": document["_id"], "metadata.tasks": [task_id]}
            going = {"$set": {"metadata.tasks": [GOING], "metadata.pending_at": utcnow()}}
            if self._files.update_one(last, going).matched_count:
                self.discard(document["_id"])
            else:
                self._files.update_one({"_id": document["_id"]}, {"$pull": {"metadata.tasks": task_id}})

    def prune_orphans(self, limit: int) -> int:
        """Delete files that no durable task came to own within a day, and uploads that ended with
        their process; returns how many.

        Looks only at files that were not confirmed, however many there are in all.
        """
        before = {"$lt": utcnow() - ORPHAN_AFTER}
        orphans = list(self._files.find({"metadata.pending_at": before}).limit(limit))
        broken = list(self._uploads.find({"at": before}).limit(limit))
        return sum(map(self._prune, orphans)) + sum(map(self._prune_upload, broken))

    def _prune(self, found: Document) -> bool:
        named = _named(found)
        owners = [task["_id"] for task in self._tasks.find({"_id": {"$in": named}}, {"_id": 1})]
        if owners:
            confirmed = {"$set": {"metadata.tasks": owners}, "$unset": {"metadata.pending_at": ""}}
            as_read = {"_id": found["_id"], "metadata.tasks": found["metadata"]["tasks"]}
            self._files.update_one(as_read, confirmed)
            return False
        self.discard(found["_id"])
        return True

    def _prune_upload(self, begun: Document) -> bool:
        """Delete the content of a file that never came to be; one that did only needs no note any more."""
        whole = self._files.count_documents({"_id": begun["_id"]}, limit=1) > 0
        if whole:
            self._uploads.delete_one({"_id": begun["_id"]})
        else:
            self.discard(begun["_id"])
        return not whole


def _with_tasks(found: Document) -> tuple[StoredFile, list[ObjectId]]:
    """Raises DamagedDocumentError."""
    return StoredFile.from_document(found), [task for task in _named(found) if isinstance(task, ObjectId)]


def _named(found: Document) -> list[Any]:
    """Return the tasks that own a file; a list of anything but IDs and marks counts as empty."""
    about = found.get("metadata")
    named = about.get("tasks") if isinstance(about, dict) else None
    return [task for task in named if isinstance(task, ObjectId | str)] if isinstance(named, list) else []


def one_of(found: Iterator[Found], file_id: ObjectId) -> Found:
    """The first of what could be read. Raises NotFound."""
    for file in found:
        return file
    raise gone(file_id)


class Measured:
    """A stream as pieces; afterwards its ``size`` and ``digest``.

    Raises TooLarge in the middle of a stream of more than ``most`` bytes.
    """

    def __init__(self, source: IO[bytes], name: str, most: int | None) -> None:
        self._source = source
        self.name = name
        self._most = most
        self.size = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for piece in pieces(self._source):
            self.size += len(piece)
            if self._most is not None and self.size > self._most:
                raise too_large(self.name, self._most)
            self.digest.update(piece)
            yield piece


def too_large(name: str, most: int) -> TooLarge:
    """What is said of a file of more than ``most`` bytes."""
    return TooLarge(f"{name} is larger than {most // 2**20} MB, the limit here.")


def _document(file_id: ObjectId, passed: Measured, about: Document) -> Document:
    """What GridFS keeps of a file; nobody owns it yet."""
    now = utcnow()
    return {
        "_id": file_id,
        "filename": passed.name,
        "length": passed.size,
        "chunkSize": CHUNK,
        "uploadDate": now,
        "metadata": {**about, "sha256": passed.digest.hexdigest(), "tasks": [], "pending_at": now},
    }
