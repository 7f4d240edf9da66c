"""What is typed into the search box: words, and filters as `name:value`, the same as those of an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.core.errors import BadSearch
from app.core.tasks.states import Status

QUALIFIERS: Mapping[str, str] = MappingProxyType(
    {
        "status": "status",
        "priority": "priority",
        "type": "type",
        "owner": "owner",
        "worker": "worker",
        "tag": "tag",
        "batch": "batch",
        "child_of": "child_of",
        "error": "error_words",
        "after": "created_from",
        "before": "created_before",
        "finished_after": "finished_from",
        "finished_before": "finished_before",
    }
)
"""The names that can be typed, each with the name of its filter."""

SEVERAL = frozenset({"status"})
"""The filters that take several values, joined by commas."""

# A name of one letter is the drive of a path, and `//` follows it in an address.
_PART = re.compile(r'(?:(?P<name>[A-Za-z][A-Za-z_]+):(?!//))?(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')
_LABELS = {status.label.lower(): status.value for status in Status}


@dataclass(frozen=True)
class Typed:
    """What was typed: ``words`` to look for, and ``filters``, name to text."""

    words: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> Typed:
    """Return the words and filters of a search. Raises BadSearch for an unknown or a repeated filter."""
    words: list[str] = []
    filters: dict[str, str] = {}
    for part in _PART.finditer(text):
        name, value = part["name"], part["bare"] if part["quoted"] is None else part["quoted"]
        if not name:
            words.append(part[0])  # With its quotes, as it may be read again.
            continue
        found = QUALIFIERS.get(name.lower())
        if found is None:
            raise BadSearch(
                f"There is no filter “{name[:40]}”. Use {', '.join(QUALIFIERS)}, or put the text in quotes."
            )
        if found in filters and found not in SEVERAL:
            raise BadSearch(f"Use “{name.lower()}:” once.")
        filters[found] = ",".join([*filter(None, [filters.get(found)]), _value(found, value)])
    return Typed(" ".join(words).strip() if filters else text.strip(), filters)


def _value(name: str, text: str) -> str:
    """Return the value as an address has it: choices in lower case, statuses by what the pages call them."""
    if name == "status":
        return ",".join(_LABELS.get(one, one) for one in text.lower().split(","))
    return text.lower() if name == "priority" else text
