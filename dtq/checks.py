"""Conditions on several parameters at once, as data: `@task(checks=[Check(...)])`.

A check describes, as a JSON Schema of all parameters, when they are *wrong*. It is published with the type,
so a form says its sentence beside the field that it names before a task is created.

    from dtq.checks import Check, chosen, empty

    Check("address", "Enter an address to send the report to.", chosen(report="send"), empty("address"))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Wrong = dict[str, Any]
_NOTHING: Wrong = {"enum": [None, "", []]}


def empty(*names: str) -> Wrong:
    """All of these parameters are empty: no text, no file, no entry."""
    return {"properties": dict.fromkeys(names, _NOTHING)}


def given(*names: str) -> Wrong:
    """All of these parameters have a value."""
    return {"required": list(names), "properties": dict.fromkeys(names, {"not": _NOTHING})}


def chosen(**values: Any) -> Wrong:
    """These parameters have these values, or one of several where a list is given."""
    about = {
        name: {"enum": value} if isinstance(value, list) else {"const": value}
        for name, value in values.items()
    }
    return {"required": list(values), "properties": about}


@dataclass(frozen=True, init=False)
class Check:
    """The parameters are wrong where all of ``wrong`` hold; ``sentence`` stands beside ``field``."""

    field: str
    sentence: str
    wrong: tuple[Wrong, ...]

    def __init__(self, field: str, sentence: str, *wrong: Wrong) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "sentence", sentence)
        object.__setattr__(self, "wrong", wrong)

    @property
    def document(self) -> dict[str, Any]:
        """What is published."""
        return {"field": self.field, "sentence": self.sentence, "wrong": {"allOf": list(self.wrong)}}

    @property
    def names(self) -> set[str]:
        """The parameters that it is about."""
        return {self.field}.union(*(schema.get("properties", {}) for schema in self.wrong))
