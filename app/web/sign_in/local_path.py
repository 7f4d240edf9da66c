"""Where to go after signing in: a path of this server, whatever an address asks for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LONGEST = 2_000
# One slash, then no second one and no backslash, which browsers read as one; no control character, which
# they drop, so that what follows would move to the front; no space.
_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*\Z")


def local_path(text: str) -> str | None:
    """Return the text where it is a path of this server, with or without a query; else None."""
    if len(text) > LONGEST or not _PATH.match(text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc else text
