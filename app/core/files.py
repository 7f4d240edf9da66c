"""Files in GridFS: uploaded for a task's parameters, or produced by an attempt.

A file belongs to the tasks that name it (`metadata.tasks`) and goes with the last of them. Contents
are streamed in chunks in both directions and never held whole.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import IO, Any

import pymongo
from bson import ObjectId
from gridfs.errors import NoFile

from app.core.clock import utcnow
from app.core.db import Document, Mongo, bucket
from app.core.errors import Invalid, NotFound, TooLarge

CHUNK = 256 * 1024
ORPHAN_AFTER = timedelta(hours=24)
FILE_TIMEOUT_S = 600
GOING = "going"


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
        about = found["metadata"]
        return cls(
            found["_id"],
            found["filename"],
            found["length"],
            about["content_type"],
            about.get("sha256", ""),
            about["owner"],
            about["role"],
            found["uploadDate"],
        )


def safe_name(name: str) -> str:
    """The last part of a name as a browser sent it: never a path, no control characters, at most 200 long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(char for char in last if char.isprintable()).strip(" .")
    return kept[-200:] or "file"


class Files:
    """Stored files of ``db``."""

    def __init__(self, db: Mongo, max_bytes: int) -> None:
        self._bucket = bucket(db)
        self._files = db["files.files"]
        self._tasks = db.tasks
        self._max_bytes = max_bytes

    def save(
        self, source: IO[bytes], name: str, content_type: str, owner: str, *, role: str, limited: bool = True
    ) -> StoredFile:
        """Store a stream; ``role`` is `input` or `output`.

        Raises TooLarge when a limited stream is longer than the settings allow (nothing is kept).
        """
        digest = hashlib.sha256()
        size = 0
        metadata: Document = {
            "content_type": content_type,
            "owner": owner,
            "role": role,
            "tasks": [],
            "pending_at": utcnow(),
        }
        with pymongo.timeout(FILE_TIMEOUT_S):
            upload = self._bucket.open_upload_stream(safe_name(name), metadata=metadata)
            try:
                while chunk := source.read(CHUNK):
                    size += len(chunk)
                    if limited and size > self._max_bytes:
                        raise TooLarge(
                            f"{safe_name(name)} is larger than {self._max_bytes // 2**20} MB, the limit here."
                        )
                    digest.update(chunk)
                    upload.write(chunk)
            except BaseException:
                upload.abort()
                raise
            upload.close()
            self._files.update_one({"_id": upload._id}, {"$set": {"metadata.sha256": digest.hexdigest()}})
        return self.get(upload._id)

    def keep(self, file_id: ObjectId, content: bytes, name: str, content_type: str, owner: str) -> None:
        """Store an output under an id that the caller chose: to do it again is the same as once."""
        if self._files.find_one({"_id": file_id}, {"_id": 1}):
            return
        self.discard(file_id)  # what a try that was interrupted has left
        metadata: Document = {
            "content_type": content_type,
            "owner": owner,
            "role": "output",
            "tasks": [],
            "pending_at": utcnow(),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        with pymongo.timeout(FILE_TIMEOUT_S):
            self._bucket.upload_from_stream_with_id(file_id, safe_name(name), content, metadata=metadata)

    def discard(self, file_id: ObjectId) -> None:
        """Delete a file that no task names."""
        with contextlib.suppress(NoFile):
            self._bucket.delete(file_id)

    def get(self, file_id: ObjectId) -> StoredFile:
        """Raises NotFound."""
        found = self._files.find_one({"_id": file_id})
        if found is None:
            raise NotFound(f"There is no file {file_id}. It may have been deleted with its task.")
        return StoredFile.from_document(found)

    def chunks(self, file_id: ObjectId) -> Iterator[bytes]:
        """The content in order, `CHUNK` bytes at a time. Raises NotFound when asked for the first."""
        try:
            with self._bucket.open_download_stream(file_id) as stream:
                while chunk := stream.read(CHUNK):
                    yield bytes(chunk)
        except NoFile as error:
            raise NotFound(f"There is no file {file_id}. It may have been deleted with its task.") from error

    def head(self, file_id: ObjectId, most: int) -> bytes:
        """The first ``most`` bytes of the content, or all of it where it is shorter. Raises NotFound."""
        try:
            with self._bucket.open_download_stream(file_id) as stream:
                return bytes(stream.read(most))
        except NoFile as error:
            raise NotFound(f"There is no file {file_id}. It may have been deleted with its task.") from error

    def of_task(self, task_id: ObjectId) -> list[StoredFile]:
        """Every file that belongs to a task, inputs and outputs, oldest first."""
        found = self._files.find({"metadata.tasks": task_id}).sort([("uploadDate", 1)]).limit(1_000)
        return [StoredFile.from_document(document) for document in found]

    def usable(self, file_ids: Iterable[Any], owner: str) -> dict[str, StoredFile]:
        """Those of ``file_ids`` (as text) that exist and that ``owner`` may give to a task."""
        ids = [ObjectId(file_id) for file_id in file_ids if ObjectId.is_valid(file_id)]
        found = self._files.find({"_id": {"$in": ids}, "metadata.owner": owner})
        return {str(document["_id"]): StoredFile.from_document(document) for document in found}

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

    def confirm(self, file_ids: Iterable[ObjectId]) -> None:
        """The task that owns these files is durable, so they stay as long as it does."""
        for file_id in file_ids:
            self._files.update_one({"_id": file_id}, {"$unset": {"metadata.pending_at": ""}})

    def release(self, task_id: ObjectId) -> None:
        """A task is gone: its files go with it, unless another task names them as well.

        The last task's name stays until the content is deleted, and nothing is attached to a file that is
        marked so: a task that comes to name it in the same moment is told that it is gone.
        """
        for document in self._files.find({"metadata.tasks": task_id}, {"_id": 1}):
            last = {"_id": document["_id"], "metadata.tasks": [task_id]}
            if self._files.update_one(last, {"$set": {"metadata.tasks": [GOING]}}).matched_count:
                self._bucket.delete(document["_id"])
            else:
                self._files.update_one({"_id": document["_id"]}, {"$pull": {"metadata.tasks": task_id}})

    def prune_orphans(self, limit: int) -> int:
        """Delete files that no durable task came to own within a day; returns how many.

        Looks only at files that were not confirmed, however many there are in all.
        """
        old = {"metadata.pending_at": {"$lt": utcnow() - ORPHAN_AFTER}}
        return sum(self._prune(found) for found in list(self._files.find(old).limit(limit)))

    def _prune(self, found: Document) -> bool:
        named = found["metadata"]["tasks"]
        owners = [task["_id"] for task in self._tasks.find({"_id": {"$in": named}}, {"_id": 1})]
        if owners:
            confirmed = {"$set": {"metadata.tasks": owners}, "$unset": {"metadata.pending_at": ""}}
            self._files.update_one({"_id": found["_id"], "metadata.tasks": named}, confirmed)
            return False
        self._bucket.delete(found["_id"])
        return True
