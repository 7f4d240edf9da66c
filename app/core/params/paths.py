"""Parameters that have parts: models, rows of models, and the flat names under which a form sends them.

A part is named by its path: ``address.street``, ``people.0.name``. :func:`laid_out` makes one flat list of a
tree of fields, so that whatever reads or shows a field needs to know no tree; :func:`gathered` makes the tree
of the values again. How one text is read is a matter of its kind (`kinds`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.params.fields import Field
from app.core.params.kinds.files import MOST_ITEMS as MOST_ITEMS
from app.core.params.kinds.parts import NUMBER

RowsOf = Callable[[str], Sequence[str]]
"""The names of the rows that stand at a path, in their order: numbers, as a rule."""


# Fields


def laid_out(fields: Iterable[Field], rows: RowsOf, within: str = "") -> list[Field]:
    """Every field under its path, in the order of the page; a model and rows stand before their parts."""
    return list(_laid_out(fields, rows, within))


def _laid_out(fields: Iterable[Field], rows: RowsOf, within: str) -> Iterator[Field]:
    for field in fields:
        path = within + field.name
        yield replace(field, name=path)
        for inner in _insides(field, path, rows):
            yield from _laid_out(_with_defaults(field), rows, inner)


def _insides(field: Field, path: str, rows: RowsOf) -> list[str]:
    """What the paths of the parts begin with: once for a model, per row for rows of one."""
    if not field.kind.is_group:
        return []
    return [f"{path}.{row}." for row in rows(path)] if field.kind.several else [f"{path}."]


def _with_defaults(model: Field) -> Iterable[Field]:
    """The fields of a model; where a whole one is its default, that one's values are theirs."""
    given = model.default if isinstance(model.default, Mapping) else {}
    return [replace(child, default=given.get(child.name, child.default)) for child in model.children]


def at(fields: Iterable[Field], path: Sequence[str | int]) -> tuple[str, Field | None]:
    """The innermost field on a path, and the path to it: what is wrong in a list is wrong with the list.

    Without a field, the path ends in a name that nothing has.
    """
    name, rest = str(path[0]), path[1:]
    found = next((field for field in fields if field.name == name), None)
    row = 1 if found is not None and found.kind.several else 0
    if found is None or not found.kind.is_group or len(rest) <= row:
        return name, found
    inner, field = at(found.children, rest[row:])
    return ".".join([name, *map(str, rest[:row]), inner]), field


def every(fields: Iterable[Field], within: str = "") -> Iterator[tuple[str, Field]]:
    """Each field of a tree with its path; one of a row is named without a number: ``people.name``."""
    for field in fields:
        yield within + field.name, field
        yield from every(field.children, f"{within}{field.name}.")


# What came under the names of a form


def rows_among(sent: Mapping[str, Sequence[str]]) -> RowsOf:
    """The rows that the names speak of, or the texts at the path of the rows itself, by their number.

    A row of which a browser sends nothing else (all its switches are off) is known by such a text.
    """
    found: dict[str, set[str]] = {}
    for name, texts in sent.items():
        parts = name.split(".")
        found.setdefault(name, set()).update(text for text in texts if NUMBER.fullmatch(text))
        for place, part in enumerate(parts[1:-1], 1):
            if NUMBER.fullmatch(part):
                found.setdefault(".".join(parts[:place]), set()).add(part)
    ordered = {path: sorted(numbers, key=int) for path, numbers in found.items() if numbers}
    return lambda path: ordered.get(path, [])


@dataclass(frozen=True)
class Renumbered:
    """What was sent, by new paths, and the new path for each old one."""

    sent: dict[str, list[str]]
    paths: dict[str, str]


def renumbered(
    fields: Iterable[Field],
    sent: Mapping[str, Sequence[str]],
    kept: Callable[[Field, str, Sequence[str]], Sequence[str]],
) -> Renumbered:
    """Rows counted from 0, in their order; ``kept`` says which ones stay at a path."""
    rows = rows_among(sent)
    new = Renumbered({}, {})

    def walk(fields: Iterable[Field], old: str, now: str) -> None:
        for field in fields:
            was, path = old + field.name, now + field.name
            new.paths[was] = path
            if was in sent:
                new.sent[path] = list(sent[was])
            if field.kind.is_model:
                walk(field.children, f"{was}.", f"{path}.")
            elif field.kind.is_rows:
                staying = kept(field, was, rows(was))
                new.sent[path] = [str(number) for number in range(len(staying))]
                for number, row in enumerate(staying):
                    walk(field.children, f"{was}.{row}.", f"{path}.{number}.")

    walk(fields, "", "")
    return new


# Values


def gathered(
    fields: Iterable[Field], values: Mapping[str, Any], rows: RowsOf, within: str = ""
) -> dict[str, Any]:
    """The tree of the values that are known by path; a group that is given is True there."""
    found = {}
    for field in fields:
        path = within + field.name
        if path not in values:
            continue
        value = values[path]
        if field.kind.is_group and value is True:
            parts = [gathered(field.children, values, rows, inner) for inner in _insides(field, path, rows)]
            value = parts if field.kind.several else parts[0]
        found[field.name] = value
    return found


def flattened(
    fields: Iterable[Field],
    values: Mapping[str, Any],
    within: str = "",
    least: Callable[[Field], int] = lambda _field: 0,
) -> dict[str, Any]:
    """The reverse: each value by its path, without those that are not there. Nothing in it is trusted.

    A model is whether it is given, rows are their numbers; ``least`` says how many there are to be of them.
    """
    found: dict[str, Any] = {}
    for field in fields:
        path, value = within + field.name, values.get(field.name, field.default)
        if field.kind.is_model:
            found[path] = not field.nullable or isinstance(value, Mapping)
            parts = value if isinstance(value, Mapping) else {}
            found |= flattened(_with_defaults(field), parts, f"{path}.", least)
        elif field.kind.is_rows:
            whole = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
            whole += [{}] * (least(field) - len(whole))
            found[path] = [str(number) for number in range(len(whole))]
            for number, row in enumerate(whole):
                found |= flattened(field.children, row, f"{path}.{number}.", least)
        elif field.name in values:
            found[path] = value
    return found


def file_ids(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids in the fields that take files, by path; only of those that are given."""
    flat = flattened(fields, values)
    found = {}
    for field in laid_out(fields, lambda path: flat.get(path, ())):
        given = flat.get(field.name)
        if field.kind.takes_files and given:
            found[field.name] = [str(one) for one in (given if isinstance(given, list) else [given])]
    return found


def with_groups(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path, and that the groups on their way are given."""
    groups = {name[: dot.start()]: True for name in values for dot in re.finditer(r"\.", name)}
    return {**groups, **values}


def filled(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the defaults of the fields where there are none, also within models and rows."""
    known = {field.name: field for field in fields}
    whole = {name: item.default for name, item in known.items() if _has_default(item)} | dict(values)
    return {name: _filled(known.get(name), value) for name, value in whole.items()}


def _has_default(field: Field) -> bool:
    """A default made by a factory is not in the schema: the function fills it in itself."""
    return not field.required and (field.default is not None or field.nullable)


def _filled(field: Field | None, value: Any) -> Any:
    if field is not None and field.kind.is_model and isinstance(value, dict):
        return filled(field.children, value)
    if field is not None and field.kind.is_rows and isinstance(value, list):
        return [filled(field.children, row) if isinstance(row, dict) else row for row in value]
    return value
