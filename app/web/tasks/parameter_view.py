"""The value of a parameter on the page of a task: models as pairs, rows as a table, files as links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.http.sending import as_json
from app.web.results.nodes import MOST_ROWS, NONE, Node, SavedFile, label, node

Stored = Mapping[str, StoredFile]


def node_of(each: Field, value: Any, files: Stored) -> Node:
    """The node of a value that was given for a field; one that does not fit it is shown as it is."""
    if each.kind.is_model and isinstance(value, Mapping):
        return Node("pairs", items=_parts(each, value, files))
    if each.kind.is_rows and _is_list_of(value, Mapping):
        return _of_rows(each, value, files)
    if each.kind.takes_files and value:
        return _of_files(value, files)
    if each.kind.is_json and isinstance(value, (dict, list)) and value:
        return Node("block", as_json(value))  # as it is, for its keys are data
    return node(_spoken(each, value), 1)


def _spoken(each: Field, value: Any) -> Any:
    """A value as a person would write it: a duration in words, a choice by its label."""
    if each.of and isinstance(value, list):
        return [_spoken(each.of, one) for one in value]
    if (written := each.kind.written(value)) is not None:
        return written
    return _chosen(value, dict(each.choices))


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, kind) for each in value)


def _parts(model: Field, value: Mapping[str, Any], files: Stored) -> list[tuple[str, Node]]:
    """The parts in the order of the form; what a type does not have any more comes last."""
    known = [each for each in model.children if each.name in value]
    others = [name for name in value if name not in {each.name for each in known}]
    return [(each.title, node_of(each, value[each.name], files)) for each in known] + [
        (label(name), node(value[name], 1)) for name in others
    ]


def _of_rows(each: Field, rows: list[Mapping[str, Any]], files: Stored) -> Node:
    """A table where every part is one value, else a list of rows."""
    more = max(0, len(rows) - MOST_ROWS)
    whole = [_parts(each, row, files) for row in rows[:MOST_ROWS]]
    if any(part.kind.is_group for part in each.children):
        return Node("list", items=[("", Node("pairs", items=row)) for row in whole], more=more)
    columns = list(dict.fromkeys(title for row in whole for title, _ in row))
    cells = [[dict(row).get(title, Node("text", "–")) for title in columns] for row in whole]
    return Node("table", columns=columns, rows=cells, more=more)


def _of_files(value: Any, files: Stored) -> Node:
    ids = value if isinstance(value, list) else [value]
    nodes = [_of_file(str(one), files) for one in ids]
    return Node("list", items=[("", each) for each in nodes]) if isinstance(value, list) else nodes[0]


def _of_file(file_id: str, files: Stored) -> Node:
    file = files.get(file_id)
    if file is None:
        return Node("text", file_id or NONE)
    saved = SavedFile(str(file.id), file.name, file.size, file.sha256, file.content_type)
    return Node("upload", file.name, file=saved)


def _chosen(value: Any, labels: Mapping[str, str]) -> Any:
    """A choice by the words of its form."""
    if isinstance(value, list):
        return [_chosen(each, labels) for each in value]
    return labels.get(value, value) if isinstance(value, str) else value
