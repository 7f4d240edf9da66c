"""Limits of a JSON Schema in sentences: before something is typed, and after a value broke one."""

from __future__ import annotations

from typing import Any

from jsonschema.exceptions import ValidationError

from app.core.params.schema_parts import Schema

NEEDED = "This field is required."


def steps(schema: Schema) -> str:
    """Return what numbers have to be a multiple of, or nothing."""
    step = schema.get("multipleOf", schema.get("formatMultipleOf", 1))
    return f"A multiple of {step}." if step != 1 else ""


def digits(schema: Schema) -> str:
    """Return how many digits a number may have, or nothing."""
    places, most = schema.get("decimalPlaces"), schema.get("maxDigits")
    after = (
        "" if places is None else f"at most {places} after the point" if places else "none after the point"
    )
    if most is None:
        return f"Digits: {after}." if after else ""
    return f"At most {most} digits{', ' + after if after else ''}."


def length(schema: Schema, *, required: bool) -> str:
    """Return how long a text may be; that a required text has a character goes without saying."""
    least = schema.get("minLength")
    return _between(None if least == 1 and required else least, schema.get("maxLength"), "character")


def entries(schema: Schema, noun: str = "entry") -> str:
    """Return how many entries there may be, or nothing."""
    least = schema.get("minItems", schema.get("minProperties"))
    return _between(least, schema.get("maxItems", schema.get("maxProperties")), noun)


def _between(least: int | None, most: int | None, noun: str) -> str:
    if least and most is not None:
        return f"From {least} to {_counted(most, noun)}." if least != most else f"{_counted(most, noun)}."
    if least:
        return f"At least {_counted(least, noun)}."
    return "" if most is None else f"At most {_counted(most, noun)}."


def _counted(count: int, noun: str) -> str:
    many = "entries" if noun == "entry" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"


def form(schema: Schema, explanation: str) -> str:
    """Return the pattern itself, where no ``explanation`` of the type says it better."""
    pattern = schema.get("pattern", "")
    return f"In the form `{pattern}`." if pattern and "`" not in pattern and not explanation else ""


def choose(labels: list[str]) -> str:
    """Return the sentence for a value that is not among the choices."""
    return "Please choose one of: " + ", ".join(labels) + "."


def figure(limit: Any) -> str:
    """Return a limit as help texts write it: 3,600."""
    return f"{limit:,}" if isinstance(limit, int | float) else str(limit)


def broken(error: ValidationError, explanation: str, labels: list[str], item: str) -> str:
    """Return what a schema expects where a value breaks one of its limits; nothing for any other rule.

    ``item`` is what entries are called, where they have a name.
    """
    limit = error.validator_value
    number = f"{figure(limit)} {item if limit == 1 else item + 's'}" if item else figure(limit)
    sentences = {
        "required": NEEDED,
        "minimum": f"Enter {figure(limit)} or more.",
        "maximum": f"Enter {figure(limit)} or less.",
        "exclusiveMinimum": f"Enter more than {figure(limit)}.",
        "exclusiveMaximum": f"Enter less than {figure(limit)}.",
        "minLength": f"Use {figure(limit)} characters or more.",
        "maxLength": f"Use {figure(limit)} characters or fewer.",
        **dict.fromkeys(("minItems", "minProperties"), f"Add at least {number}."),
        **dict.fromkeys(("maxItems", "maxProperties"), f"Use {number} or fewer."),
        "uniqueItems": "Each may be given once.",
        "pattern": "Wrong format" + (f". {explanation}" if explanation else f" ({limit})."),
        **dict.fromkeys(("enum", "const"), choose(labels)),
    }
    return sentences.get(str(error.validator), "")
