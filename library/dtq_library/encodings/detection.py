"""Which character encoding a text file is in. The answer always decodes the whole file without a loss."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dtq import Fail
from dtq_library.encodings.code_pages import code_pages
from dtq_library.encodings.code_pages import codec as codec
from dtq_library.refusals import not_a_table

Undecodable = Literal["stop", "replace"]

_BLOCK = 1024 * 1024
_SAMPLE = 64 * 1024
_UTF8 = "utf-8"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # Before UTF-16: its mark begins with the one of UTF-16.
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of the encodings with several bytes for a character, those that exported files come in.
_EAST_ASIAN = {
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "gb18030": "gb18030",
    "big5": "big5",
}
_EAST_ASIAN_CHARS = re.compile(
    "[\u2010-\u2027\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff]"
)
CHOICES = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be",
    "windows-1252", "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "windows-874",
    "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15",
    "koi8-r", "koi8-u", "cp437", "cp850", "cp852", "cp866",
    "mac-roman", "mac-latin2", "mac-cyrillic", "mac-greek", "mac-turkish",
    "shift_jis", "euc-jp", "euc-kr", "gb18030", "big5",
)  # fmt: skip
"""What a form offers."""


@dataclass(frozen=True)
class Decodable:
    """A text file all of which decodes; ``notes`` say what is a guess and what was replaced."""

    path: Path
    encoding: str
    notes: list[str]


def decodable(path: Path, wanted: str = "auto", undecodable: Undecodable = "stop") -> Decodable:
    """Return a file that decodes as a whole, and its encoding.

    Bytes that do not decode raise Fail with their line; to replace them, a copy in UTF-8 is made beside the
    file. Raises Fail for binary files, and when the encoding is not certain.

    In this order: the encoding that was asked for, a byte order mark, UTF-16 without a mark, UTF-8 (which
    other encodings hardly ever resemble) even where it is damaged, and what fits the lines beyond ASCII.
    """
    encoding, notes = _find(path, wanted)
    problem = _undecodable(path, encoding)
    if problem is None:
        return Decodable(path, encoding, notes)
    if undecodable == "replace":
        copy, replaced = _replaced(path, encoding)
        told = f"Undecodable bytes that were replaced with {_REPLACEMENT}: {replaced:,}"
        return Decodable(copy, _UTF8, [*notes, f"{told} (the first one on line {problem[0]:,})."])
    raise Fail(
        f"Line {problem[0]:,} doesn't decode as {encoding} (byte 0x{problem[1]:02x}). Correct that line, "
        "choose another encoding, or choose to replace undecodable bytes."
    )


def detect_encoding(path: Path, wanted: str = "auto") -> tuple[str, list[str]]:
    """Return the encoding of a file that decodes as a whole, and a note when it is a guess. Raises Fail."""
    found = decodable(path, wanted)
    return found.encoding, found.notes


def _find(path: Path, wanted: str) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    certain = _by_mark(head) if wanted == "auto" else wanted
    if certain:
        # A mark stays a mark when UTF-8 is asked for: it must not end up in the first column's name.
        return ("utf-8-sig" if certain == _UTF8 and head.startswith(codecs.BOM_UTF8) else certain), []
    zeros = _by_zeros(head)
    if zeros and _undecodable(path, zeros) is None:
        return zeros, []
    if b"\0" in head:
        raise not_a_table("a binary file")
    if _undecodable(path, _UTF8) is None or _is_damaged_utf8(path):
        return _UTF8, []
    return _guess(path)


def likely_encoding(sample: bytes) -> str | None:
    """Return the encoding of a few words or names; None where it is not certain."""
    try:
        sample.decode(_UTF8)
        return _UTF8
    except UnicodeDecodeError:
        found = code_pages(sample) or _east_asian(sample)
        return found[0] if len(found) == 1 or (found and found[0] in _EAST_ASIAN.values()) else None


def _is_damaged_utf8(path: Path) -> bool:
    """Whether characters of several bytes outnumber what is not UTF-8, which chance does not bring."""
    decoder = codecs.getincrementaldecoder(_UTF8)("surrogateescape")
    whole = damaged = 0
    for block, final in _blocks(path):
        for run in _BEYOND_ASCII.findall(decoder.decode(block, final)):
            escaped = sum("\udc80" <= char <= "\udcff" for char in run)
            damaged, whole = damaged + escaped, whole + len(run) - escaped
    return whole >= 2 * damaged


def _replaced(path: Path, encoding: str) -> tuple[Path, int]:
    """A copy in UTF-8, and how many characters in it stand for bytes that do not decode."""
    copy, replaced = path.with_name(f"{path.name}-decoded"), 0
    decoders = [codecs.getincrementaldecoder(codec(encoding))(errors) for errors in ("replace", "ignore")]
    with copy.open("w", encoding=_UTF8, newline="") as out:
        for block, final in _blocks(path):
            text, rest = (decoder.decode(block, final) for decoder in decoders)
            replaced += text.count(_REPLACEMENT) - rest.count(_REPLACEMENT)
            out.write(text)
    return copy, replaced


def _by_mark(head: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)


def _by_zeros(head: bytes) -> str | None:
    """UTF-16 writes every ASCII character with a zero byte: after it or before it."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if half and even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _guess(path: Path) -> tuple[str, list[str]]:
    """The one encoding that fits, with a note. Raises Fail when there is none, or a choice."""
    fitting = _candidates(path, _unusual_lines(path))
    if not fitting:
        raise _unknown()
    return fitting[0], [
        f"The file isn't in UTF-8. It was read as {fitting[0]}, its likeliest encoding. "
        "If letters look wrong, choose the encoding yourself."
    ]


def _unknown(among: Sequence[str] = ()) -> Fail:
    likely = f"It may be {' or '.join(among)}. " if among else ""
    return Fail(
        f"The encoding of the file could not be detected with certainty. {likely}Choose it under Encoding, "
        f"or save the file as UTF-8. Supported encodings: {', '.join(CHOICES)}."
    )


def _unusual_lines(path: Path) -> bytes:
    """The first lines that hold bytes beyond ASCII: plain lines say nothing and would water down the rest."""
    found, size = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                found.append(line)
                size += len(line)
            if size > _SAMPLE:
                break
    return b"".join(found)


def _candidates(path: Path, sample: bytes) -> list[str]:
    """The code page that the words fit, or else the East Asian encodings that fit, the likeliest first."""
    found = code_pages(sample)
    if len(found) > 1:
        raise _unknown(found)
    if found:
        return found
    return [name for name in _east_asian(sample) if _undecodable(path, name) is None]


def _east_asian(sample: bytes) -> list[str]:
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(_EAST_ASIAN))
    names = [name for match in matches for name in match.could_be_from_charset if name in _EAST_ASIAN]
    return [_EAST_ASIAN[name] for name in names if _is_east_asian(sample.decode(name, "ignore"))]


def _is_east_asian(text: str) -> bool:
    """Whether nearly all of what is beyond ASCII is Chinese, Japanese or Korean."""
    beyond = [char for char in text if not char.isascii()]
    return sum(_EAST_ASIAN_CHARS.match(char) is not None for char in beyond) >= 0.9 * len(beyond)


def _undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    """The line (from 1) and value of the first byte that is not in the encoding; None when all are."""
    decoder = codecs.getincrementaldecoder(codec(encoding))()
    line = 1
    for block, final in _blocks(path):
        try:
            line += decoder.decode(block, final).count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n"), error.object[error.start]
    return None


def _blocks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block, False
    yield b"", True
