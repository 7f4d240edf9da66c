"""Which column goes to which parameter, and rows as requests for tasks.

A column finds its parameter by name or title; a person may choose otherwise. What no column gives is the same
for all rows. Files and secrets cannot come from a cell: a file is uploaded once for all rows, and a secret
must not lie in a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.access.batches import Row as Asked
from app.core.access.inputs import TaskRequest
from app.core.catalog import TaskType
from app.core.errors import BadQuery, Invalid
from app.core.params.fields import Field
from app.core.params.formats import json_text
from app.core.params.kinds.kind import MISSING
from app.core.params.paths import every
from app.core.tasks.task import NewTask
from app.web.batches.tables import ABSENT, Row, Table

PREFIX = "map-"
TITLE = "=title"
"""What stands for the title of the task among the parameters: no parameter has such a name."""


def from_cells(fields: Iterable[Field]) -> list[Field]:
    """Return the parameters that a column may give."""
    return [each for each in fields if not _has(each, files=True) and not _has(each, files=False)]


def _has(field: Field, *, files: bool) -> bool:
    """Return whether a parameter, or a part of it, is a file; or a secret."""
    return any(one.kind.takes_files if files else one.kind.is_secret for _, one in every([field]))


def takes_files(fields: Iterable[Field]) -> list[Field]:
    """Return the parameters that are files or have one."""
    return [each for each in fields if _has(each, files=True)]


def has_secret(fields: Iterable[Field]) -> list[Field]:
    """Return the parameters that are secrets or have one."""
    return [each for each in fields if _has(each, files=False)]


@dataclass(frozen=True)
class Columns:
    """For each column the name of its parameter, `TITLE`, or nothing."""

    targets: tuple[str, ...]

    @property
    def used(self) -> set[str]:
        """The parameters that a column gives."""
        return {target for target in self.targets if target and target != TITLE}

    @property
    def repeated(self) -> list[str]:
        """What more than one column would give."""
        chosen = [target for target in self.targets if target]
        return [target for target in dict.fromkeys(chosen) if chosen.count(target) > 1]


def automatic(columns: Sequence[str], fields: Sequence[Field]) -> Columns:
    """Map columns to parameters of the same name or title, each once."""
    names = {_plain(each.name): each.name for each in reversed(fields)}
    titles = {_plain(each.title): each.name for each in reversed(fields)}
    known = {"title": TITLE, "tasktitle": TITLE} | titles | names
    found: list[str] = []
    for column in columns:
        target = known.get(_plain(column), "")
        found.append("" if target in found else target)
    return Columns(tuple(found))


def _plain(text: str) -> str:
    return re.sub(r"\W|_", "", text).casefold()


def chosen(sent: Mapping[str, str], columns: Sequence[str], fields: Sequence[Field]) -> Columns:
    """Return what a form chose. Raises BadQuery for a parameter that is not offered."""
    offered = {"", TITLE, *(each.name for each in fields)}
    targets = tuple(sent.get(f"{PREFIX}{place}", "") for place in range(len(columns)))
    if not offered.issuperset(targets):
        raise BadQuery("A column was sent to a parameter that isn't offered. Open the page again.")
    return Columns(targets)


def shared_type(task_type: TaskType, mapping: Columns) -> TaskType:
    """Return the type with those parameters only that no column gives: they are the same for all rows."""
    schema, used = task_type.schema, mapping.used
    left = {name: about for name, about in schema.get("properties", {}).items() if name not in used}
    needed = [name for name in schema.get("required", ()) if name in left]
    whole = {word: about for word, about in schema.items() if word != "checks"}
    return replace(task_type, schema={**whole, "properties": left, "required": needed})


def requests(
    table: Table,
    mapping: Columns,
    fields: Sequence[Field],
    shared: Mapping[str, Any],
    new: NewTask,
    title: str,
) -> list[Asked]:
    """Return each row as it is asked for; ``new`` has what is not a parameter, ``title`` one for all rows."""
    known = {each.name: each for each in fields}
    return [_request(row, table.typed, mapping, known, shared, new, title) for row in table.rows]


def _request(
    row: Row,
    typed: bool,
    mapping: Columns,
    fields: Mapping[str, Field],
    shared: Mapping[str, Any],
    new: NewTask,
    title: str,
) -> Asked:
    if row.problem:
        return Invalid(row.problem)
    values, problems = dict(shared), {}
    own = ""
    for target, cell in _cells(mapping, row):
        if target == TITLE:
            own = "" if cell is ABSENT or cell is None else str(cell)
            continue
        try:
            value = _typed(fields[target], cell) if typed else _read(fields[target], cell)
        except ValueError as error:
            problems[f"params.{target}"] = str(error)
        else:
            if value is not MISSING:
                values[target] = value
    return TaskRequest(
        type=new.type,
        params=values,
        title=own or title or f"{new.title}, row {row.number}",
        priority=new.priority,
        tags=new.tags,
        run_at=new.run_at,
        max_attempts=new.max_attempts,
        timeout_s=new.timeout_s,
        private=new.private,
        unread=problems,
    )


def _cells(mapping: Columns, row: Row) -> Iterator[tuple[str, Any]]:
    return ((target, cell) for target, cell in zip(mapping.targets, row.cells, strict=True) if target)


def _typed(field: Field, cell: Any) -> Any:
    """Return the value of a row of JSON: null is an answer where the parameter has it."""
    return MISSING if cell is ABSENT or (cell is None and not field.nullable) else cell


def _read(field: Field, cell: str) -> Any:
    """Return the value of a cell of text; an empty one is not given. Raises ValueError."""
    if not cell.strip():
        if field.required and not field.kind.always_answered:
            raise ValueError(field.kind.missing)
        return MISSING
    if field.kind.is_group:
        return json_text.read(cell)
    text = cell if field.kind.blank_is_text else cell.strip()
    return field.kind.read(field, _entries(field, text))


def _entries(field: Field, text: str) -> list[str]:
    """Return a cell as a form would have sent it: several choices are on lines of their own, or by commas."""
    if field.kind.several:
        return field.kind.from_words(
            field, [part.strip() for part in re.split(r"[\n,;]", text) if part.strip()]
        )
    return field.kind.from_words(field, [text])
