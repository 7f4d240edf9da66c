"""BSON documents in a gzip file, byte for byte, as mongodump writes them and mongorestore reads them.

Documents are never decoded here. What is held at a time is one batch that was given, or one document and a
piece of the file that is read.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from app.core.backup.manifest import FileContent
from app.core.backup.problems import BackupError, BackupProblem

GZIP = 16 + zlib.MAX_WBITS
LEVEL = 1  # Files of tasks are often compressed already, and documents shrink to a tenth by this one, too.
PIECE = 256 * 1024
SMALLEST = 5
LARGEST = 16 * 2**20 + 16 * 1024  # What MongoDB itself stores: 16 MB, and room for its own fields.
BATCH_DOCUMENTS = 1_000
BATCH_BYTES = 8 * 2**20
_LENGTH = struct.Struct("<i")


RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


def fields(document: bytes) -> RawBSONDocument:
    """The fields of a document, for a look at some; a time that Python lacks is no obstacle."""
    return RawBSONDocument(document, RAW)


class MalformedError(ValueError):
    """Bytes that are not whole BSON documents, one after another."""


def split(documents: bytes) -> Iterator[bytes]:
    """The documents of a batch. Raises MalformedError."""
    start = 0
    while start < len(documents):
        end = start + _length(documents, start)
        if end > len(documents) or documents[end - 1]:
            raise MalformedError(f"at byte {start:,}")
        yield documents[start:end]
        start = end


def _length(buffer: bytes | bytearray, start: int) -> int:
    """The length of the document that begins there. Raises MalformedError."""
    if len(buffer) - start < _LENGTH.size:
        raise MalformedError(f"at byte {start:,}")
    (length,) = _LENGTH.unpack_from(buffer, start)
    if not SMALLEST <= length <= LARGEST:
        raise MalformedError(f"at byte {start:,}")
    return int(length)


class BsonWriter:
    """Documents into a file that is open for writing; `close` says what became of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._gzip = zlib.compressobj(LEVEL, wbits=GZIP)
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self.count = self.bytes = self.file_bytes = 0

    def write(self, documents: bytes) -> None:
        """Append whole documents. Raises MalformedError, and then nothing is written."""
        self.count += sum(1 for _ in split(documents))
        self.bytes += len(documents)
        self._plain.update(documents)
        for start in range(0, len(documents), PIECE):
            self._append(self._gzip.compress(documents[start : start + PIECE]))

    def close(self) -> FileContent:
        """End the gzip stream; the file stays open."""
        self._append(self._gzip.flush())
        return FileContent(
            count=self.count,
            bytes=self.bytes,
            sha256=self._plain.hexdigest(),
            file_bytes=self.file_bytes,
            file_sha256=self._packed.hexdigest(),
        )

    def _append(self, packed: bytes) -> None:
        self._packed.update(packed)
        self.file_bytes += len(packed)
        self._file.write(packed)


def documents(file: IO[bytes], expected: FileContent, name: str) -> Iterator[bytes]:
    """Every document of a file. Raises BackupError at the first that cannot be right, and at the end where
    the whole is not what was written."""
    seen = _StreamCounts()
    try:
        for document in _documents(_unpacked(file, expected, seen)):
            seen.count += 1
            yield document
    except (zlib.error, MalformedError) as error:
        raise _damaged(name, f"document {seen.count + 1:,} cannot be read ({error})") from None
    if seen.content() != expected:
        raise _damaged(name, "its content is not what was written")


def _damaged(name: str, why: str) -> BackupError:
    return BackupError(BackupProblem.DAMAGED, f"{name} is damaged: {why}.")


class _StreamCounts:
    """What was read so far."""

    def __init__(self) -> None:
        self.plain, self.packed = hashlib.sha256(), hashlib.sha256()
        self.count = self.bytes = self.file_bytes = 0

    def content(self) -> FileContent:
        return FileContent(
            count=self.count,
            bytes=self.bytes,
            sha256=self.plain.hexdigest(),
            file_bytes=self.file_bytes,
            file_sha256=self.packed.hexdigest(),
        )


def _unpacked(file: IO[bytes], expected: FileContent, seen: _StreamCounts) -> Iterator[bytes]:
    """The file without its compression, piece by piece; never more than was written, whatever it holds."""
    gzip = zlib.decompressobj(GZIP)
    while packed := file.read(PIECE):
        seen.packed.update(packed)
        seen.file_bytes += len(packed)
        if gzip.eof:
            raise MalformedError("something follows its end")
        while packed and not gzip.eof:
            plain = gzip.decompress(packed, PIECE)
            packed = gzip.unconsumed_tail
            seen.plain.update(plain)
            seen.bytes += len(plain)
            if seen.bytes > expected.bytes:
                raise MalformedError("it is longer than what was written")
            yield plain
        if gzip.unused_data:
            raise MalformedError("something follows its end")
    if not gzip.eof:
        raise MalformedError("it breaks off")


def _documents(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        start = 0
        while len(held) - start >= SMALLEST and (end := start + _length(held, start)) <= len(held):
            if held[end - 1]:
                raise MalformedError("it does not end where it should")
            yield bytes(held[start:end])
            start = end
        del held[:start]
    if held:
        raise MalformedError("it breaks off")


def batches(documents: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Documents in lists that are bounded in number and, but for a single large one, in bytes."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        if batch and (len(batch) >= BATCH_DOCUMENTS or size + len(document) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document)
    if batch:
        yield batch
