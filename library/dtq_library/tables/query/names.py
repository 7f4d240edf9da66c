"""What tables and their columns are called in a query.

A table is ``a``, ``b`` and so on in the order of the files, and also what its file is called, where that is a
name in SQL and no other table's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from string import ascii_lowercase

from dtq_library.tables.io.sniff import uncompressed_name

MOST_TABLES = 10
LETTERS = ascii_lowercase[:MOST_TABLES]
_WORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column columns concurrently constraint create cross default
    deferrable desc describe distinct do else end except false fetch for foreign freeze from full
    generated glob group having ilike in initially inner intersect into is isnull join lambda
    lateral leading left like limit map natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning
    right select semi show similar some struct summarize symmetric table tablesample then to
    trailing true try_cast tuple union unique unpack unpivot using variadic verbose when where
    window with
"""
RESERVED = frozenset(_WORDS.split())
"""Words of SQL that name no table without quotation marks."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")


def aliases(files: Sequence[str]) -> dict[str, str]:
    """The letters of tables by the other names that they have."""
    stems = [PurePath(uncompressed_name(name)).stem for name in files]
    times = Counter(stem.lower() for stem in stems)
    return {
        stem: letter
        for letter, stem in zip(LETTERS, stems, strict=False)
        if _NAME.match(stem)
        and times[stem.lower()] == 1
        and stem.lower() not in RESERVED
        and stem.lower() not in LETTERS
    }


def column_names(names: Sequence[str]) -> list[str]:
    """The names with ``_2``, ``_3`` and so on where SQL, which knows no case, would see one name twice."""
    given = {name.lower() for name in names}
    taken: set[str] = set()
    found = []
    for name in names:
        number, free = 1, name
        while free.lower() in taken or (number > 1 and free.lower() in given):
            number += 1
            free = f"{name}_{number}"
        taken.add(free.lower())
        found.append(free)
    return found


def renamed_notes(file: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """A sentence for each column that is not called as in its file."""
    return [
        f"{file}: upper and lower case do not differ in SQL, so column {old} is called {new}."
        for old, new in zip(before, after, strict=True)
        if old != new
    ]
