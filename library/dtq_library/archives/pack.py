"""Files into one archive, piece by piece."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Literal

from dtq import utcnow
from dtq.filenames import extended
from dtq_library.archives.entries import ArchiveEntry as _Entry
from dtq_library.archives.entries import EntryTable, copy, saved_name

Format = Literal["zip", "tar.gz"]
CONTENT_TYPES: dict[Format, str] = {"zip": "application/zip", "tar.gz": "application/gzip"}


@dataclass(frozen=True)
class Item:
    """A file to put in: ``name`` as people know it, ``size`` in bytes."""

    name: str
    path: Path
    size: int


def pack(
    items: Sequence[Item], format: Format, level: int, target: Path, took: Callable[[int], object]
) -> list[str]:
    """Write an archive of all items; returns their names in it, which are made different from each other.

    ``level`` is from 1, the fastest, to 9, the smallest. ``took`` is told each piece read and may raise.
    """
    table = EntryTable()
    names = [table.add(_Entry(saved_name(item.name), "file", item.size)) or item.name for item in items]
    write = _zip if format == "zip" else _tar
    write(zip(names, items, strict=True), level, target, took)
    return names


def archive_name(items: Sequence[Item], wanted: str, format: Format) -> str:
    """The name of the archive: as wanted, or after its only file."""
    end = f".{format}"
    if wanted.strip():
        name = saved_name(wanted)
        return name if name.lower().endswith(end) else extended(name, end)
    name = items[0].name if len(items) == 1 else "files"
    return extended(PurePath(name).stem if format == "zip" else name, end)


def _zip(named: Iterable[tuple[str, Item]], level: int, target: Path, took: Callable[[int], object]) -> None:
    moment = utcnow().timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, item in named:
            about = zipfile.ZipInfo(name, moment)
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            about._compresslevel = level  # type: ignore[attr-defined] # `compress_level` from 3.13 on
            with item.path.open("rb") as source, archive.open(about, "w", force_zip64=True) as inside:
                copy(source, inside, took)


def _tar(named: Iterable[tuple[str, Item]], level: int, target: Path, took: Callable[[int], object]) -> None:
    moment = int(utcnow().timestamp())
    with _gzipped(target, level, moment) as packed, tarfile.open(fileobj=packed, mode="w:") as archive:
        for name, item in named:
            about = tarfile.TarInfo(name)
            about.size, about.mtime, about.mode = item.size, moment, 0o644
            with item.path.open("rb", buffering=0) as source:
                archive.addfile(about, _Watched(source, took))


@contextmanager
def _gzipped(target: Path, level: int, moment: int) -> Iterator[IO[bytes]]:
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=level, fileobj=raw, mtime=moment) as packed,
    ):
        yield packed  # type: ignore[misc] # GzipFile is one, but typeshed does not say so


class _Watched(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, source: IO[bytes], took: Callable[[int], object]) -> None:
        self._source = source
        self._took = took

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        self._took(len(piece))
        return piece
