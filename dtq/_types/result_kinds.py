"""How a result is shown: the choices of a type's author. Their shapes: docs/reference/task-types.md."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

KINDS = ("auto", "table", "json", "text", "image", "chart", "file", "preview")
PIECE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")  # These names stand in addresses and in MongoDB.

# One kind for the whole result, or kinds by name for pieces of a result that is a dictionary.
ResultKind = str | dict[str, str]


def problem(said: Any) -> str | None:
    """Why something cannot be the kind of a result, as a sentence; None where it can."""
    if not isinstance(said, Mapping):
        return _unknown(said)
    for name, kind in said.items():
        if not isinstance(name, str) or not PIECE.match(name):
            return f"the name of a piece is letters, digits and underscores; {name!r} is not"
        if wrong := _unknown(kind):
            return f"piece `{name}`: {wrong}"
    return None


def _unknown(kind: Any) -> str | None:
    if isinstance(kind, str) and kind in KINDS:
        return None
    near = difflib.get_close_matches(kind, KINDS, n=1) if isinstance(kind, str) else []
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"there is no kind of result {kind!r}; allowed are {', '.join(KINDS)}.{hint}"
