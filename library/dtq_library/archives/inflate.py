"""Streams of gzip, bzip2 and xz, opened piece by piece.

The standard library's own file objects unpack as much as a piece holds, and let an xz stream ask for up to
4 GB of memory by a number in its head. Here a piece has a limit, and so has the memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from enum import Enum, auto
from pathlib import Path
from typing import IO, Protocol

from dtq import Fail
from dtq_library.archives.entries import reading

PIECE = 256 * 1024
XZ_MEMORY = 128 * 2**20
"""`xz -9` needs 65 MB to unpack."""

MARKS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib's decompressor in the manner of the two others, which keep what they have not read."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_MAKERS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Zlib,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY),
}


def compression(path: Path) -> str | None:
    """How a file is compressed, by its first bytes; None for not at all."""
    with path.open("rb") as file:
        head = file.read(6)
    return next((kind for mark, kind in MARKS.items() if head.startswith(mark)), None)


def inflate(path: Path, kind: str, target: IO[bytes], took: Callable[[int], object]) -> None:
    """Unpack a file; ``took`` is told each piece and may raise. Raises Fail when it is damaged."""
    with path.open("rb") as packed:
        pieces = _pieces(packed, kind)
        while True:
            with reading():
                piece = next(pieces, b"")
            if not piece:
                return
            took(len(piece))
            target.write(piece)


class XzFault(Enum):
    """Why the decompressor of xz stopped."""

    MEMORY = auto()
    DAMAGED = auto()


def xz_fault(error: lzma.LZMAError) -> XzFault:
    """Classify an error of `lzma`, which has no code: only its text tells the memory limit from damage."""
    return XzFault.MEMORY if str(error) == "Memory usage limit exceeded" else XzFault.DAMAGED


def _decompressed(opened: _Decompressor, data: bytes) -> bytes:
    try:
        return opened.decompress(data, PIECE)
    except lzma.LZMAError as error:
        if xz_fault(error) is not XzFault.MEMORY:
            raise
        raise Fail(f"The archive asks for more than {XZ_MEMORY // 2**20} MB of memory to unpack.") from None


def _pieces(packed: IO[bytes], kind: str) -> Iterator[bytes]:
    """Member after member, as `gzip`, `bzip2` and `xz` themselves do; what follows the last is left out."""
    mark = next(mark for mark, name in MARKS.items() if name == kind)
    opened = _MAKERS[kind]()
    data = packed.read(PIECE)
    while True:
        piece = _decompressed(opened, data)
        if piece:
            yield piece
        data = b""
        if opened.eof:
            data = opened.unused_data.lstrip(b"\0")
            data += packed.read(PIECE) if len(data) < len(mark) else b""
            if not data.startswith(mark):
                return
            opened = _MAKERS[kind]()
        elif not piece or len(piece) < PIECE:
            data = packed.read(PIECE)
            if not data and not piece:
                raise EOFError
