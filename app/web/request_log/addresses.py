"""How the address of a request is written in a log: nothing of it may be secret, or look like another field.

A path is percent-encoded, and a part of it that has the shape of a token is left out. Of the query string,
only the values of `KEPT` stay: what is searched for, typed or pasted does not.
"""

from __future__ import annotations

import re
from urllib.parse import quote

KEPT = frozenset(
    {
        *("status", "priority", "sort", "order", "per_page", "ended", "last", "attempt"),
        *("event", "outcome", "since", "until", "format"),
    }
)
LEFT_OUT = "…"
MOST = 500
_SAFE = "/:@!$&'()*+,;=~-._"
_TOKEN = re.compile(r"(?<![\w-])[\w-]{43,}(?![\w-])", re.ASCII)
_VALUE = re.compile(r"[\w.:,-]{1,60}", re.ASCII)


def loggable(path: str | bytes, query: str = "") -> str:
    """Return a path, and what may be shown of a raw query string."""
    text = path if isinstance(path, str) else path.decode("utf-8", "replace")
    shown = _TOKEN.sub(LEFT_OUT, quote(text, _SAFE, errors="replace"))
    if query:
        shown += "?" + _kept(query)
    return shown[:MOST]


def _kept(query: str) -> str:
    parts = []
    for part in query.split("&")[:50]:
        name, _, value = part.partition("=")
        if not value:
            continue
        parts.append(part if name in KEPT and _VALUE.fullmatch(value) else LEFT_OUT)
    return "&".join(dict.fromkeys(parts)) or LEFT_OUT
