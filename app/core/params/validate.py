"""Typed parameters: from input to values, and values held against the schema of a task type.

:func:`from_form` reads what a browser sent for the `fields`, and :func:`validate` holds values (from a
form, JSON or a command line) against the schema. A message stands beside its field and says what is
expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable

from app.core.errors import Invalid
from app.core.params.fields import Field, describe
from app.core.params.formats.patterns import limited
from app.core.params.formats.plain_values import unkeepable
from app.core.params.kinds.judge import judge
from app.core.params.kinds.kind import MAX_TEXT, MISSING
from app.core.params.paths import RowsOf, at, filled, flattened, gathered, laid_out, rows_among
from app.core.secrets.secret import forged, marked, revealed

__all__ = ["MAX_TEXT", "from_form", "read_laid_out", "validate"]


# From a browser to values


def from_form(
    fields: Sequence[Field], sent: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and the sentence for each field that could not be read, by its path (`paths`).

    ``sent`` maps a path to every text that came for it. A field that a browser leaves out
    when it is empty (a switch that is off, choices of which none is ticked) counts as empty; what came for
    a model that is not given is not looked at.
    Raises Invalid for a name that is no parameter.
    """
    rows = rows_among(sent)
    laid = laid_out(fields, rows)
    for name in sorted(sent.keys() - {field.name for field in laid}):
        raise Invalid(f"There is no parameter “{name[:80]}”.")
    values, problems = read_laid_out(laid, sent, rows)
    return gathered(fields, values, rows), problems


def read_laid_out(
    laid: Sequence[Field], sent: Mapping[str, Sequence[str]], rows: RowsOf
) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by path, and the sentence for each field that could not be read."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    off: tuple[str, ...] = ()
    for field in laid:
        if field.name.startswith(off):
            continue
        try:
            value = field.kind.read(field, list(sent.get(field.name, ())), rows(field.name))
        except ValueError as error:
            problems[field.name] = str(error)
        else:
            if value is not MISSING:
                values[field.name] = value
            if field.kind.is_group and value is None:
                off += (f"{field.name}.",)
    return values, problems


# Values against the schema


def validate(schema: dict[str, Any], values: Any, fields: Sequence[Field] | None = None) -> dict[str, Any]:
    """The values with defaults filled in, and what the schema calls a secret as a `Secret`.

    ``fields`` are those of the schema, where they are at hand.
    Raises Invalid with a sentence for each field that is wrong; none repeats a value.
    """
    if not isinstance(values, dict):
        raise Invalid("Enter an object of parameters.")
    fields = describe(schema) if fields is None else fields
    whole = filled(fields, values)
    _raise(_unfit(fields, whole, lambda value: unkeepable(value) or forged(value)))
    whole = revealed(whole)
    problems = _unfit(fields, whole, unkeepable)
    _raise(problems)
    errors = _errors(schema, whole)
    alone = [error for error in errors if error.validator != "checks"]
    for error in alone or errors:  # what several say together matters once each of them is right
        for path, reason in _blamed(error):
            name, field = at(fields, path or [""])
            problems.setdefault(name, _sentence(field, reason, name.count(".") + 1))
    _raise(problems or _without_entries(fields, whole))
    checked: dict[str, Any] = marked(schema, whole)
    return checked


def _without_entries(fields: Sequence[Field], values: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """A sentence for each list that is required and empty, as a form would say it, by its path."""
    found: dict[str, str] = {}
    for field in fields:
        path, value = within + field.name, values.get(field.name)
        if value == [] and field.needs_entry:
            found[path] = field.kind.missing
        elif field.kind.is_model and isinstance(value, Mapping):
            found |= _without_entries(field.children, value, f"{path}.")
        elif field.kind.is_rows and isinstance(value, list):
            for number, row in enumerate(value):
                found |= _without_entries(field.children, row, f"{path}.{number}.")
    return found


def _sentence(field: Field | None, error: ValidationError, depth: int) -> str:
    """What is wrong with a field, the path to which has ``depth`` steps."""
    return field.kind.problem(field, error, depth) if field else "There is no parameter of this name."


def _errors(schema: dict[str, Any], whole: dict[str, Any]) -> list[ValidationError]:
    """Return what a schema finds wrong. Raises Invalid where it cannot be followed."""
    try:
        with limited():
            return list(judge(schema).iter_errors(whole))
    except (AttributeError, LookupError, RecursionError, TypeError, Unresolvable):
        raise Invalid(
            "These parameters cannot be checked: the task type has a damaged schema. "
            "Contact your administrator."
        ) from None


def _unfit(fields: Sequence[Field], whole: Mapping[str, Any], judge: Callable[[Any], str]) -> dict[str, str]:
    """What a judge of single values finds wrong, by the path of the part where there is one."""
    wrong = {name: why for name, value in whole.items() if (why := judge(value))}
    parts = flattened(fields, whole) if wrong else {}
    within = {path: why for path, value in parts.items() if (why := judge(value))}
    told = {path.partition(".")[0] for path in within}
    return {name: why for name, why in wrong.items() if name not in told} | within


def _raise(problems: dict[str, str]) -> None:
    if problems:
        raise Invalid("Some parameters need another look.", problems)


def _blamed(error: ValidationError) -> list[tuple[list[str | int], ValidationError]]:
    """The path of each value that an error is about, and what is wrong there."""
    path: list[str | int] = list(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "anyOf" and isinstance(instance, dict | list):
        real = [one for one in error.context if schema["anyOf"][one.schema_path[0]].get("type") != "null"]
        return [blamed for one in real for blamed in _blamed(one)]
    if error.validator == "required":
        return [([*path, name], error) for name in schema["required"] if name not in instance]
    if error.validator == "additionalProperties":
        return [([*path, name], error) for name in instance if name not in schema.get("properties", {})]
    return [(path, error)]
