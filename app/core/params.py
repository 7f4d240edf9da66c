"""Typed parameters: from input to values, and values held against the schema of a task type.

:func:`from_form` reads what a browser sent for the `fields`, and :func:`validate` holds values (from a
form, JSON or a command line) against the schema. A message stands beside its field and says what is
expected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from app.core.errors import Invalid
from app.core.fields import Field, describe
from app.core.values import unkeepable

MAX_TEXT = 100_000
_MISSING = object()


# From a browser to values


def from_form(
    fields: Sequence[Field], sent: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and the sentence for each field that could not be read.

    ``sent`` maps a parameter's name to every text that came for it. A field that a browser leaves out
    when it is empty (a switch that is off, choices of which none is ticked) counts as empty.
    Raises Invalid for a name that is no parameter.
    """
    known = {each.name for each in fields}
    for name in sent:
        if name not in known:
            raise Invalid(f"There is no parameter “{name}”.")
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for each in fields:
        try:
            value = _read(each, list(sent.get(each.name, ())))
        except ValueError as error:
            problems[each.name] = str(error)
        else:
            if value is not _MISSING:
                values[each.name] = value
    return values, problems


def _read(each: Field, texts: list[str]) -> Any:
    if each.kind == "bool":
        unset = each.nullable and texts == [""]
        return None if unset else bool(texts and texts[-1] not in ("", "false", "0"))
    if each.kind == "choices":
        return [_choice(each, text) for text in texts if text] or _none(each)
    if len(texts) > 1:
        raise ValueError("One value is expected here, and several came.")
    text = texts[0].replace("\r\n", "\n") if texts else ""
    if each.kind == "list":
        return [line.strip() for line in _text(each, text).split("\n") if line.strip()] or _none(each)
    if not text.strip() and (each.kind not in ("text", "textarea") or each.required or each.nullable):
        return _empty(each)
    return {"int": _int, "float": _float, "choice": _choice}.get(each.kind, _text)(each, text)


def _none(each: Field) -> list[str] | None:
    """No choice and no line: None where the schema has it, which often means "all"."""
    return None if each.nullable else []


def _empty(each: Field) -> Any:
    if each.required:
        raise ValueError("Please choose a file." if each.kind == "file" else "This is needed.")
    if each.nullable:
        return None
    if each.kind in ("int", "float"):
        raise ValueError(f"A number {each.bounds} is needed." if each.bounds else "A number is needed.")
    return _MISSING


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


def _choice(each: Field, text: str) -> Any:
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


# Values against the schema


def validate(schema: dict[str, Any], values: Any) -> dict[str, Any]:
    """The values with defaults filled in.

    Raises Invalid with a sentence for each field that is wrong.
    """
    if not isinstance(values, dict):
        raise Invalid("An object of parameters is expected.")
    fields = {each.name: each for each in describe(schema)}
    filled = {name: each.default for name, each in fields.items() if _has_default(each)} | values
    problems = {name: why for name, value in filled.items() if (why := unkeepable(value))}
    if problems:
        raise Invalid("Some parameters need another look.", problems)
    for error in Draft202012Validator(schema).iter_errors(filled):
        for name in _blamed(error):
            problems.setdefault(name, _sentence(error, fields.get(name)))
    if problems:
        raise Invalid("Some parameters need another look.", problems)
    return filled


def _has_default(each: Field) -> bool:
    """A default made by a factory is not in the schema: the function fills it in itself."""
    return not each.required and (each.default is not None or each.nullable)


def _blamed(error: ValidationError) -> list[str]:
    if error.path:
        return [str(error.path[0])]
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "required":
        return [name for name in schema["required"] if name not in instance]
    if error.validator == "additionalProperties":
        return [name for name in instance if name not in schema.get("properties", {})]
    return [""]


def _sentence(error: ValidationError, each: Field | None) -> str:
    if each is None:
        return "There is no parameter of this name."
    if error.validator == "anyOf" and error.context:
        error = next((one for one in error.context if one.validator != "type"), error.context[0])
    limit = error.validator_value
    sentences = {
        "required": "This is needed.",
        "minimum": f"{limit} or more is expected.",
        "maximum": f"{limit} or less is expected.",
        "exclusiveMinimum": f"More than {limit} is expected.",
        "exclusiveMaximum": f"Less than {limit} is expected.",
        "multipleOf": f"A multiple of {limit} is expected.",
        "minLength": f"At least {limit} characters are expected.",
        "maxLength": f"At most {limit} characters are taken.",
        "minItems": f"At least {limit} are expected.",
        "maxItems": f"At most {limit} are taken.",
        "uniqueItems": "Each may be given once.",
        "pattern": f"This does not have the form that is expected ({limit}).",
        "enum": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
        "const": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
    }
    return sentences.get(str(error.validator), f"{_expected(each)} is expected.")


def _expected(each: Field) -> str:
    kinds = {
        "int": "A whole number",
        "float": "A number",
        "bool": "Yes or no",
        "file": "The id of an uploaded file",
    }
    return kinds.get(each.kind, "A list" if each.kind in ("list", "choices") else "Text")
