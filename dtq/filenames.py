"""Names of files that are safe wherever a file goes: uploads, workers' disks, archives, downloads.

File systems count the bytes of a name in UTF-8, and most take 255.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

MOST_BYTES = 200
"""Of a name. The rest is for what is made from one: `-clean`, ` (2)`, `-uncompressed`, an extension."""
MOST_EXTENSION = 32
NAMELESS = "file"
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4", ".br", ".zip"})
_EXTENSION = re.compile(r"\.[^.\s]+\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
"""Names of devices on Windows, also with an extension."""


def safe_name(name: str, most: int = MOST_BYTES) -> str:
    """Return the last part of a name as a browser or an archive says it, with at most ``most`` bytes.

    Never a path, a reserved name, or a character that is not seen (controls, changes of direction). A long
    one keeps its extension. A name that is safe stays as it is.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    spaced = (
        " " if unicodedata.category(char) == "Zs" else char for char in unicodedata.normalize("NFC", last)
    )
    kept = "".join(char for char in spaced if char.isprintable()).strip(" .")
    if _RESERVED.match(kept):
        kept = f"_{kept}"
    return _fitting(kept, "", most) or NAMELESS


def extended(name: str, ending: str, most: int = MOST_BYTES) -> str:
    """Return a name that is cut so that all of ``ending`` fits behind it, as in `sales-clean.csv`."""
    return (_cut(safe_name(name), most - len(ending.encode())) or NAMELESS) + ending


def numbered(name: str, number: int, most: int = MOST_BYTES) -> str:
    """Return the name of another file that would have the same one: `sales (2).csv`."""
    return _fitting(name, f" ({number})", most)


def split_extension(name: str) -> tuple[str, str]:
    """Return a name in two, the second being its extension: of `sales.csv.gz` that is `.csv.gz`."""
    extension = ""
    for _ in range(2):
        found = _EXTENSION.search(name[: len(name) - len(extension)])
        longer = f"{found[0]}{extension}" if found else ""
        if not found or not found.start() or len(longer.encode()) > MOST_EXTENSION:
            break
        extension = longer
        if found[0].lower() not in _COMPRESSED:
            break
    return name[: len(name) - len(extension)], extension


def _fitting(name: str, inserted: str, most: int) -> str:
    stem, extension = split_extension(name)
    ending = inserted + extension
    if len(name.encode()) + len(inserted.encode()) <= most:
        return stem + ending
    return _cut(stem, most - len(ending.encode())) + ending


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text with at most ``most`` bytes, without half a character at its end."""
    content = text.encode()
    if len(content) <= most:
        return text
    kept = content[:most].decode(errors="ignore")
    at = len(kept)
    while at and _joins(text[at]):  # an accent, say, goes with its letter
        at -= 1
    return (kept[:at] or kept).rstrip(" .")


def _joins(char: str) -> bool:
    """Return whether a character is seen as part of the one before it."""
    return unicodedata.category(char).startswith("M") or "\U0001f3fb" <= char <= "\U0001f3ff"
