"""What is in files, in the layout of GridFS: chunks of one size, numbered from 0.

PyMongo's own streams gather 48 MB of each file before they write, and fetch 16 MB at once when they read.
These hold a few chunks, however many files are on their way. Each read is a query of its own, so no
cursor expires while somebody reads slowly. What a file is called and whose it is lives in `store`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO

import pymongo
from bson import ObjectId

from app.core.errors import NotFound
from app.core.mongo import Document, Mongo

CHUNK = 256 * 1024
BATCH = 16  # Chunks that are read or written at once.
BATCH_TIMEOUT_S = 60
DELETE_TIMEOUT_S = 600


def pieces(source: IO[bytes]) -> Iterator[bytes]:
    """A stream as pieces of exactly `CHUNK` bytes, but for the last, whatever a read returns."""
    while piece := source.read(CHUNK):
        whole = bytearray(piece)
        while len(whole) < CHUNK and (more := source.read(CHUNK - len(whole))):
            whole += more
        yield bytes(whole)


class ChunkStore:
    """The chunks of the files in ``db``."""

    def __init__(self, db: Mongo) -> None:
        self._chunks = db["files.chunks"]

    def write(self, file_id: ObjectId, content: Iterator[bytes]) -> None:
        """Store pieces of `CHUNK` bytes as the content of a new file."""
        number = 0
        while batch := list(islice(content, BATCH)):
            self._insert(file_id, number, batch)
            number += len(batch)

    def _insert(self, file_id: ObjectId, first: int, batch: Sequence[bytes]) -> None:
        with pymongo.timeout(BATCH_TIMEOUT_S):
            self._chunks.insert_many(
                {"files_id": file_id, "n": number, "data": piece} for number, piece in enumerate(batch, first)
            )

    def read(self, found: Document, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``stop`` of a file, given its document in GridFS.

        Reading begins at the chunk that holds ``start``. Raises NotFound where a chunk is missing.
        """
        size, at = found["chunkSize"], start
        while at < stop:
            for chunk in self._batch(found["_id"], at // size):
                if not isinstance(chunk["data"], bytes) or not isinstance(chunk["n"], int):
                    raise gone(found["_id"])
                begin = chunk["n"] * size
                piece = chunk["data"][at - begin : stop - begin]
                if at // size != chunk["n"] or not piece:
                    raise gone(found["_id"])
                yield piece
                at += len(piece)
                if at >= stop:
                    break

    def _batch(self, file_id: ObjectId, first: int) -> list[Document]:
        wanted = {"files_id": file_id, "n": {"$gte": first, "$lt": first + BATCH}}
        with pymongo.timeout(BATCH_TIMEOUT_S):
            found = list(self._chunks.find(wanted).sort([("n", 1)]))
        if not found:
            raise gone(file_id)
        return found

    def delete(self, file_id: ObjectId) -> None:
        """Delete whatever there is of a file's content."""
        with pymongo.timeout(DELETE_TIMEOUT_S):
            self._chunks.delete_many({"files_id": file_id})


def gone(file_id: ObjectId) -> NotFound:
    """What is said of a file that is not there, or not whole any more."""
    return NotFound("File not found. It may have been deleted along with its task.")
