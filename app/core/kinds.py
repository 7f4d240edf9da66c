"""One typed text as a value, and a value as text again, for each kind of field.

A reader takes the field and the text, and raises ValueError with a sentence for the person. What is
empty, or made of several texts, is a matter of `params`; limits are a matter of `limits`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from app.core import jsontext
from app.core.fields import Field
from app.core.values import shown
from app.core.written import WRITTEN, rewritten

MAX_TEXT = 100_000
NOUNS = {"int": "A number", "float": "A number", "json": "JSON"} | {
    kind: about.noun for kind, about in WRITTEN.items()
}
_EXPECTED = {
    "int": "A whole number is expected.",
    "float": "A number is expected.",
    "bool": "Yes or no is expected.",
    "file": "The id of an uploaded file is expected.",
    "files": "A list of ids of uploaded files is expected.",
    "model": "An object is expected.",
    "rows": "A list of objects is expected.",
    "list": "A list is expected.",
    "choices": "A list is expected.",
}


def read(each: Field, text: str) -> Any:
    """The value that a text means. Raises ValueError."""
    return READERS.get(each.kind, _text)(each, text)


def text_of(each: Field, value: Any) -> str:
    """A value as :func:`read` takes it."""
    if each.kind == "json":
        return jsontext.write(value)
    written = rewritten(each.kind, value)
    return shown(value) if written is None else written


def needed(each: Field) -> str:
    """The sentence for nothing where a value is needed: `A number from 1 to 5 is needed.`"""
    within = f" {each.bounds}" if each.bounds else ""
    return f"{NOUNS[each.kind]}{within} is needed."


def expected(each: Field) -> str:
    """The sentence for a value of another kind."""
    if each.kind == "json":
        return _SHAPES.get(each.schema.get("type", ""), "JSON is expected.")
    if each.kind in WRITTEN:
        return WRITTEN[each.kind].expected
    return _EXPECTED.get(each.kind, "Text is expected.")


_SHAPES = {
    "object": 'An object is expected, such as {"name": "value"}.',
    "array": "A list in brackets is expected, such as [1, 2].",
}


def _int(each: Field, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text.strip()):
        within = f" {each.bounds}" if each.bounds else ""
        raise ValueError(f"A whole number{within} is expected, such as 3.")
    return int(text)


def _float(each: Field, text: str) -> float:
    try:
        value = float(text if text.isascii() and "_" not in text else "nan")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        within = f" {each.bounds}" if each.bounds else ""
        raise ValueError(f"A number{within} is expected, such as 2.5.")
    return value


def choice(each: Field, text: str) -> Any:
    """One of the choices, with its type. Raises ValueError."""
    for value in each.schema.get("enum", [each.schema.get("const")]):
        if str(value) == text:
            return value
    raise ValueError("Please choose one of: " + ", ".join(label for _, label in each.choices) + ".")


def _text(each: Field, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"At most {MAX_TEXT:,} characters are taken here.")
    if "\x00" in text:
        raise ValueError("A NUL character cannot be kept.")
    return text


def _written(each: Field, text: str) -> str:
    about = WRITTEN[each.kind]
    return about.store(about.read(text.strip()))


def _json(each: Field, text: str) -> Any:
    return jsontext.read(text)


READERS: dict[str, Callable[[Field, str], Any]] = {
    "int": _int,
    "float": _float,
    "choice": choice,
    "json": _json,
    **dict.fromkeys(WRITTEN, _written),
}
