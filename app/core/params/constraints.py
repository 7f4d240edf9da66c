"""Limits of values: judged by the schema that a worker published. `phrases` says them in words.

JSON Schema has no limits for dates, durations and decimals, which are text to it. Workers publish them
as `formatMinimum`, `formatMaximum`, `formatExclusiveMinimum`, `formatExclusiveMaximum` (the words that
validators for JavaScript use), `formatMultipleOf`, `maxDigits`, `decimalPlaces` and `schemes`. Which formats
there are is for the kinds of fields to say: `kinds.judge` puts the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import Any, Protocol

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from app.core.params import line_grammar
from app.core.params.formats import patterns
from app.core.params.schema_parts import Schema

Errors = Iterator[ValidationError]
Check = Callable[[Any, Any, Any, Schema], Errors]
_STANDARD: Mapping[str, Check] = Draft202012Validator.VALIDATORS
STEPS_MOST = 10**28  # Python's decimals, with which pydantic divides, have 28 digits.


class Format(Protocol):
    """What values of a format are: stored as text, but of an order of their own."""

    @property
    def is_time(self) -> bool:
        """Whether values are points in time."""

    def load(self, text: str) -> Any:
        """Return the value of a stored text. Raises ValueError with a sentence."""

    def write(self, value: Any) -> str:
        """Return the text that a person reads."""


class Judge:
    """Holds values against schemas, the texts of each format as the values that they are."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._formats = formats
        self._validator = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema types nothing here
            Draft202012Validator,
            {
                "format": self._format,
                "pattern": _pattern,
                "patternProperties": _pattern_properties,
                "additionalProperties": _additional_properties,
                "$ref": _reference,
                "formatMinimum": self._ordered(ge, "Enter {} or more.", "Enter {} or later."),
                "formatMaximum": self._ordered(le, "Enter {} or less.", "Enter {} or earlier."),
                "formatExclusiveMinimum": self._ordered(gt, "Enter more than {}.", "Must be later than {}."),
                "formatExclusiveMaximum": self._ordered(
                    lt, "Enter less than {}.", "Must be earlier than {}."
                ),
                "multipleOf": _multiple,
                "formatMultipleOf": self._decimal_multiple,
                "maxDigits": self._max_digits,
                "decimalPlaces": self._decimal_places,
                "schemes": _schemes,
                "lines": self._lines,
                "checks": _checks,
            },
        )
        self._without_unevaluated = validators.extend(
            self._validator, {"unevaluatedProperties": _undecidable}
        )  # type: ignore[no-untyped-call]  # as above
        self._last: tuple[Schema | None, Any] = (None, None)

    def judge(self, schema: Schema) -> Any:
        """Return the validator of a schema; it fetches nothing, wherever a `$ref` points to.

        That of the last schema is kept, for thousands of rows that are held against the same one.
        """
        known, validator = self._last
        if known is not schema:
            words = str(schema)
            both = "unevaluatedProperties" in words and "patternProperties" in words
            kind = self._without_unevaluated if both else self._validator
            validator = kind(schema, registry=Registry())
            self._last = schema, validator
        return validator

    def fits(self, schema: Mapping[str, Any], text: str) -> bool:
        """Return whether a text is one of a schema. Raises Undecided."""
        for error in self.judge(dict(schema)).iter_errors(text):
            if error.validator == "patternUndecided":
                raise patterns.Undecided(error.message)
            return False
        return True

    def _about(self, schema: Schema) -> Format | None:
        return self._formats.get(schema.get("format", ""))

    def _loaded(self, schema: Schema, text: Any) -> Any:
        """The value behind a stored text; None where it is of another kind, which `type` or `format` says."""
        about = self._about(schema)
        try:
            return about.load(text) if about and isinstance(text, str) else None
        except ValueError:
            return None

    def _format(self, validator: Any, name: Any, instance: Any, schema: Schema) -> Errors:
        about = self._about(schema)
        if about and isinstance(instance, str):
            try:
                about.load(instance)
            except ValueError as error:
                yield ValidationError(str(error))
        elif name == patterns.FORMAT and isinstance(instance, str) and (why := patterns.problem(instance)):
            yield ValidationError(why)

    def _ordered(self, fits: Callable[[Any, Any], bool], number: str, moment: str) -> Check:
        def check(validator: Any, limit: Any, instance: Any, schema: Schema) -> Errors:
            about, value = self._about(schema), self._loaded(schema, instance)
            bound = self._loaded(schema, limit)
            if about and value is not None and bound is not None and not fits(value, bound):
                yield ValidationError((moment if about.is_time else number).format(about.write(bound)))

        return check

    def _decimal_multiple(self, validator: Any, step: Any, instance: Any, schema: Schema) -> Errors:
        value = self._loaded(schema, instance)
        if value is None:
            return
        if abs(Fraction(value) / Fraction(step)) >= STEPS_MOST:
            yield ValidationError(f"This number is too large for steps of {step}.")
        elif not is_multiple(value, step):
            yield ValidationError(f"Enter a multiple of {step}.")

    def _max_digits(self, validator: Any, most: Any, instance: Any, schema: Schema) -> Errors:
        value = self._loaded(schema, instance)
        if value is not None and _digit_counts(value)[0] > most:
            yield ValidationError(f"Use {most} digits or fewer.")

    def _decimal_places(self, validator: Any, most: Any, instance: Any, schema: Schema) -> Errors:
        value = self._loaded(schema, instance)
        if value is not None and _digit_counts(value)[1] > most:
            yield ValidationError(f"Use {most} digits or fewer after the decimal point.")

    def _lines(self, validator: Any, grammar: Any, instance: Any, schema: Schema) -> Errors:
        """One error that names every line that is wrong, so that nobody has to send a form once per line."""
        if isinstance(instance, list):
            lines = list(enumerate(map(str, instance), 1))
        elif isinstance(instance, str):
            lines = list(enumerate(instance.split("\n"), 1))
        else:
            return
        try:
            if found := line_grammar.problems(grammar, lines, self.fits):
                alone = (
                    isinstance(instance, str) and schema.get("format") != "textarea" and list(found) == [1]
                )
                yield ValidationError(found[1] if alone else line_grammar.told(found))
        except patterns.Undecided as undecided:
            yield ValidationError(str(undecided))


