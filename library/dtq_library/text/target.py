"""The lines that came out: written as they come, then shown as text or stored as a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from dtq import Context, Fail
from dtq.filenames import extended
from dtq_library.encodings.detection import codec
from dtq_library.text.source import TextSource

INLINE_BYTES = 64 * 1024


def write(
    ctx: Context,
    lines: Iterable[str],
    source: TextSource,
    added: str,
    encoding: str = "utf-8",
    lossy: bool = False,
) -> dict[str, Any]:
    """Write lines with their ends; returns `text`, or `file` for what came as a file or is long.

    Raises Fail for a character that the encoding does not have, unless it may become a question mark.
    """
    path = ctx.work_dir / "written.txt"
    number = 0
    with path.open("w", encoding=codec(encoding), errors="replace" if lossy else "strict", newline="") as out:
        try:
            for line in lines:
                number += 1
                out.write(line)
        except UnicodeEncodeError as error:
            char = error.object[error.start]
            raise Fail(
                f"Line {number:,} holds “{char}” (U+{ord(char):04X}), which {encoding} does not have. "
                "Choose UTF-8, or let such characters become question marks."
            ) from None
    if not source.name and encoding == "utf-8" and path.stat().st_size <= INLINE_BYTES:
        with path.open(encoding="utf-8", newline="") as file:
            return {"text": file.read(), "file": None}
    name = PurePath(source.name or "text.txt")
    saved = ctx.save_file(path, extended(name.stem, f"-{added}{name.suffix or '.txt'}"), "text/plain")
    return {"text": None, "file": saved}
