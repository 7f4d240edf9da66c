"""How a value of unknown shape is shown: a result or a parameter becomes a tree of plain nodes.

Scalars are text, a dictionary is pairs, a list of dictionaries (or a dictionary of alike ones) is a
table, a dictionary in its cells is a line, long text is a block, and what `ctx.save_file` returned is a
file. Templates draw the nodes; nothing here makes HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.quantities import number
from app.core.secrets.secret import MASK, is_sealed
from app.http.sending import as_json

DEEPEST = 5
MOST_ROWS = 100
MOST_COLUMNS = 30
MOST_TEXT = 200_000
LONG = 160
SHORT = 40
NONE = "none"
_WORDS = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_SPELLED = {"id": "ID", "sha256": "SHA-256", "url": "URL", "csv": "CSV", "json": "JSON"}
_OF_A_FILE = {"file_id": r"[0-9a-f]{24}", "name": ".{1,255}", "sha256": "[0-9a-f]{64}", "content_type": ".*"}


@dataclass(frozen=True)
class SavedFile:
    """A file that a task saved, as its result names it; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True)
class Node:
    """``kind`` is text, number, block, pairs, table, list, file, upload.

    ``more`` counts what is left out, ``wider`` the columns of a table that are, ``cut`` those of a text.
    """

    kind: str
    text: str = ""
    items: list[tuple[str, Node]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[list[Node]] = field(default_factory=list)
    more: int = 0
    wider: int = 0
    cut: int = 0
    file: SavedFile | None = None


def node(value: Any, depth: int = 0) -> Node:
    """The node of any value that JSON can hold; a sealed secret is hidden."""
    if is_sealed(value):
        return Node("text", MASK)
    if isinstance(value, (Mapping, list, tuple)) and not value:
        return Node("text", NONE)
    if file := saved_file(value):
        return Node("file", file.name, file=file)
    if isinstance(value, Mapping):
        return _of_mapping(value, depth) if depth < DEEPEST else _json(value)
    if isinstance(value, (list, tuple)):
        return _of_list(value, depth) if depth < DEEPEST else _json(value)
    if isinstance(value, str):
        kind = "block" if "\n" in value or len(value) > LONG else "text"
        return Node(kind, value[:MOST_TEXT] or "–", cut=max(0, len(value) - MOST_TEXT))
    if isinstance(value, bool):
        return Node("text", "yes" if value else "no")
    return Node("text", "–") if value is None else Node("number", number(value))


def label(key: str) -> str:
    """`rows_in` becomes "Rows in"; anything that is not such a name stays as it is."""
    if not _WORDS.match(key):
        return key
    text = " ".join(_SPELLED.get(word, word) for word in key.split("_"))
    return text[0].upper() + text[1:]


def labels(keys: Sequence[str], depth: int) -> dict[str, str]:
    """Keys below the top may be data (columns, say): they stay as they are unless all look like names."""
    named = depth == 0 or all(_WORDS.match(key) for key in keys)
    return {key: label(key) if named else key for key in keys}


def saved_file(value: Any) -> SavedFile | None:
    """What `ctx.save_file` returned, where a value is that and nothing else."""
    if not isinstance(value, Mapping) or value.keys() != {*_OF_A_FILE, "size"}:
        return None
    texts = {name: value[name] for name in _OF_A_FILE if isinstance(value[name], str)}
    known = [name for name, text in texts.items() if re.fullmatch(_OF_A_FILE[name], text)]
    if len(known) < len(_OF_A_FILE) or not isinstance(value["size"], int):
        return None
    return SavedFile(value["file_id"], value["name"], value["size"], value["sha256"], value["content_type"])


def _scalar(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple)) and not (
        isinstance(value, str) and len(value) > LONG
    )


def _of_mapping(value: Mapping[str, Any], depth: int) -> Node:
    if len(value) > 1 and all(isinstance(inner, Mapping) and inner for inner in value.values()):
        alike = {tuple(inner) for inner in value.values()}
        if len(alike) == 1 and all(_scalar(cell) for inner in value.values() for cell in inner.values()):
            return _table([{"": key, **inner} for key, inner in value.items()], depth)
    shown = list(value.items())[:MOST_ROWS]
    names = labels([str(key) for key, _ in shown], depth)
    items = [(names[str(key)], node(inner, depth + 1)) for key, inner in shown]
    return Node("pairs", items=items, more=len(value) - len(shown))


def _of_list(value: Sequence[Any], depth: int) -> Node:
    if all(isinstance(item, Mapping) for item in value) and not all(map(saved_file, value)):
        return _table(value, depth)
    texts = [node(item, depth + 1).text for item in value[:MOST_ROWS] if _scalar(item)]
    if all(_scalar(item) for item in value) and all(len(text) <= SHORT for text in texts):
        return Node("text", ", ".join(texts), more=max(0, len(value) - MOST_ROWS))
    shown = [("", node(item, depth + 1)) for item in value[:MOST_ROWS]]
    return Node("list", items=shown, more=max(0, len(value) - MOST_ROWS))


def _table(rows: Sequence[Mapping[str, Any]], depth: int) -> Node:
    names = list(dict.fromkeys(str(name) for row in rows[:MOST_ROWS] for name in row))
    shown = names[:MOST_COLUMNS]
    return Node(
        "table",
        columns=[label(name) for name in shown],
        rows=[[cell(row.get(name), depth + 2) for name in shown] for row in rows[:MOST_ROWS]],
        more=max(0, len(rows) - MOST_ROWS),
        wider=len(names) - len(shown),
    )


def cell(value: Any, depth: int) -> Node:
    """A dictionary of scalars in one line, "trimmed 12, missing 3"; anything else as everywhere."""
    if isinstance(value, Mapping) and value and not saved_file(value) and all(map(_scalar, value.values())):
        shown = list(value.items())[:MOST_COLUMNS]
        texts = [f"{_spaced(str(key))} {node(inner, depth).text}" for key, inner in shown]
        return Node("text", ", ".join(texts), more=len(value) - len(shown))
    return node(value, depth)


def _spaced(key: str) -> str:
    return key.replace("_", " ") if _WORDS.match(key) else key


def _json(value: Any) -> Node:
    text = as_json(value)
    return Node("block", text[:MOST_TEXT], cut=max(0, len(text) - MOST_TEXT))
