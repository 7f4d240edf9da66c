"""What failures of the same cause have in common: their message without what differs from one to the next."""

from __future__ import annotations

import re

MOST_READ = 2_000
MOST = 200
"""In characters: as many as a filter of a list takes."""

# Each is linear in the length of the text: what is repeated cannot begin in two ways.
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_QUOTED = re.compile(
    r"\"[^\"\n]{0,500}\"|`[^`\n]{0,500}`|“[^”\n]{0,500}”|‘[^’\n]{0,500}’|«[^»\n]{0,500}»|(?<!\w)'[^'\n]{0,500}'(?!\w)"
)
_ID = re.compile(r"\b(?=[a-zA-Z]*[0-9])[0-9a-fA-F]{8,}\b")
_NUMBER = re.compile(r"[0-9][0-9.,:_]*[0-9]|[0-9]")


def fingerprint(message: str) -> str:
    """Return a message with quotes, IDs and numbers masked: “Line 3 has 5 fields”, “Line … has … fields”.

    At most `MOST` characters, on one line; empty for an empty message.
    """
    text = message[:MOST_READ]
    for pattern in (_UUID, _QUOTED, _ID, _NUMBER):
        text = pattern.sub("…", text)
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MOST].strip()
