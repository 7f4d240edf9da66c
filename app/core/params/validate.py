"""Typed parameters: from input to values, and values held against the schema of a task type.

:func:`from_form` reads what a browser sent for the `fields`, and :func:`validate` holds values (from a
form, JSON or a command line) against the schema. A message stands beside its field and says what is
expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable

from app.core.errors import Invalid
from app.core.params import constraints, line_grammar, parsers
from app.core.params.fields import Field, describe
from app.core.params.formats.patterns import Undecided
from app.core.params.formats.plain_values import unkeepable
from app.core.params.parsers import MAX_TEXT
from app.core.params.paths import (
    MOST_ITEMS,
    NEEDED,
    at,
    filled,
    flattened,
    gathered,
    is_group,
    laid_out,
    no_entry,
    read_group,
    rows_among,
)
from app.core.secrets.secret import Secret, forged, marked, revealed

__all__ = ["MAX_TEXT", "from_form", "untouched", "validate"]
_MISSING = object()


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
    for name in sorted(sent.keys() - {each.name for each in laid}):
        raise Invalid(f"There is no parameter “{name[:80]}”.")
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    off: tuple[str, ...] = ()
    for each in laid:
        if each.name.startswith(off):
            continue
        texts = list(sent.get(each.name, ()))
        try:
            value = read_group(each, texts, rows(each.name)) if is_group(each) else _read(each, texts)
        except ValueError as error:
            problems[each.name] = str(error)
        else:
            if value is not _MISSING:
                values[each.name] = Secret(value) if each.kind == "secret" and value else value
            if each.kind == "model" and value is None:
                off += (f"{each.name}.",)
    return gathered(fields, values, rows), problems


def untouched(each: Field, texts: Sequence[str]) -> bool:
    """Whether a field is as a new form has it; a required one is empty there."""
    if each.kind == "model":
        return True  # its parts say it
    if each.kind == "datetime" and not "".join(texts[:1]).strip():
        texts = ()  # whatever the zone beside it says
    if not any(text.strip() for text in texts) and each.kind != "bool":
        return each.required or each.default in (None, "", [], {})
    try:
        value = _read(each, list(texts))
    except ValueError:
        return False
    return bool(value == (False if each.required and each.kind == "bool" else each.default))


def _read(each: Field, texts: list[str]) -> Any:
    if each.kind == "bool":
        unset = each.nullable and texts == [""]
        return None if unset else bool(texts and texts[-1] not in ("", "false", "0"))
    if each.kind == "choices":
        return [parsers.choice(each, text) for text in texts if text] or _none(each)
    if each.kind == "files":
        return _files(each, [text for text in texts if text])
    if each.kind == "datetime" and len(texts) == 2:  # the second is its zone
        texts = [" ".join(texts)] if texts[0].strip() else []
    if len(texts) > 1:
        raise ValueError("Enter one value; several were sent.")
    text = texts[0].replace("\r\n", "\n") if texts else ""
    if each.kind == "list":
        return _lines(each, text) or _none(each)
    if not text.strip() and (each.kind not in ("text", "textarea") or each.required or each.nullable):
        return _empty(each)
    return parsers.read(each, text)


def _lines(each: Field, text: str) -> list[Any]:
    """The entries of a list, one per line. Raises ValueError naming the lines that are wrong."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"Use {MAX_TEXT:,} characters or fewer.")
    of = each.of or each
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    values, problems = [], {}
    for number, line in lines:
        try:
            values.append(_fitting(of, parsers.read(of, line)))
        except ValueError as error:
            problems[number] = str(error)
    if problems := _of_grammar(each, lines) | problems:
        raise ValueError(line_grammar.told(problems))
    return values


def _of_grammar(each: Field, lines: list[tuple[int, str]]) -> dict[int, str]:
    """What the grammar of a list finds wrong, by the lines as a person counts them. Raises ValueError."""
    if "lines" not in each.schema:
        return {}
    try:
        return line_grammar.problems(each.schema["lines"], lines, constraints.fits)
    except Undecided as undecided:
        return {0: str(undecided)}


def _fitting(of: Field, value: Any) -> Any:
    """An entry within its limits. Raises ValueError."""
    for error in constraints.judge(of.schema).iter_errors(value):
        raise ValueError(_sentence(error, of))
    return value


def _files(each: Field, ids: list[str]) -> list[str] | None:
    """Several files, each once."""
    if len(ids) > MOST_ITEMS:
        raise ValueError(f"A form takes at most {MOST_ITEMS} files; {len(ids):,} were sent.")
    if not ids and each.min_items:
        raise ValueError(
            "Please choose a file." if each.min_items == 1 else f"Please choose {each.min_items} files."
        )
    return list(dict.fromkeys(ids)) or _none(each)


