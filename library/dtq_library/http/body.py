"""Bodies: gzip opened with a limit, and bytes read as text where they are text."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

PIECE = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MARK = b"\x1f\x8b"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_KNOWN = re.compile(
    r"ascii|utf-8(-sig)?|utf-16(-le|-be)?|utf-32|big5(hkscs)?|cp932|shift_jis|euc_jp|iso2022_jp|euc_kr|cp949"
    r"|gb2312|gbk|gb18030|koi8-[ru]|mac-roman|cp437|cp850|cp866|cp874|cp125[0-8]|iso8859-(1[0-6]?|[2-9])"
)
"""Codecs that turn bytes into letters and nothing else; Python also has some that unpack or compute."""


class Gunzip:
    """Opens gzip in pieces of at most `PIECE` bytes, however much a few bytes may hold."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self.whole = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises zlib.error for what is not gzip; what stands after its end is left out."""
        while True:
            piece = self._member.decompress(data, PIECE)
            data = self._member.unconsumed_tail
            if piece:
                yield piece
            if self._member.eof:
                self.whole, data = True, self._member.unused_data
                if not data.startswith(_GZIP_MARK):
                    return
                self._member, self.whole = zlib.decompressobj(_GZIP), False
            elif not data and len(piece) < PIECE:
                return


def as_text(path: Path, content_type: str) -> tuple[str | None, str | None, list[str]]:
    """The text of a body, its encoding, and notes; no text where it is binary or does not decode.

    The encoding is the one that a mark at the beginning says, then the one that the server says, then UTF-8.
    """
    data = path.read_bytes()
    declared = _CHARSET.search(content_type)
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    notes: list[str] = []
    if encoding is None and declared:
        encoding = _codec(declared[1])
        if encoding is None:
            notes = [f"The server says {declared[1]}, which is no known encoding; UTF-8 was tried."]
    for candidate in dict.fromkeys((encoding or "utf-8", "utf-8")):
        text = _decoded(data, candidate)
        if text is not None:
            wrong = [f"The server says {declared[1]}, but the body is {candidate}."] if declared else []
            return text, candidate, notes if candidate == encoding or notes else wrong
    return None, None, notes


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if _KNOWN.fullmatch(found) else None


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    binary = any(char < " " and char not in "\t\n\r\f\x1b" for char in text)
    return None if binary else text
