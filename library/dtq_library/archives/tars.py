"""The entries of a tar archive that lies unpacked on disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import IO

from dtq import Fail
from dtq_library.archives.entries import ArchiveEntry, guarded, reading

_HEADER_MAX = 4 * 2**20
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Careful(io.BufferedReader):
    """Never reads much at once: a header may say that it has gigabytes, and tarfile believes it."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > _HEADER_MAX:
            raise tarfile.ReadError("a header of the archive is too large")
        return super().read(size)


@contextmanager
def opened(path: Path) -> Iterator[Iterator[ArchiveEntry]]:
    """The entries, while the archive is open. Raises Fail when it is damaged."""
    with _Careful(io.FileIO(path)) as file:
        with reading():
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - closed by the next `with`
        with archive:
            yield guarded(_entry(archive, member) for member in archive)


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive."""
    with path.open("rb") as file:
        head = file.read(1024)
    return head[257:262] == b"ustar" or _old_tar(head)


def _old_tar(head: bytes) -> bool:
    """The format before 1988 has no mark, but a checksum."""
    if len(head) < 512 or not head[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> ArchiveEntry:
    name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    content = partial(_open, archive, member) if member.isreg() else None
    return ArchiveEntry(name, _kind(member), member.size, _modified(member.mtime), content)


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    if found is None:
        raise Fail(f"{member.name[:200]} has no content that can be read.")
    return found


def _kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    return "link" if member.issym() or member.islnk() else "other"


def _modified(seconds: float) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=int(seconds))).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError):
        return None
