"""A text from a form or a file, as lines with their ends. A file is never held whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dtq import Context, Fail, File
from dtq_library.encodings.detection import Undecodable, codec, decodable

MAX_FILE_MB = 512
MAX_LINE_CHARS = 4_000_000
_PULSE_LINES = 5_000


@dataclass(frozen=True)
class TextSource:
    """Where lines come from. ``name`` is that of a file, or nothing for what was typed."""

    path: Path
    encoding: str
    name: str = ""
    notes: list[str] = field(default_factory=list)


def open_source(
    ctx: Context, text: str, file: File | None, encoding: str = "auto", undecodable: Undecodable = "stop"
) -> TextSource:
    """The text or the file, whichever was given. Raises Fail for both, for none, and for what is no text."""
    if text and file is not None:
        raise Fail("There is a text and a file; give one of them.")
    if file is not None:
        return _file_source(file, encoding, undecodable)
    if not text:
        raise Fail("There is nothing to work on: type a text or choose a file.")
    path = ctx.work_dir / "typed.txt"
    path.write_bytes(text.encode("utf-8", "replace"))
    return TextSource(path, "utf-8")


def _file_source(file: File, encoding: str, undecodable: Undecodable) -> TextSource:
    if file.size > MAX_FILE_MB * 2**20:
        raise Fail(f"{file.name} is larger than {MAX_FILE_MB} MB, the most that is read as a text.")
    if not file.size:
        raise Fail(f"{file.name} is empty.")
    try:
        found = decodable(file.path, encoding, undecodable)
    except Fail:
        with file.path.open("rb") as content:
            if b"\0" in content.read(64 * 1024):
                raise Fail(f"{file.name} is a binary file; a text was expected.") from None
        raise
    return TextSource(found.path, codec(found.encoding), file.name, found.notes)


def lines(ctx: Context, source: TextSource, doing: str) -> Iterator[str]:
    """Each line with its end, which is LF, CRLF or CR; the last one may have none.

    Raises Fail for a line that is too long for one, Canceled when the task is.
    """
    total = source.path.stat().st_size
    with source.path.open(encoding=source.encoding, newline="") as file:
        number = 0
        while line := file.readline(MAX_LINE_CHARS + 1):
            if len(line) > MAX_LINE_CHARS:
                raise Fail(f"Line {number + 1:,} is longer than {MAX_LINE_CHARS:,} characters.")
            if number % _PULSE_LINES == 0:
                ctx.progress(os.lseek(file.fileno(), 0, os.SEEK_CUR), total, doing)
            number += 1
            yield line
    ctx.progress(total, total, doing)


def split_end(line: str) -> tuple[str, str]:
    """A line and its end."""
    for end in ("\r\n", "\n", "\r"):
        if line.endswith(end):
            return line[: -len(end)], end
    return line, ""
