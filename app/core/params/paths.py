"""Parameters that have parts: models, rows of models, and the flat names under which a form sends them.

A part is named by its path: ``address.street``, ``people.0.name``. :func:`laid_out` makes one flat list of a
tree of fields, so that whatever reads or shows a field needs to know no tree; :func:`gathered` makes the tree
of the values again. How one text is read stands in `parsers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.params.fields import Field

MOST_ITEMS = 100
"""How many rows or files a form takes for one parameter; a program may send more, as the schema says."""

NEEDED = "This field is required."
_NO_ENTRY = {"files": "Please choose a file.", "rows": "Please add a row."}
OFF = ("", "0", "false")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")

RowsOf = Callable[[str], Sequence[str]]
"""The names of the rows that stand at a path, in their order: numbers, as a rule."""


def is_group(each: Field) -> bool:
    """Whether a field is nothing but its parts."""
    return each.kind in ("model", "rows")


# Fields


def laid_out(fields: Iterable[Field], rows: RowsOf, within: str = "") -> list[Field]:
    """Every field under its path, in the order of the page; a model and rows stand before their parts."""
    return list(_laid_out(fields, rows, within))


def _laid_out(fields: Iterable[Field], rows: RowsOf, within: str) -> Iterator[Field]:
    for each in fields:
        path = within + each.name
        yield replace(each, name=path)
        if each.kind == "model":
            yield from _laid_out(_with_defaults(each), rows, f"{path}.")
        elif each.kind == "rows":
            for row in rows(path):
                yield from _laid_out(each.children, rows, f"{path}.{row}.")


def _with_defaults(model: Field) -> Iterable[Field]:
    """The fields of a model; where a whole one is its default, that one's values are theirs."""
    given = model.default if isinstance(model.default, Mapping) else {}
    return [replace(each, default=given.get(each.name, each.default)) for each in model.children]


def at(fields: Iterable[Field], path: Sequence[str | int]) -> tuple[str, Field | None]:
    """The innermost field on a path, and the path to it: what is wrong in a list is wrong with the list.

    Without a field, the path ends in a name that nothing has.
    """
    name, rest = str(path[0]), path[1:]
    found = next((each for each in fields if each.name == name), None)
    row = 1 if found is not None and found.kind == "rows" else 0
    if found is None or not is_group(found) or len(rest) <= row:
        return name, found
    inner, field = at(found.children, rest[row:])
    return ".".join([name, *map(str, rest[:row]), inner]), field


def every(fields: Iterable[Field], within: str = "") -> Iterator[tuple[str, Field]]:
    """Each field of a tree with its path; one of a row is named without a number: ``people.name``."""
    for each in fields:
        yield within + each.name, each
        yield from every(each.children, f"{within}{each.name}.")


# What came under the names of a form


def rows_among(sent: Mapping[str, Sequence[str]]) -> RowsOf:
    """The rows that the names speak of, or the texts at the path of the rows itself, by their number.

    A row of which a browser sends nothing else (all its switches are off) is known by such a text.
    """
    found: dict[str, set[str]] = {}
    for name, texts in sent.items():
        parts = name.split(".")
        found.setdefault(name, set()).update(text for text in texts if _NUMBER.fullmatch(text))
        for place, part in enumerate(parts[1:-1], 1):
            if _NUMBER.fullmatch(part):
                found.setdefault(".".join(parts[:place]), set()).add(part)
    ordered = {path: sorted(numbers, key=int) for path, numbers in found.items() if numbers}
    return lambda path: ordered.get(path, [])


def read_group(each: Field, texts: Sequence[str], rows: Sequence[str]) -> Any:
    """True for a model that is given and for rows, else what stands for it as it is. Raises ValueError."""
    if each.kind == "model":
        return True if not each.nullable or any(text not in OFF for text in texts) else None
    if not all(_NUMBER.fullmatch(text) for text in texts):
        raise ValueError("Enter the numbers of rows.")
    if len(rows) > MOST_ITEMS:
        raise ValueError(f"A form takes at most {MOST_ITEMS} rows; {len(rows):,} were sent.")
    if rows or each.nullable:
        return True if rows else None
    if each.needs_entry and each.min_items is None:  # a number of them is the schema's to say
        raise ValueError(no_entry(each))
    return []


