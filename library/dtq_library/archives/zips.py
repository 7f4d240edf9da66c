"""The entries of a zip archive."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dtq import Fail
from dtq_library.archives.entries import MAX_ENTRIES, ArchiveEntry, Budget, guarded, reading
from dtq_library.encodings.detection import codec, likely_encoding

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
"""LZMA is left out: a number in its head says how much memory it wants, and nothing limits that."""
_ENCRYPTED, _UTF8, _AES = 0x1, 0x800, 99
_NAMES_BYTES = 64 * 1024
_DIRECTORY_MAX = MAX_ENTRIES * 1_024
_LINK, _TYPE = 0o120000, 0o170000
_KINDS = {0: "file", 0o100000: "file", 0o040000: "folder", _LINK: "link"}


@contextmanager
def opened(path: Path, budget: Budget) -> Iterator[Iterator[ArchiveEntry]]:
    """The entries, while the archive is open. Raises Fail for what is not unpacked."""
    with reading():
        _require_small_directory(path)
        archive = zipfile.ZipFile(path)
    with archive:
        budget.require(sum(info.file_size for info in archive.infolist()))
        encoding = _encoding(archive.infolist())
        yield guarded(_entry(archive, info, encoding) for info in archive.infolist())


def _encoding(infos: list[zipfile.ZipInfo]) -> str | None:
    """The encoding of names that are not marked as UTF-8: the zip says nothing of it, so their letters do."""
    names = [_raw(info) for info in infos if not info.flag_bits & _UTF8]
    unusual = b"\n".join(name for name in names if not name.isascii())[:_NAMES_BYTES]
    return likely_encoding(unusual) if unusual else None


def _raw(info: zipfile.ZipInfo) -> bytes:
    """The bytes of a name, which `zipfile` takes for CP437 where nothing marks it as UTF-8."""
    return info.orig_filename.encode("cp437")


def _name(info: zipfile.ZipInfo, encoding: str | None) -> str:
    name = info.orig_filename  # `filename` is cut at a NUL.
    if encoding is None or info.flag_bits & _UTF8:
        return name
    return _raw(info).decode(codec(encoding), "replace")


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, encoding: str | None) -> ArchiveEntry:
    name = _name(info, encoding)
    if info.flag_bits & _ENCRYPTED or info.compress_type == _AES:
        raise Fail("The zip archive is protected with a password; make one without it and upload that.")
    kind = "folder" if info.is_dir() else _KINDS.get(info.external_attr >> 16 & _TYPE, "other")
    if kind == "file" and info.compress_type not in _METHODS:
        raise Fail(
            f"{name[:200]} is compressed in a way that is not unpacked here; make the zip with Deflate."
        )
    year, month, day, hour, minute, second = info.date_time
    modified = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    return ArchiveEntry(name, kind, info.file_size, modified, partial(archive.open, info))


def _require_small_directory(path: Path) -> None:
    """The list of entries is read into memory before it can be counted, so its size is looked at first."""
    end, zip64, locator = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
    with path.open("rb") as file:
        length = file.seek(0, 2)
        start = max(0, length - 65_536 - 22 - 20 - 56)
        file.seek(start)
        tail = file.read()
    at = tail.rfind(end)
    if at < 0 or len(tail) < at + 22:
        raise Fail("The zip archive is incomplete: its end is missing. Upload it again.")
    size = int(struct.unpack_from("<L", tail, at + 12)[0])
    record = at - 20 - 56
    if tail[max(0, at - 20) : at].startswith(locator) and record >= 0 and tail[record:].startswith(zip64):
        size = int(struct.unpack_from("<Q", tail, record + 40)[0])
    if size > _DIRECTORY_MAX:
        raise Fail(f"The archive has more than {MAX_ENTRIES:,} entries; that is not unpacked here.")
