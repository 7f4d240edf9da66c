"""Files in GridFS: uploaded for a task's parameters, or produced by an attempt.

A file belongs to the tasks that name it (`metadata.tasks`) and goes with the last of them. Contents
are streamed in chunks in both directions and never held whole.
"""

from __future__ import annotations

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
        metadata: Document = {"content_type": content_type, "owner": owner, "role": role, "tasks": []}
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
        """Say that a task owns these files.

        Raises Invalid when one is gone, and then owns none: no task starts without it.
        """
        for file_id in file_ids:
            owned = self._files.update_one({"_id": file_id}, {"$addToSet": {"metadata.tasks": task_id}})
            if not owned.matched_count:
                mine = {"metadata.tasks": task_id}
                self._files.update_many(mine, {"$pull": mine})
                raise Invalid("An uploaded file is no longer there. Please choose it again.")

    def release(self, task_id: ObjectId) -> None:
        """A task is gone: its files go with it, unless another task names them as well."""
        for document in self._files.find({"metadata.tasks": task_id}):
            self._files.update_one({"_id": document["_id"]}, {"$pull": {"metadata.tasks": task_id}})
            if document["metadata"]["tasks"] == [task_id]:
                self._bucket.delete(document["_id"])

    def prune_orphans(self, limit: int) -> int:
        """Delete files that no task came to own within a day; returns how many."""
        query = {"metadata.tasks": [], "uploadDate": {"$lt": utcnow() - ORPHAN_AFTER}}
        orphans = [found["_id"] for found in self._files.find(query, {"_id": 1}).limit(limit)]
        for file_id in orphans:
            self._bucket.delete(file_id)
        return len(orphans)