def no_entry(each: Field) -> str:
    """The sentence for an empty list that is required."""
    return _NO_ENTRY.get(each.kind, NEEDED)


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
        for each in fields:
            was, path = old + each.name, now + each.name
            new.paths[was] = path
            if was in sent:
                new.sent[path] = list(sent[was])
            if each.kind == "model":
                walk(each.children, f"{was}.", f"{path}.")
            elif each.kind == "rows":
                staying = kept(each, was, rows(was))
                new.sent[path] = [str(number) for number in range(len(staying))]
                for number, row in enumerate(staying):
                    walk(each.children, f"{was}.{row}.", f"{path}.{number}.")

    walk(fields, "", "")
    return new


# Values


def gathered(
    fields: Iterable[Field], values: Mapping[str, Any], rows: RowsOf, within: str = ""
) -> dict[str, Any]:
    """The tree of the values that are known by path; a group by what :func:`read_group` said of it."""
    found = {}
    for each in fields:
        path = within + each.name
        if path not in values:
            continue
        value = values[path]
        if each.kind == "model" and value is True:
            value = gathered(each.children, values, rows, f"{path}.")
        elif each.kind == "rows" and value is True:
            value = [gathered(each.children, values, rows, f"{path}.{row}.") for row in rows(path)]
        found[each.name] = value
    return found


def flattened(
    fields: Iterable[Field],
    values: Mapping[str, Any],
    within: str = "",
    least: Callable[[Field], int] = lambda each: 0,
) -> dict[str, Any]:
    """The reverse: each value by its path, without those that are not there. Nothing in it is trusted.

    A model is whether it is given, rows are their numbers; ``least`` says how many there are to be of them.
    """
    found: dict[str, Any] = {}
    for each in fields:
        path, value = within + each.name, values.get(each.name, each.default)
        if each.kind == "model":
            found[path] = not each.nullable or isinstance(value, Mapping)
            parts = value if isinstance(value, Mapping) else {}
            found |= flattened(_with_defaults(each), parts, f"{path}.", least)
        elif each.kind == "rows":
            whole = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
            whole += [{}] * (least(each) - len(whole))
            found[path] = [str(number) for number in range(len(whole))]
            for number, row in enumerate(whole):
                found |= flattened(each.children, row, f"{path}.{number}.", least)
        elif each.name in values:
            found[path] = value
    return found


def file_ids(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids in the fields that take files, by path; only of those that are given."""
    flat = flattened(fields, values)
    found = {}
    for each in laid_out(fields, lambda path: flat.get(path, ())):
        given = flat.get(each.name)
        if each.kind in ("file", "files") and given:
            found[each.name] = [str(one) for one in (given if isinstance(given, list) else [given])]
    return found


def with_groups(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path, and that the groups on their way are given."""
    groups = {name[: dot.start()]: True for name in values for dot in re.finditer(r"\.", name)}
    return {**groups, **values}


def filled(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the defaults of the fields where there are none, also within models and rows."""
    known = {each.name: each for each in fields}
    whole = {name: each.default for name, each in known.items() if _has_default(each)} | dict(values)
    return {name: _filled(known.get(name), value) for name, value in whole.items()}


def _has_default(each: Field) -> bool:
    """A default made by a factory is not in the schema: the function fills it in itself."""
    return not each.required and (each.default is not None or each.nullable)


def _filled(each: Field | None, value: Any) -> Any:
    if each is not None and each.kind == "model" and isinstance(value, dict):
        return filled(each.children, value)
    if each is not None and each.kind == "rows" and isinstance(value, list):
        return [filled(each.children, row) if isinstance(row, dict) else row for row in value]
    return value
