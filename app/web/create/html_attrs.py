"""What the HTML of an input says about its field: type, limits, step, pattern.

A browser shows nothing in a number, date or time input whose text it cannot read. Such a text, and one
that it would round, stands in a plain line, so that nothing typed is lost.
"""

from __future__ import annotations

import re
from typing import Any

from app.core.params.constraints import is_multiple
from app.core.params.fields import Field
from app.core.params.formats.plain_values import shown

_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?"
_NUMBER = r"(?=.{1,17}\Z)-?([0-9]+(\.[0-9]+)?|\.[0-9]+)"
NATIVE = {
    "int": ("number", _NUMBER),
    "float": ("number", rf"{_NUMBER}|-?[0-9.]+e[+-]?[0-9]+"),
    "decimal": ("number", _NUMBER),
    "date": ("date", r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "time": ("time", _CLOCK),
    "datetime": ("datetime-local", rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}"),
    "email": ("email", r"[^\s]*"),
    "url": ("url", r"[^\s]*"),
}
NUMBERS = ("int", "float", "decimal")
PLACEHOLDERS = {"duration": "1h 30m", "url": "https://", "email": "name@example.com"}
AREAS = ("textarea", "list", "json")
MOST_LENGTH = 2**31 - 1


def attributes(field: Field, text: str) -> dict[str, Any]:
    """What the tag of an input or a text area has besides its name and value."""
    if field.kind in AREAS:
        return _lengths(field) if field.kind == "textarea" else _area(field)
    native, form = NATIVE.get(field.kind, ("text", ""))
    if text and form and not re.fullmatch(form, text, re.IGNORECASE):
        native = "text"
    said = {"type": native} | _lengths(field) | _pattern(field)
    if field.kind in NUMBERS:
        said |= {"inputmode": "decimal"} if native == "text" else {"step": _step(field, text)}
    if native in ("time", "datetime-local"):
        said["step"] = "0.001" if "." in text else "1"
    if native in ("number", "date", "time"):
        limits = {"min": shown(field.minimum), "max": shown(field.maximum)}
        said |= {name: limit for name, limit in limits.items() if limit}
    placeholder = PLACEHOLDERS.get(field.kind)
    return said | ({"placeholder": placeholder} if placeholder else {})


def _area(field: Field) -> dict[str, Any]:
    return {"data-json": "", "spellcheck": "false"} if field.kind == "json" else {}


def _lengths(field: Field) -> dict[str, Any]:
    lengths = {"minlength": field.schema.get("minLength"), "maxlength": field.schema.get("maxLength")}
    return {name: limit for name, limit in lengths.items() if limit and limit <= MOST_LENGTH}


def _step(field: Field, text: str) -> str:
    """The step where a browser, which counts from the minimum or else from the text, would count alike."""
    otherwise = "1" if field.kind == "int" else "any"
    step = field.schema.get("multipleOf", field.schema.get("formatMultipleOf"))
    if step is None:
        places = field.schema.get("decimalPlaces")
        step = None if places is None else format(10**-places, f".{places}f")
    start = shown(field.minimum) or text or "0"
    try:
        return otherwise if step is None or not is_multiple(start, step) else shown(step)
    except ValueError:
        return otherwise


# Where JavaScript's regular expressions (with the flag v) and Python's mean the same: plain letters and
# signs, groups, ranges in brackets, numbers of times. `\d`, `\w` and `.` take other letters there.
_SIGN = r"[A-Za-z0-9_ @,:;=%#<>!~-]|\\[.+*?/()\[\]{}|^$\\]"
_RANGE = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_ @,.:;%#]|\\[\-.\]\[])+\]"
_TIMES = r"(?:[*+?]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})?"
_SIMPLE = re.compile(rf"\^((?:(?:{_SIGN}|{_RANGE}){_TIMES}|\((?:\?:)?|\){_TIMES}|\|)*)\$")
_DOUBLED = re.compile(r"([@,.:;%#~<>=!])\1")  # which mean something else in a range


def _pattern(field: Field) -> dict[str, str]:
    """The pattern for a browser, which takes it for the whole text."""
    simple = _SIMPLE.fullmatch(field.schema.get("pattern", ""))
    if simple is None or _DOUBLED.search(simple[1]) or _chooses_at_the_top(simple[1]):
        return {}
    return {"pattern": simple[1]}


def _chooses_at_the_top(pattern: str) -> bool:
    """Whether `|` stands outside of every group, where `^` and `$` would be parts of the choice."""
    depth = 0
    for char in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            return True
    return False