def _none(each: Field) -> list[str] | None:
    """No choice, no line, no file: None where the schema has it, which often means "all".

    Raises ValueError where it is required.
    """
    if each.nullable:
        return None
    if each.needs_entry:
        raise ValueError(no_entry(each))
    return []


def _empty(each: Field) -> Any:
    if each.required:
        raise ValueError("Please choose a file." if each.kind == "file" else NEEDED)
    if each.nullable:
        return None
    if each.kind in parsers.NOUNS and each.default is not None:
        raise ValueError(parsers.needed(each))
    return _MISSING


# Values against the schema


def validate(schema: dict[str, Any], values: Any) -> dict[str, Any]:
    """The values with defaults filled in, and what the schema calls a secret as a `Secret`.

    Raises Invalid with a sentence for each field that is wrong; none repeats a value.
    """
    if not isinstance(values, dict):
        raise Invalid("Enter an object of parameters.")
    fields = describe(schema)
    whole = filled(fields, values)
    _raise(_unfit(fields, whole, lambda value: unkeepable(value) or forged(value)))
    whole = revealed(whole)
    problems = _unfit(fields, whole, unkeepable)
    _raise(problems)
    errors = _errors(schema, whole)
    alone = [error for error in errors if error.validator != "checks"]
    for error in alone or errors:  # what several say together matters once each of them is right
        for path, reason in _blamed(error):
            name, each = at(fields, path or [""])
            problems.setdefault(name, _sentence(reason, each, name.count(".") + 1))
    _raise(problems or _without_entries(fields, whole))
    checked: dict[str, Any] = marked(schema, whole)
    return checked


def _without_entries(fields: Sequence[Field], values: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """A sentence for each list that is required and empty, as a form would say it, by its path."""
    found: dict[str, str] = {}
    for each in fields:
        path, value = within + each.name, values.get(each.name)
        if value == [] and each.needs_entry:
            found[path] = no_entry(each)
        elif each.kind == "model" and isinstance(value, Mapping):
            found |= _without_entries(each.children, value, f"{path}.")
        elif each.kind == "rows" and isinstance(value, list):
            for number, row in enumerate(value):
                found |= _without_entries(each.children, row, f"{path}.{number}.")
    return found


def _errors(schema: dict[str, Any], whole: dict[str, Any]) -> list[ValidationError]:
    """Return what a schema finds wrong. Raises Invalid where it cannot be followed."""
    try:
        return list(constraints.judge(schema).iter_errors(whole))
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


def _sentence(error: ValidationError, each: Field | None, depth: int = 1) -> str:
    """What is wrong with a field, the path to which has ``depth`` steps."""
    if each is None:
        return "There is no parameter of this name."
    if error.validator == "anyOf" and error.context:
        error = next((one for one in error.context if one.validator != "type"), error.context[0])
    place, each = _place(list(error.absolute_path)[depth:], error, each)
    return place + (error.message if constraints.own(error) else _said(error, each))


def _place(inside: list[str | int], error: ValidationError, each: Field) -> tuple[str, Field]:
    """Where in a value it is wrong, and what stands there."""
    if each.of and inside:
        return f"Entry {int(inside[0]) + 1}: ", each.of
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in inside).lstrip(".")
    if each.kind != "json" or not path:
        return "", each
    schema: Any = error.schema
    return f"At {path[:60]}: ", replace(each, schema=schema)


def _figure(limit: Any) -> str:
    """A limit as help texts write it: 3,600."""
    return f"{limit:,}" if isinstance(limit, int | float) else str(limit)


def _said(error: ValidationError, each: Field) -> str:
    """What the schema expects where a value breaks one of its rules."""
    limit = error.validator_value
    form = f". {each.help}" if each.help else f" ({limit})."
    sentences = {
        "required": NEEDED,
        "minimum": f"Enter {_figure(limit)} or more.",
        "maximum": f"Enter {_figure(limit)} or less.",
        "exclusiveMinimum": f"Enter more than {_figure(limit)}.",
        "exclusiveMaximum": f"Enter less than {_figure(limit)}.",
        "minLength": f"Use {_figure(limit)} characters or more.",
        "maxLength": f"Use {_figure(limit)} characters or fewer.",
        **dict.fromkeys(("minItems", "minProperties"), f"Add at least {_number_of(each, limit)}."),
        **dict.fromkeys(("maxItems", "maxProperties"), f"Use {_number_of(each, limit)} or fewer."),
        "uniqueItems": "Each may be given once.",
        "pattern": "Wrong format" + form,
        "enum": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
        "const": "Please choose one of: " + ", ".join(label for _, label in each.choices) + ".",
    }
    return sentences.get(str(error.validator), parsers.expected(each))


def _number_of(each: Field, limit: Any) -> str:
    """`3 files`, `1 row`; of anything else only the number, as its field says what it is."""
    one = {"files": " file", "rows": " row"}.get(each.kind, "")
    return f"{_figure(limit)}{one if limit == 1 else one and one + 's'}"
