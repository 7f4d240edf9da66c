"""Which columns stay, in which order and under which names.

They are chosen by lines such as `id`, `qty as Quantity`, and `*` for all those that are not named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dtq import Fail
from dtq_library.tables.names import find_columns
from dtq_library.tables.rule_lines.lines import read_lines

CHOOSE = "Columns"


def choose_columns(names: Sequence[str], lines: Iterable[str], dropped: Iterable[str]) -> dict[str, str]:
    """The columns that stay, in their order, with their new names. Raises Fail for one that is not there."""
    gone = set(find_columns(dropped, names, names))
    left = [name for name in names if name not in gone]
    chosen = _chosen(left, lines)
    if not chosen:
        raise Fail(f"{CHOOSE}: no column is left; keep one at least.")
    for new in chosen.values():
        if list(chosen.values()).count(new) > 1:
            raise Fail(f"{CHOOSE}: two columns would be called {new}; give one of them another name.")
    return chosen


def _chosen(names: Sequence[str], lines: Iterable[str]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    stars = 0
    for line in read_lines(CHOOSE, lines):
        if line.text == "*":
            stars += 1
            wanted["*"] = "*"
            continue
        column, rest = line.column(names)
        found = re.fullmatch(r"(?:as\s+(.+))?", rest, re.DOTALL)
        if found is None:
            raise line.wrong("nothing, or as and a new name, was expected after the column.")
        if column in wanted:
            raise line.wrong(f"{column} is named twice.")
        wanted[column] = line.name(found[1]) if found[1] else column
    if not wanted:
        return {name: name for name in names}
    return _starred(names, wanted) if stars else wanted


def _starred(names: Sequence[str], wanted: dict[str, str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for name, new in wanted.items():
        if name == "*":
            chosen |= {other: other for other in names if other not in wanted}
        else:
            chosen[name] = new
    return chosen
