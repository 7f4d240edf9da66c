"""Dates and times in a form of one's own, such as %d.%m.%Y: a cell must be written exactly so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

_YEARS, _MONTHS, _DAYS, _CLOCK = {"Y", "y"}, {"m", "b", "B"}, {"d"}, {"H", "I", "M", "S", "p"}
KNOWN = "%Y, %y, %m, %b, %B, %d, %H, %I, %M, %S and %p"


_DATED = "a date needs a year, a month and a day, as in %d.%m.%Y."
_TIMED = "a time needs an hour and a minute, as in %H:%M, or in %I:%M %p."


def _uses(letters: str) -> dict[str, Any]:
    return {"pattern": f"%[{letters}]"}


def _all_or_none(*used: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"allOf": [*used]}, {"not": {"anyOf": [*used]}}]}


FORM: list[tuple[dict[str, Any], str]] = [
    ({"pattern": r"^(?:[^%]|%[YymbBdHIMSp])*$"}, f"a letter after % is not known; there are {KNOWN}."),
    (_all_or_none(_uses("Yy"), _uses("mbB"), _uses("d")), _DATED),
    (
        {
            "allOf": [
                _all_or_none(_uses("HI"), _uses("M")),
                _all_or_none(_uses("I"), _uses("p")),
                {"pattern": "%[dM]"},
            ]
        },
        _TIMED,
    ),
]
"""What :func:`format_problem` says, as JSON Schema, for a form that judges it before a task is created."""


def format_problem(form: str) -> str | None:
    """What is wrong with a form, or None."""
    used = re.findall(r"%(.?)", form)
    unknown = [f"%{letter}" for letter in used if letter not in _YEARS | _MONTHS | _DAYS | _CLOCK]
    if unknown:
        return f"{unknown[0]} is not known; there are {KNOWN}."
    dated = [bool(parts & set(used)) for parts in (_YEARS, _MONTHS, _DAYS)]
    if any(dated) and not all(dated):
        return _DATED
    hour, minute = bool({"H", "I"} & set(used)), "M" in used
    whole_time = hour == minute
    clock_is_clear = ("I" in used) == ("p" in used)
    something = all(dated) or minute
    return None if whole_time and clock_is_clear and something else _TIMED


def in_form(cell: pl.Expr, form: str) -> pl.Expr:
    """Whether a cell is a date or time in this form; one that is there, and with all of its zeros."""
    used = set(re.findall(r"%(.)", form))
    if not used & _CLOCK:
        read = cell.str.to_date(form, strict=False)
    elif used & _YEARS:
        read = cell.str.to_datetime(form, strict=False)
    else:
        read = cell.str.to_time(form, strict=False)
    return read.dt.strftime(form) == cell
