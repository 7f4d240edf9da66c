"""Limits of values: judged by the schema that a worker published, and said in words.

JSON Schema has no limits for dates, durations and decimals, which are text to it. Workers publish them
as `formatMinimum`, `formatMaximum`, `formatExclusiveMinimum`, `formatExclusiveMaximum` (the words that
validators for JavaScript use), `formatMultipleOf`, `maxDigits`, `decimalPlaces` and `schemes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from app.core.params import line_grammar
from app.core.params.fields import Field
from app.core.params.formats import patterns
from app.core.params.formats.text_formats import FORMATS, WRITTEN, Written
from app.core.params.parsers import NOUNS

Errors = Iterator[ValidationError]
Check = Callable[[Any, Any, Any, dict[str, Any]], Errors]
STEPS_MOST = 10**28  # Python's decimals, with which pydantic divides, have 28 digits.


def words(each: Field) -> str:
    """The limits of a field in sentences, or nothing."""
    if each.kind == "list" and each.of:
        inner = words(each.of)
        each_one = f"Each: {inner[0].lower()}{inner[1:]}" if inner else ""
        return " ".join(part for part in (_entries(each.schema), each_one) if part)
    if each.kind in ("files", "rows"):
        return _entries(each.schema, each.kind.removesuffix("s"))
    if each.kind in ("choice", "choices", "file", "bool", "url", "model"):
        return _entries(each.schema) if each.kind == "choices" else ""
    bounds = f"{NOUNS[each.kind]} {each.bounds}." if each.bounds and each.kind in NOUNS else ""
    sentences = (bounds, _steps(each.schema), _digits(each.schema), _length(each), _form(each))
    return " ".join(part for part in (*sentences, _entries(each.schema)) if part)


def _steps(schema: dict[str, Any]) -> str:
    step = schema.get("multipleOf", schema.get("formatMultipleOf", 1))
    return f"A multiple of {step}." if step != 1 else ""


def _digits(schema: dict[str, Any]) -> str:
    places, digits = schema.get("decimalPlaces"), schema.get("maxDigits")
    after = (
        "" if places is None else f"at most {places} after the point" if places else "none after the point"
    )
    if digits is None:
        return f"Digits: {after}." if after else ""
    return f"At most {digits} digits{', ' + after if after else ''}."


def _length(each: Field) -> str:
    """That a needed text has a character goes without saying."""
    least = each.schema.get("minLength")
    said = None if least == 1 and each.required else least
    return _between(said, each.schema.get("maxLength"), "character")


def _entries(schema: dict[str, Any], noun: str = "entry") -> str:
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


def _form(each: Field) -> str:
    """The pattern itself, where the type says nothing better."""
    pattern = each.schema.get("pattern", "")
    return f"In the form `{pattern}`." if pattern and "`" not in pattern and not each.help else ""


# Judged


def _about(schema: dict[str, Any]) -> Written | None:
    return WRITTEN.get(FORMATS.get(schema.get("format", ""), ""))


def _loaded(schema: dict[str, Any], text: Any) -> Any:
    """The value behind a kept text; None where it is of another kind, which `type` or `format` says."""
    about = _about(schema)
    try:
        return about.load(text) if about and isinstance(text, str) else None
    except ValueError:
        return None


def _format(validator: Any, name: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    about = _about(schema)
    if about and isinstance(instance, str):
        try:
            about.load(instance)
        except ValueError as error:
            yield ValidationError(str(error))
    elif name == patterns.FORMAT and isinstance(instance, str) and (why := patterns.problem(instance)):
        yield ValidationError(why)


def _ordered(fits: Callable[[Any, Any], bool], number: str, moment: str) -> Check:
    def check(validator: Any, limit: Any, instance: Any, schema: dict[str, Any]) -> Errors:
        about, value, bound = _about(schema), _loaded(schema, instance), _loaded(schema, limit)
        if about and value is not None and bound is not None and not fits(value, bound):
            yield ValidationError((moment if about.later else number).format(about.write(bound)))

    return check


def is_multiple(value: Any, step: Any) -> bool:
    """Whether a number is a multiple of another, both taken as they are written: 0.3 is one of 0.1."""
    return bool((Fraction(str(value)) / Fraction(str(step))).denominator == 1)


def _multiple(validator: Any, step: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    if validator.is_type(instance, "number") and not is_multiple(instance, step):
        yield ValidationError(f"Enter a multiple of {step}.")


def _decimal_multiple(validator: Any, step: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    value = _loaded(schema, instance)
    if value is None:
        return
    if abs(Fraction(value) / Fraction(step)) >= STEPS_MOST:
        yield ValidationError(f"This number is too large for steps of {step}.")
    elif not is_multiple(value, step):
        yield ValidationError(f"Enter a multiple of {step}.")


def _digit_counts(value: Decimal) -> tuple[int, int]:
    """How many digits there are in all, and after the point; zeros at the end do not count."""
    whole, _, after = format(abs(value), "f").partition(".")
    after = after.rstrip("0")
    return len(whole.lstrip("0") + after), len(after)


def _max_digits(validator: Any, most: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    value = _loaded(schema, instance)
    if value is not None and _digit_counts(value)[0] > most:
        yield ValidationError(f"Use {most} digits or fewer.")


def _decimal_places(validator: Any, most: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    value = _loaded(schema, instance)
    if value is not None and _digit_counts(value)[1] > most:
        yield ValidationError(f"Use {most} digits or fewer after the decimal point.")


def _schemes(validator: Any, allowed: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    if isinstance(instance, str) and instance.partition(":")[0].lower() not in allowed:
        yield ValidationError(
            f"Enter a URL that begins with {' or '.join(f'{each}://' for each in allowed)}."
        )


def _pattern(validator: Any, pattern: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    """Judge a text that is not too long anyway."""
    if not isinstance(instance, str) or len(instance) > schema.get("maxLength", len(instance)):
        return
    try:
        if not patterns.matches(pattern, instance):
            yield ValidationError("The pattern is not found.")
    except patterns.Undecided as undecided:
        yield ValidationError(str(undecided), validator="patternUndecided")


def _pattern_properties(validator: Any, found: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    if not isinstance(instance, dict):
        return
    for pattern, part in found.items():
        for name, value in instance.items():
            try:
                if patterns.matches(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)
            except patterns.Undecided as undecided:
                yield ValidationError(str(undecided), validator="patternUndecided")


def _lines(validator: Any, grammar: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    """One error that names every line that is wrong, so that nobody has to send a form once per line."""
    if isinstance(instance, list):
        lines = list(enumerate(map(str, instance), 1))
    elif isinstance(instance, str):
        lines = list(enumerate(instance.split("\n"), 1))
    else:
        return
    try:
        if found := line_grammar.problems(grammar, lines, fits):
            alone = isinstance(instance, str) and schema.get("format") != "textarea" and list(found) == [1]
            yield ValidationError(found[1] if alone else line_grammar.told(found))
    except patterns.Undecided as undecided:
        yield ValidationError(str(undecided))


def _checks(validator: Any, checks: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    """Conditions on several parameters at once; each names the one that it is said beside."""
    for check in checks:
        if validator.evolve(schema=check["wrong"]).is_valid(instance):
            yield ValidationError(check["sentence"], path=[check["field"]])


def fits(schema: Mapping[str, Any], text: str) -> bool:
    """Return whether a text is one of a schema. Raises Undecided."""
    for error in judge(dict(schema)).iter_errors(text):
        if error.validator == "patternUndecided":
            raise patterns.Undecided(error.message)
        return False
    return True


def judge(schema: dict[str, Any]) -> Any:
    """Return the validator of a schema; it fetches nothing, wherever a `$ref` points to."""
    return Validator(schema, registry=Registry())


Validator = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema types nothing here
    Draft202012Validator,
    {
        "format": _format,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "formatMinimum": _ordered(ge, "Enter {} or more.", "Enter {} or later."),
        "formatMaximum": _ordered(le, "Enter {} or less.", "Enter {} or earlier."),
        "formatExclusiveMinimum": _ordered(gt, "Enter more than {}.", "Must be later than {}."),
        "formatExclusiveMaximum": _ordered(lt, "Enter less than {}.", "Must be earlier than {}."),
        "multipleOf": _multiple,
        "formatMultipleOf": _decimal_multiple,
        "maxDigits": _max_digits,
        "decimalPlaces": _decimal_places,
        "schemes": _schemes,
        "lines": _lines,
        "checks": _checks,
    },
)
OWN = ("format", "patternUndecided", "multipleOf", "maxDigits", "decimalPlaces", "schemes", "lines", "checks")


def own(error: ValidationError) -> bool:
    """Whether the message of an error is a sentence of ours."""
    return str(error.validator).startswith("format") or error.validator in OWN
