"""Files that a result names, and which of them a browser may show as an image.

What a file is called, or was said to be, does not make it an image: its first bytes do. SVG and HTML, which
can carry scripts, have none of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.excerpts import shortened, without_begun
from app.core.files.store import StoredFile
from app.web.results.nodes import SavedFile, saved_file
from app.web.results.source import Head

MOST_FILES = 12
MOST_IMAGE_BYTES = 20 * 2**20
HEAD_BYTES = 16
MOST_BEGINNINGS, BEGINNING_BYTES, BEGINNING_LINES, BEGINNING_LINE = 3, 16 * 1024, 20, 500
NEEDS_FILE = "what `ctx.save_file` returned, or a list of that"
NEEDS_IMAGE = "a PNG, JPEG, GIF or WebP of up to 20 MB that `ctx.save_file` kept"


@dataclass(frozen=True)
class PreviewedFile:
    """A file of this task, and its first lines where it is a text."""

    file: SavedFile
    beginning: str = ""


@dataclass(frozen=True)
class Picture:
    """An image of this task, with the words for those who cannot see it."""

    file: SavedFile
    alt: str
    caption: str = ""


def image_type(head: bytes) -> str | None:
    """The content type by the first `HEAD_BYTES`; None for anything but PNG, JPEG, GIF and WebP."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def files(value: Any, outputs: Mapping[str, StoredFile], head: Head) -> list[PreviewedFile] | None:
    """The files of a result that is files and nothing else; of the first few, how they begin."""
    found = [saved_file(item) for item in (value if isinstance(value, list) else [value])]
    known = [file for file in found if file]
    if not known or len(known) < len(found):
        return None
    read = {file.id: outputs[file.id] for file in known[:MOST_BEGINNINGS] if file.id in outputs}
    begun = {name: beginning(head(stored.id, BEGINNING_BYTES)) for name, stored in read.items()}
    return [
        PreviewedFile(file, begun.get(file.id, "") if at < MOST_BEGINNINGS else "")
        for at, file in enumerate(known)
    ]


def beginning(content: bytes) -> str:
    """The first lines of a text in UTF-8; nothing of what is no text."""
    try:
        text = without_begun(content).decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    if any(
        not char.isprintable() and char not in "\t\r\n\f\u00a0\ufeff" and ord(char) < 0xA0 for char in text
    ):
        return ""
    lines = text.splitlines()[:BEGINNING_LINES]
    return "\n".join(shortened(line, BEGINNING_LINE) for line in lines)


def pictures(value: Any, outputs: Mapping[str, StoredFile], head: Head) -> list[Picture] | None:
    """The images of a result that is images and nothing else, all of them files of this task."""
    parts = value if isinstance(value, list) else [value]
    if not 0 < len(parts) <= MOST_FILES:
        return None
    found = [picture for part in parts if (picture := _picture(part, outputs, head))]
    return found if len(found) == len(parts) else None


def _picture(value: Any, outputs: Mapping[str, StoredFile], head: Head) -> Picture | None:
    """Of a saved file, or of one as `file` with `alt` and `caption` beside it."""
    said: Mapping[str, Any] = {"file": value} if saved_file(value) else value
    if not isinstance(said, Mapping) or not said.keys() <= {"file", "alt", "caption"}:
        return None
    named = saved_file(said.get("file"))
    stored = outputs.get(named.id) if named else None
    if (
        not named
        or not stored
        or stored.size > MOST_IMAGE_BYTES
        or not image_type(head(stored.id, HEAD_BYTES))
    ):
        return None
    alt, caption = (str(said.get(name) or "")[:500] for name in ("alt", "caption"))
    return Picture(named, alt or caption or f"Image {named.name}", caption)
