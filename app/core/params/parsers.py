"""One typed text as a value, and a value as text again, for each kind of field.

A reader takes the field and the text, and raises ValueError with a sentence for the person. What is
empty, or made of several texts, is a matter of `validate`; limits are a matter of `constraints`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from app.core.params.fields import Field
from app.core.params.formats import json_text
from app.core.params.formats.plain_values import shown
from app.core.params.formats.text_formats import WRITTEN, rewritten

MAX_TEXT = 100_000
NOUNS = {"int": "A number", "float": "A number", "json": "JSON"} | {
    kind: about.noun for kind, about in WRITTEN.items()
}
_EXPECTED = {
    "int": "Enter a whole number.",
    "float": "Enter a number.",
    "bool": "Choose yes or no.",
    "file": "Enter the ID of an uploaded file.",
    "files": "Enter a list of IDs of uploaded files.",
    "model": "Enter an object.",
    "rows": "Enter a list of objects.",
    "list": "Enter a list.",
    "choices": "Enter a list.",
}


def read(each: Field, text: str) -> Any:
    """The value that a text means. Raises ValueError."""
    return READERS.get(each.kind, _text)(each, text)


def text_of(each: Field, value: Any) -> str:
    """A value as :func:`read` takes it."""
    if each.kind == "json":
        return json_text.write(value)
    written = rewritten(each.kind, value)
    return shown(value) if written is None else written


def needed(each: Field) -> str:
    """The sentence for an empty field that is required: `Enter a number from 1 to 5.`"""
    within = f" {each.bounds}" if each.bounds else ""
    noun = NOUNS[each.kind]
    return f"Enter {noun if noun.isupper() else noun[0].lower() + noun[1:]}{within}."


def expected(each: Field) -> str:
    """The sentence for a value of another kind."""
    if each.kind == "json":
        return _SHAPES.get(each.schema.get("type", ""), "Enter JSON.")
    if each.kind in WRITTEN:
        return WRITTEN[each.kind].expected
    return _EXPECTED.get(each.kind, "Enter text.")


_SHAPES = {
    "object": 'Enter an object, such as {"name": "value"}.',
    "array": "Enter a list in brackets, such as [1, 2].",
}


def _int(each: Field, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text.strip()):
        within = f" {each.bounds}" if each.bounds else ""
        raise ValueError(f"Enter a whole number{within}, such as 3.")
    return int(text)


def _float(each: Field, text: str) -> float:
    try:
        value = float(text if text.isascii() and "_" not in text else "nan")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        within = f" {each.bounds}" if each.bounds else ""
        raise ValueError(f"Enter a number{within}, such as 2.5.")
    return value


def choice(each: Field, text: str) -> Any:
    """One of the choices, with its type. Raises ValueError."""
    for value in each.schema.get("enum", [each.schema.get("const")]):
        if str(value) == text:
            return value
    raise ValueError("Please choose one of: " + ", ".join(label for _, label in each.choices) + ".")


def _text(each: Field, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"Use {MAX_TEXT:,} characters or fewer.")
    if "\x00" in text:
        raise ValueError("A NUL character cannot be kept.")
    return text


def _written(each: Field, text: str) -> str:
    about = WRITTEN[each.kind]
    return about.store(about.read(text.strip()))


def _json(each: Field, text: str) -> Any:
    return json_text.read(text)


READERS: dict[str, Callable[[Field, str], Any]] = {
    "int": _int,
    "float": _float,
    "choice": choice,
    "json": _json,
    **dict.fromkeys(WRITTEN, _written),
}
