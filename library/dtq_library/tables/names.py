"""Names of columns: tidy, unique, never empty; and finding the column that a person means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from difflib import get_close_matches

from dtq import Fail

_SHOWN = 30


def tidy_names(headers: Sequence[str], *, snake_case: bool) -> list[str]:
    """One name for each header, in order. Unique: a name that is taken gets ``_2``, ``_3`` and so on.

    Without ``snake_case`` a header keeps its letters; only whitespace is trimmed and collapsed, because a
    line break in a name breaks more than it says. A header without a name becomes ``column_<position>``, and
    so does one that is a pattern.
    """
    names: dict[str, None] = {}
    for position, header in enumerate(headers, start=1):
        name = " ".join(header.split())
        name = _snake_case(name) if snake_case else name
        if not name or is_pattern(name):
            name = f"column_{position}"
        names[_free(name, names)] = None
    return list(names)


def is_pattern(name: str) -> bool:
    """Whether Polars would take a name for several: ``*`` is every column, ``^a.*$`` those that begin so."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def find_columns(wanted: Iterable[str], names: Sequence[str], headers: Sequence[str]) -> list[str]:
    """The names of the wanted columns, which may be called by their tidy name or by their original header.

    Raises Fail for one that is neither, with the nearest name that there is.
    """
    by_header = {" ".join(header.split()): name for header, name in zip(headers, names, strict=True)}
    known = by_header | {name: name for name in names}
    found = []
    for name in wanted:
        key = " ".join(name.split())
        if key not in known:
            raise unknown_column(key, names, known)
        found.append(known[key])
    return list(dict.fromkeys(found))


def _snake_case(name: str) -> str:
    """``Unit price (EUR)`` and ``unitPriceEUR`` become ``unit_price_eur``; letters of any script stay."""
    parted = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", unicodedata.normalize("NFC", name))
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parted)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def _free(name: str, taken: Container[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def unknown_column(wanted: str, names: Sequence[str], known: Iterable[str] = ()) -> Fail:
    """The refusal of a column that is not there; ``known`` are other names that would do."""
    spellings = {name.lower(): name for name in (*names, *known)}
    near = get_close_matches(wanted.lower(), spellings, n=1)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Fail(
        f"There is no column named {wanted}. "
        + (f"Did you mean {spellings[near[0]]}? " if near else "")
        + f"The columns are: {', '.join(names[:_SHOWN])}{more}."
    )
