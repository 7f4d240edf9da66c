"""JSON as a tree of bounded size: every value with its type, branches with their count and path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MOST_TWIGS = 1_000
MOST_OF_ONE = 100
DEEPEST = 30
OPEN_BELOW = 2
MOST_CHARS = 500
MOST_OF_PREVIEW = 60
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass
class Twig:
    """``kind`` is object, list, string, number, boolean or null; ``more`` counts what a branch leaves out.

    ``text`` is the value of a leaf, and the first keys of an object.
    """

    key: str
    kind: str
    path: str
    text: str = ""
    count: int = 0
    open: bool = False
    twigs: list[Twig] = field(default_factory=list)
    more: int = 0
    cut: int = 0


def build(value: Any) -> Twig:
    """The tree of any value that JSON can hold."""
    return _twig("", value, "$", 0, [MOST_TWIGS])


def _twig(key: str, value: Any, path: str, depth: int, left: list[int]) -> Twig:
    """``left`` holds how many twigs may still be made; one list for the whole tree."""
    left[0] -= 1
    if isinstance(value, Mapping):
        inner = ((str(name), item, _step(path, str(name))) for name, item in value.items())
        keys = ", ".join(str(name) for name in islice(value, MOST_OF_PREVIEW))
        twig = Twig(key, "object", path, keys[:MOST_OF_PREVIEW], len(value))
        _add_twigs(twig, inner, depth, left)
        return twig
    if isinstance(value, (list, tuple)):
        inner = ((str(at), item, f"{path}[{at}]") for at, item in enumerate(value))
        twig = Twig(key, "list", path, count=len(value))
        _add_twigs(twig, inner, depth, left)
        return twig
    return _leaf(key, value, path)


def _add_twigs(twig: Twig, inner: Iterable[tuple[str, Any, str]], depth: int, left: list[int]) -> None:
    """Add twigs to this one, as long as any are ``left``."""
    twig.open = depth < OPEN_BELOW
    for key, item, path in islice(inner, MOST_OF_ONE if depth < DEEPEST else 0):
        if left[0] <= 0:
            break
        twig.twigs.append(_twig(key, item, path, depth + 1, left))
    twig.more = twig.count - len(twig.twigs)


def _leaf(key: str, value: Any, path: str) -> Twig:
    if value is None:
        return Twig(key, "null", path, "null")
    if isinstance(value, bool):
        return Twig(key, "boolean", path, "true" if value else "false")
    if isinstance(value, (int, float)):
        return Twig(key, "number", path, str(value))
    text = value if isinstance(value, str) else str(value)
    shown = json.dumps(text[:MOST_CHARS], ensure_ascii=False)
    return Twig(key, "string", path, shown, cut=max(0, len(text) - MOST_CHARS))


def _step(path: str, name: str) -> str:
    """`$.rows[0]["odd name"]`, as JSONPath and jq read it."""
    return f"{path}.{name}" if _PLAIN.match(name) else f"{path}[{json.dumps(name, ensure_ascii=False)}]"
