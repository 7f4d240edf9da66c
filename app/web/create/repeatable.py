"""Rows of a form: one more, one less, and those that nobody filled in.

A row that is as a new one is, and lacks what it needs, is left out when the form is sent, unless so many are
asked for. What was typed is texts by path here, as a browser sends them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from app.core.errors import BadQuery
from app.core.params.fields import Field
from app.core.params.paths import MOST_ITEMS, at, laid_out, renumbered, rows_among
from app.web.create.uploads import Texts

CHANGE = "row"
_WISH = re.compile(r"add:([A-Za-z0-9_.]{1,300})|remove:([A-Za-z0-9_.]{1,300})\.([0-9]{1,6})")


def least(each: Field) -> int:
    """How many rows a new form shows: as many as are needed, or one where a list is asked for at all."""
    return min(MOST_ITEMS, max(each.min_items or 0, 1 if each.required and not each.nullable else 0))


def most(each: Field) -> int:
    return MOST_ITEMS if each.max_items is None else min(MOST_ITEMS, each.max_items)


def token(path: str) -> str:
    """What stands for the number of a new row in the template of the script, at each depth another one."""
    return f"~row{len(re.findall(r'[.](?:[0-9]+|~row[0-9]~)', path)) + 1}~"


def without_numbers(path: str) -> str:
    """`people.0.photo` is `people.photo`: the parameter, whichever row it is in."""
    return re.sub(r"\.(?:[0-9]+|~row[0-9]~)(?=\.)", "", path)


def spoken(fields: Iterable[Field], path: str) -> str:
    """A path as people say it: `People, row 1, Name`."""
    words: list[str] = []
    parts = path.split(".")
    for place, part in enumerate(parts):
        if part.isdigit():
            words.append(f"row {int(part) + 1}")
        else:
            found = at(fields, parts[: place + 1])[1]
            words.append(found.title if found else part)
    return ", ".join(words)


# Sent


def compact(
    fields: Sequence[Field], texts: Texts, problems: Mapping[str, str]
) -> tuple[Texts, dict[str, str]]:
    """The texts and problems without rows that nobody filled in, the others counted from 0."""
    among = rows_among(texts)

    def kept(each: Field, path: str, rows: Sequence[str]) -> list[str]:
        spare = len(rows) - (each.min_items or 0)
        left = []
        for row in reversed(rows):
            if (
                spare > 0
                and _needs(each.children)
                and _is_blank(laid_out(each.children, among, f"{path}.{row}."), texts, problems)
            ):
                spare -= 1
            else:
                left.append(row)
        return left[::-1]

    new = renumbered(fields, texts, kept)
    return new.sent, {new.paths.get(path, path): why for path, why in problems.items()}


def _is_blank(row: Iterable[Field], texts: Texts, problems: Mapping[str, str]) -> bool:
    """Whether a row is as a new one is."""
    return all(
        each.name not in problems and each.kind.untouched(each, texts.get(each.name, ())) for each in row
    )


def _needs(fields: Iterable[Field]) -> bool:
    """Whether something has to be filled in."""
    return any(
        _needs(each.children) if each.kind.is_model else each.required and not each.kind.always_answered
        for each in fields
        if not each.nullable
    )


# One more, one less


def changed(
    fields: Sequence[Field],
    texts: Texts,
    problems: Mapping[str, str],
    wanted: str,
    blank: Callable[[Field, str], Texts],
) -> tuple[Texts, dict[str, str], str]:
    """Texts and problems with a row more or less, and the path to look at then; ``blank`` makes a new row.

    Raises BadQuery for an unknown change, or for rows that are not there.
    """
    adding, path, row = _wish(wanted)
    each = next((one for one in laid_out(fields, rows_among(texts)) if one.name == path), None)
    if each is None or not each.kind.is_rows:
        raise BadQuery("There are no such rows in this form.")
    rows = list(rows_among(texts)(path))
    if adding and len(rows) < most(each):
        row = str(int(rows[-1]) + 1 if rows else 0)
        texts = {**texts, **blank(each, f"{path}.{row}."), path: [*rows, row]}
    elif not adding:
        texts = {name: given for name, given in texts.items() if not name.startswith(f"{path}.{row}.")}
        texts[path] = [one for one in rows if one != row]
    new = renumbered(fields, texts, lambda each, path, rows: rows)
    left = {new.paths[name]: why for name, why in problems.items() if name in new.paths}
    place = new.paths[path]
    return new.sent, left, _look_at(place, rows, new.sent[place], row)


def _wish(wanted: str) -> tuple[bool, str, str]:
    """Whether to add, the path of the rows, and the number of the one to remove. Raises BadQuery."""
    match = _WISH.fullmatch(wanted)
    if match is None:
        raise BadQuery("A row can be added or removed, and this was neither.")
    return (True, match[1], "") if match[1] else (False, match[2], match[3])


def _look_at(path: str, before: Sequence[str], rows: Sequence[str], row: str) -> str:
    """The new row, or the one that is now in the place of the removed one; without any, all of them."""
    place = before.index(row) if row in before else len(rows) - 1
    return f"{path}.{min(place, len(rows) - 1)}" if rows else path