def is_multiple(value: Any, step: Any) -> bool:
    """Whether a number is a multiple of another, both taken as they are written: 0.3 is one of 0.1."""
    return bool((Fraction(str(value)) / Fraction(str(step))).denominator == 1)


def _multiple(validator: Any, step: Any, instance: Any, schema: Schema) -> Errors:
    if validator.is_type(instance, "number") and not is_multiple(instance, step):
        yield ValidationError(f"Enter a multiple of {step}.")


def _digit_counts(value: Decimal) -> tuple[int, int]:
    """How many digits there are in all, and after the point; zeros at the end do not count."""
    whole, _, after = format(abs(value), "f").partition(".")
    after = after.rstrip("0")
    return len(whole.lstrip("0") + after), len(after)


def _schemes(validator: Any, allowed: Any, instance: Any, schema: Schema) -> Errors:
    if isinstance(instance, str) and instance.partition(":")[0].lower() not in allowed:
        schemes = " or ".join(f"{scheme}://" for scheme in allowed)
        yield ValidationError(f"Enter a URL that begins with {schemes}.")


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Schema) -> Errors:
    """Judge a text that is not too long anyway."""
    if not isinstance(instance, str) or len(instance) > schema.get("maxLength", len(instance)):
        return
    try:
        if not patterns.matches(pattern, instance):
            yield ValidationError("The pattern is not found.")
    except patterns.Undecided as undecided:
        yield ValidationError(str(undecided), validator="patternUndecided")


def _pattern_properties(validator: Any, found: Any, instance: Any, schema: Schema) -> Errors:
    if not isinstance(instance, dict):
        return
    for pattern, part in found.items():
        for name, value in instance.items():
            try:
                if patterns.matches(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)
            except patterns.Undecided as undecided:
                yield ValidationError(str(undecided), validator="patternUndecided")


def _additional_properties(validator: Any, rest: Any, instance: Any, schema: Schema) -> Errors:
    """Judge the names that no pattern matches; jsonschema would match them by Python's `re`."""
    others, named = instance, schema.get("patternProperties", {})
    if named and isinstance(instance, dict):
        try:
            others = {
                name: value
                for name, value in instance.items()
                if not any(patterns.matches(pattern, name) for pattern in named)
            }
        except patterns.Undecided as undecided:
            yield ValidationError(str(undecided), validator="patternUndecided")
            return
    yield from _STANDARD["additionalProperties"](validator, rest, others, {**schema, "patternProperties": {}})


def _undecidable(validator: Any, rest: Any, instance: Any, schema: Schema) -> Errors:
    """Refuse what jsonschema could only decide by Python's `re`, which has no time limit."""
    yield ValidationError(
        "This field cannot be checked: its schema has both “unevaluatedProperties” and “patternProperties”.",
        validator="patternUndecided",
    )


def _reference(validator: Any, reference: Any, instance: Any, schema: Schema) -> Errors:
    patterns.count_reference()
    yield from _STANDARD["$ref"](validator, reference, instance, schema)


def _checks(validator: Any, checks: Any, instance: Any, schema: Schema) -> Errors:
    """Conditions on several parameters at once; each names the one that it is said beside."""
    for check in checks:
        if validator.evolve(schema=check["wrong"]).is_valid(instance):
            yield ValidationError(check["sentence"], path=[check["field"]])


OWN = ("format", "patternUndecided", "multipleOf", "maxDigits", "decimalPlaces", "schemes", "lines", "checks")


def own(error: ValidationError) -> bool:
    """Whether the message of an error is a sentence of ours."""
    return str(error.validator).startswith("format") or error.validator in OWN
