"""Keys of a result that become the same text in JSON, of which only the last would be left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_jsonable_python

SAME_KEYS = 'two keys of a dictionary are the same text in JSON: "{key}". Use texts that differ.'


def colliding_key(result: Any, value: Any) -> str | None:
    """Return such a key of a result, as text; None without one. ``value`` is the result as JSON has it."""
    if isinstance(value, dict) and isinstance(result, Mapping):
        if len(result) != len(value):
            return _same(result)
        pairs = zip(result.values(), value.values(), strict=True)
    elif isinstance(value, list) and isinstance(result, Sequence) and len(result) == len(value):
        pairs = zip(result, value, strict=True)
    else:
        return None
    for inner, made in pairs:
        # A large result is nearly all texts and numbers, and a call for every one of them is slow.
        if isinstance(made, dict | list) and (key := colliding_key(inner, made)) is not None:
            return key
    return None


def _same(result: Mapping[Any, Any]) -> str:
    counts = Counter(next(iter(to_jsonable_python({key: None}))) for key in result)
    return str(counts.most_common(1)[0][0])
