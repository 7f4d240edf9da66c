"""Plain values: whether MongoDB and JSON can keep them, and how they read as text.

Parameters come from forms and programs; what passes here can be stored and shown as it is.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

INT64 = 2**63
DEEPEST = 50  # MongoDB keeps 100 levels, and a task has some of its own.
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def unkeepable(value: Any, depth: int = 0) -> str:
    """Why a value cannot be kept, as a sentence, or nothing when it can."""
    if depth > DEEPEST:
        return f"This is nested too deeply: at most {DEEPEST} levels are kept."
    if isinstance(value, float) and not math.isfinite(value):
        return "Enter a finite number."
    if isinstance(value, int) and not -INT64 <= value < INT64:
        return "This number is too large: at most 64 bits are kept."
    if isinstance(value, str) and _UNKEEPABLE.search(value):
        return "This holds a character that cannot be kept."
    if isinstance(value, dict) and value.keys() >= {"$ref", "$id"}:
        return "“$ref” beside “$id” cannot be kept: MongoDB takes the two for a reference of its own."
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((why for part in parts if (why := unkeepable(part, depth + 1))), "")


def keepable(text: str) -> str:
    """A text as MongoDB keeps it: lone surrogates and NUL, which it would refuse, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def shown(value: Any) -> str:
    """A value as text for a page or a form."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
