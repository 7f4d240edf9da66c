"""An export as one stream: a tar of what a folder would hold, the manifest last.

    flask data export - > backup.tar        tar -xf backup.tar -C FOLDER

A tar says the length of a file before its content, so each file waits in a temporary one without a name. A
stream is read to its end into such files before anything is done with it. Headers are read here, and not by
`tarfile`: that one ends silently where a stream breaks off between files, and takes any name.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO

from app.core.backup import manifest as manifests
from app.core.backup.folder import disk, without_manifest
from app.core.backup.manifest import CollectionEntry, Manifest
from app.core.backup.problems import BackupError, BackupProblem

BLOCK = 512
RECORD = 20 * BLOCK
PIECE = 2**20
MOST_FILES = 2_000
IN_MEMORY = 64 * 1024
_NAME, _SIZE, _CHECKSUM, _TYPE, _MAGIC, _PREFIX = (
    slice(0, 100),
    slice(124, 136),
    slice(148, 156),
    slice(156, 157),
    slice(257, 263),
    slice(345, 500),
)
FILE, FOLDER = b"0", b"5"


def spool() -> IO[bytes]:
    """A temporary file that goes with this process, however that ends."""
    return tempfile.TemporaryFile()


class TarSink:
    """Where an export is written that is one stream; nothing of it can be resumed."""

    def __init__(self, stream: IO[bytes], database: str) -> None:
        self._stream, self._database = stream, database
        self._written = 0
        self.finished: dict[str, CollectionEntry] = {}

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the database's folder, in the stream when the block has ended well."""
        with disk("The temporary folder"), spool() as file:
            yield file
            file.flush()
            size = file.tell()
            file.seek(0)
            self._append(f"{self._database}/{name}", size, file)

    def _append(self, name: str, size: int, content: IO[bytes]) -> None:
        with disk("The export"):
            self._write(header(name, size))
            while piece := content.read(PIECE):
                self._write(piece)
            self._write(bytes(-self._written % BLOCK))

    def _write(self, content: bytes) -> None:
        self._stream.write(content)
        self._written += len(content)

    def record(self, entries: list[CollectionEntry]) -> None:
        """A stream keeps no progress."""

    def finish(self, manifest: Manifest) -> None:
        """Make a finished export of it."""
        content = manifests.write(manifest)
        with spool() as file:
            file.write(content)
            file.seek(0)
            self._append(manifests.NAME, len(content), file)
        with disk("The export"):
            self._write(bytes(2 * BLOCK))
            self._write(bytes(-self._written % RECORD))
            self._stream.flush()

    def close(self) -> None:
        """The stream is its owner's."""


def header(name: str, size: int) -> bytes:
    """The header of a regular file (POSIX.1-1988 ustar; sizes from 8 GB as GNU and BSD tar write them)."""
    prefix, _, last = name.rpartition("/")
    block = bytearray(BLOCK)
    block[_NAME] = last.encode().ljust(100, b"\0")
    block[100:124] = b"0000600\x000000000\x000000000\x00"
    block[_SIZE] = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block[136:148] = b"00000000000\x00"
    block[_CHECKSUM] = b" " * 8
    block[_TYPE] = FILE
    block[257:265] = b"ustar\x0000"
    block[_PREFIX] = prefix.encode().ljust(155, b"\0")
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)


class TarArchive:
    """An export that came as a stream, read to its end. Raises BackupError."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._read = 0
        self._files: dict[str, IO[bytes]] = {}
        try:
            self.manifest = self._manifest()
        except BaseException:
            self.close()
            raise

    def _manifest(self) -> Manifest:
        self._files.update(self._members())
        if manifests.NAME not in self._files:
            raise without_manifest("The stream", False)
        manifest = manifests.read(self._files[manifests.NAME].read(manifests.MOST_BYTES))
        known = {manifests.NAME, *(f"{manifest.database}/{name}" for name in manifest.files)}
        unknown = self._files.keys() - known
        if unknown:
            raise BackupError(
                BackupProblem.FOREIGN, f"The stream holds files of no export: {min(unknown)!r}."
            )
        return manifest

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the database's folder, from its start. Raises BackupError."""
        path = f"{self.manifest.database}/{name}"
        if path not in self._files:
            raise BackupError(BackupProblem.MISSING, f"{path} is missing in the stream.")
        self._files[path].seek(0)
        yield self._files[path]

    def close(self) -> None:
        """Forget the files."""
        for file in self._files.values():
            file.close()

    # Reading

    def _members(self) -> Iterator[tuple[str, IO[bytes]]]:
        names: set[str] = set()
        while (block := self._exactly(BLOCK)) != bytes(BLOCK):
            kind, name, size = _parsed(block)
            if kind == FOLDER and not size:
                continue
            name = _clean(name)
            if name in names or len(names) >= MOST_FILES:
                raise BackupError(
                    BackupProblem.FOREIGN, f"The stream holds {name!r} twice, or too many files."
                )
            names.add(name)
            yield name, self._content(size)
        self._end()

    def _content(self, size: int) -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is read long after this
        try:
            with disk("The temporary folder"):
                self._copy(size, file)
                file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _copy(self, size: int, file: IO[bytes]) -> None:
        left = size
        while left:
            piece = self._exactly(min(left, PIECE))
            file.write(piece)
            left -= len(piece)
        if any(self._exactly(-size % BLOCK)):
            raise _damaged()

    def _end(self) -> None:
        """After a block of zeros come another one and zeros up to a whole record: else the end is missing."""
        if any(self._exactly(BLOCK)):
            raise _damaged()
        while piece := self._stream.read(RECORD):
            self._read += len(piece)
            if any(piece):
                raise _damaged()
        if self._read % RECORD:
            raise _damaged()

    def _exactly(self, size: int) -> bytes:
        content = b""
        while len(content) < size and (piece := self._stream.read(size - len(content))):
            content += piece
        self._read += len(content)
        if len(content) < size:
            raise BackupError(
                BackupProblem.DAMAGED, "The stream breaks off: whatever wrote it did not come to its end."
            )
        return content


def _damaged() -> BackupError:
    return BackupError(BackupProblem.DAMAGED, "The stream is damaged, or no tar.")


def _parsed(block: bytes) -> tuple[bytes, str, int]:
    """Type, name and size of a header whose every bit is right."""
    checksum = block[_CHECKSUM]
    plain = sum(block) - sum(checksum) + 8 * ord(" ")
    if block[_MAGIC] not in (b"ustar\0", b"ustar ") or checksum != b"%06o\0 " % plain:
        raise _damaged()
    kind, size = block[_TYPE], block[_SIZE]
    if kind not in (FILE, FOLDER):
        raise BackupError(BackupProblem.FOREIGN, "The stream holds something that is no regular file.")
    prefix = block[_PREFIX].split(b"\0")[0] if block[_MAGIC] == b"ustar\0" else b""
    name = b"/".join(filter(None, (prefix, block[_NAME].split(b"\0")[0])))
    try:
        length = int.from_bytes(size[1:], "big") if size[0] == 0x80 else int(size.rstrip(b"\0 "), 8)
        return kind, name.decode(), length
    except ValueError:
        raise _damaged() from None


def _clean(name: str) -> str:
    """The name of a file that an export may have: `manifest.json`, or `<database>/<file>`."""
    parts = name.removeprefix("./").split("/")
    if parts == [manifests.NAME]:
        return manifests.NAME
    if len(parts) != 2 or not manifests.is_database(parts[0]) or parts[1] in ("", ".", ".."):
        raise BackupError(BackupProblem.FOREIGN, f"The stream holds a file of no export: {name!r}.")
    return "/".join(parts)
