"""What is in an archive, what of it is saved, and how much is too much."""

from __future__ import annotations

import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from dtq import Fail
from dtq.filenames import numbered, safe_name

MAX_ENTRIES = 10_000
MAX_FILES = 10_000
MAX_TOTAL_MB = 2_048
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 * 2**20
"""The ratio counts from here on: small files of zeros are no bombs. Ordinary text shrinks to a tenth."""
CHUNK = 256 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
"""What the libraries raise for an archive that is damaged, or made to damage them."""
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class ArchiveEntry:
    """``kind`` is file, folder, link or other; ``open`` gives the content of a file."""

    path: str
    kind: str
    size: int
    modified: str | None = None
    open: Callable[[], IO[bytes]] | None = None


@contextmanager
def reading() -> Iterator[None]:
    """Around everything that reads an archive, and nothing that writes: raises Fail where it is damaged."""
    try:
        yield
    except _BROKEN as error:
        raise Fail("The archive is damaged or incomplete; make it again and upload it again.") from error


def guarded(found: Iterator[ArchiveEntry]) -> Iterator[ArchiveEntry]:
    """The entries, one after another. Raises Fail at the place where the archive is damaged."""
    while True:
        with reading():
            entry = next(found, None)
        if entry is None:
            return
        yield entry


class Budget:
    """How much may come out of an archive of so many bytes. It counts what comes, not what is said."""

    def __init__(self, archive_bytes: int) -> None:
        self._archive = max(1, archive_bytes)
        self.taken = 0

    def take(self, size: int) -> None:
        """Raises Fail when it is too much."""
        self.taken += size
        self.require(self.taken)

    def require(self, total: int) -> None:
        """Raises Fail when so much would be too much."""
        if total > MAX_TOTAL_MB * 2**20:
            raise Fail(f"The archive holds more than {MAX_TOTAL_MB:,} MB; that is not unpacked here.")
        if total > RATIO_FROM_BYTES and total > MAX_RATIO * self._archive:
            raise Fail(
                f"The archive holds more than {MAX_RATIO} times its own size, as only archives made to do "
                "harm do; it is not unpacked."
            )


@dataclass
class EntryTable:
    """What was in the archive, a row for each entry, and which names are taken."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    _seen: int = 0
    _paths: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def count(self) -> None:
        """One more entry, wanted or not. Raises Fail for too many."""
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            raise Fail(f"The archive has more than {MAX_ENTRIES:,} entries; that is not unpacked here.")

    def add(self, entry: ArchiveEntry) -> str | None:
        """A row for an entry; returns the name that it is saved under, or None. Raises Fail for too many."""
        why = reason(entry)
        again = entry.path in self._paths
        self._paths.add(entry.path)
        name = None if why or entry.kind != "file" else self._free(saved_name(entry.path))
        note = why or ("An earlier entry has the same path." if again and name else None)
        self.rows.append(
            {
                "path": shown(entry.path),
                "kind": entry.kind,
                "size": entry.size,
                "modified": entry.modified,
                "saved_as": name,
                "note": note,
            }
        )
        return name

    def _free(self, name: str) -> str:
        if len(self._names) >= MAX_FILES:
            raise Fail(f"The archive has more than {MAX_FILES:,} files; that is not unpacked here.")
        number, free = 1, name
        while free.casefold() in self._names:
            number += 1
            free = numbered(name, number)
        self._names.add(free.casefold())
        return free


def reason(entry: ArchiveEntry) -> str | None:
    """Why an entry is left out; None when it is not."""
    if entry.kind == "link":
        return "Left out: it is a link."
    if entry.kind == "other":
        return "Left out: it is no file but a device or the like."
    parts = PurePosixPath(entry.path.replace("\\", "/")).parts
    if ".." in parts or entry.path.startswith(("/", "\\")) or _DRIVE.match(entry.path) or "\0" in entry.path:
        return "Left out: its path leads out of the archive."
    return None


def saved_name(path: str) -> str:
    """The last part of a path, as files are named here."""
    return safe_name(path)


def shown(path: str) -> str:
    """A path as a table shows it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in path)[:500]


def copy(source: IO[bytes], target: IO[bytes], took: Callable[[int], object]) -> None:
    """Copy a stream; ``took`` is told each piece and may raise. Raises Fail where it cannot be read."""
    while True:
        with reading():
            piece = source.read(CHUNK)
        if not piece:
            return
        took(len(piece))
        target.write(piece)
