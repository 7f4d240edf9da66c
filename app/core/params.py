"""Typed parameters: from input to values, and values held against the schema of a task type.

:func:`from_form` reads what a browser sent for the `fields`, and :func:`validate` holds values (from a
form, JSON or a command line) against the schema. A message stands beside its field and says what is
expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jsonschema.exceptions import ValidationError

from app.core import kinds, limits
from app.core.errors import Invalid
from app.core.fields import Field, describe
from app.core.kinds import MAX_TEXT
from app.core.secrets import Secret, forged, marked, revealed
from app.core.values import unkeepable

__all__ = ["MAX_TEXT", "from_form", "validate"]
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
                values[each.name] = Secret(value) if each.kind == "secret" and value else value
    return values, problems


def _read(each: Field, texts: list[str]) -> Any:
    if each.kind == "bool":
        unset = each.nullable and texts == [""]
        return None if unset else bool(texts and texts[-1] not in ("", "false", "0"))
    if each.kind == "choices":
        return [kinds.choice(each, text) for text in texts if text] or _none(each)
    if each.kind == "datetime" and len(texts) == 2:  # the second is its zone
        texts = [" ".join(texts)] if texts[0].strip() else []
    if len(texts) > 1:
        raise ValueError("One value is expected here, and several came.")
    text = texts[0].replace("\r\n", "\n") if texts else ""
    if each.kind == "list":
        return _lines(each, text) or _none(each)
    if not text.strip() and (each.kind not in ("text", "textarea") or each.required or each.nullable):
        return _empty(each)
    return kinds.read(each, text)


def _lines(each: Field, text: str) -> list[Any]:
    """The entries of a list, one a line. Raises ValueError naming the line that is wrong."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"At most {MAX_TEXT:,} characters are taken here.")
    of = each.of or each
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(_fitting(of, kinds.read(of, line.strip())))
            except ValueError as error:
                raise ValueError(f"Line {number}: {error}") from None
    return values


def _fitting(of: Field, value: Any) -> Any:
    """An entry within its limits. Raises ValueError."""
    for error in limits.Validator(of.schema).iter_errors(value):
        raise ValueError(_sentence(error, of))
    return value


def _none(each: Field) -> list[str] | None:
    """No choice and no line: None where the schema has it, which often means "all"."""
    return None if each.nullable else []


def _empty(each: Field) -> Any:
    if each.required:
        raise ValueError("Please choose a file." if each.kind == "file" else "This is needed.")
    if each.nullable:
        return None
    if each.kind in kinds.NOUNS and each.default is not None:
        raise ValueError(kinds.needed(each))
    return _MISSING


# Values against the schema


def validate(schema: dict[str, Any], values: Any) -> dict[str, Any]:
    """The values with defaults filled in, and what the schema calls a secret as a `Secret`.

    Raises Invalid with a sentence for each field that is wrong; none repeats a value.
    """
    if not isinstance(values, dict):
        raise Invalid("An object of parameters is expected.")
    fields = {each.name: each for each in describe(schema)}
    given = {name: each.default for name, each in fields.items() if _has_default(each)} | values
    problems = {name: why for name, value in given.items() if (why := unkeepable(value) or forged(value))}
    filled = revealed({name: value for name, value in given.items() if name not in problems})
    problems |= {name: why for name, value in filled.items() if (why := unkeepable(value))}
    if problems:
        raise Invalid("Some parameters need another look.", problems)
    for error in limits.Validator(schema).iter_errors(filled):
        for name in _blamed(error):
            problems.setdefault(name, _sentence(error, fields.get(name)))
    if problems:
        raise Invalid("Some parameters need another look.", problems)
    checked: dict[str, Any] = marked(schema, filled)
    return checked


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
    place, each = _place(error, each)
    return place + (error.message if limits.own(error) else _said(error, each))


def _place(error: ValidationError, each: Field) -> tuple[str, Field]:
    """Where in a value it is wrong, and what stands there."""
    inside = list(error.absolute_path)[1:]
    if each.of and inside:
        return f"Entry {int(inside[0]) + 1}: ", each.of
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in inside).lstrip(".")
    if each.kind != "json" or not path:
        return "", each
    schema: Any = error.schema
    return f"At {path[:60]}: ", replace(each, schema=schema)


def _said(error: ValidationError, each: Field) -> str:
    """What the schema expects where a value breaks one of its rules."""
    limit = error.validator_value
    form = f". {each.help}" if each.help else f" ({limit})."
    sentences = {
        "required": "This is needed.",
        "minimum": f"{limit} or more is expected.",
        "maximum": f"{limit} or less is expected.",
        "exclusiveMinimum": f"More than {limit} is expected.",
        "exclusiveMaximum": f"Less than {limit} is expected.",
        "minLength": f"At least {limit} characters are expected.",
        "maxLength": f"At most {limit} characters are taken.",
        **dict.fromkeys(("minItems", "minProperties"), f"At least {limit} are expected."),
        **dict.fromkeys(("maxItems", "maxProperties"), f"At most {limit} are taken."),
        "uniqueItems": "Each may be given once.",
        "pattern": "This does not have the form that is expected" + form,
        "enum": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
        "const": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
    }
    return sentences.get(str(error.validator), kinds.expected(each))
