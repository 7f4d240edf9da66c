"""What can be a form: the rules that this program adds to those of `dtq`, when a task type is declared.

`dtq` refuses what no form can take. What a field of a form is, how deep models stand in each other and
whether a default passes the form's own validation is known here; so are grammars of lines and the time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, SecretStr

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.params.fields import Field, describe
from app.core.params.kinds.judge import fits
from app.core.params.line_grammar import problems, told
from app.core.params.paths import every, flattened, laid_out
from app.core.params.validate import validate
from dtq import TaskType, TaskTypeError
from dtq.runtime import ALLOWED, BAD_NAME, DEEPEST, NAME, program, refusals, schema_of, where_of


def install() -> None:
    """Have `dtq` apply the rules of this program to every task type that is declared in this process."""
    program.judge_type = judge
    program.judge_lines = judge_lines
    program.clock = utcnow


def judge(kind: TaskType) -> None:
    """Raise TaskTypeError for a task type whose parameters cannot be a form."""
    schema = schema_of(kind.model)
    schema.pop("checks", None)  # A form says of its first state what is wrong; a default may be.
    fields = describe(schema)
    for path, field in every(fields):
        where = f"{where_of(kind.function)}, parameter `{path}`"
        if not re.fullmatch(NAME, field.name):
            raise TaskTypeError(f"{where}: {BAD_NAME}.")
        if field.kind.is_group:
            why = _unfit(path, field)
        else:
            why = refusal(field, schema["properties"].get(path, field.schema))
        if why:
            raise TaskTypeError(f"{where}: {why}. Allowed are {ALLOWED}.")
        if why := refused_secret(path, field, fields, kind.model):
            raise TaskTypeError(f"{where}: {why}.")
    for name, why in wrong_defaults(schema).items():
        raise TaskTypeError(f"{where_of(kind.function)}, parameter `{name}`: its default is not valid: {why}")
    _judge_checks(kind)


def _judge_checks(kind: TaskType) -> None:
    for condition in (condition for check in kind.checks for condition in check.wrong):
        try:
            Draft202012Validator.check_schema(condition)
        except SchemaError as error:
            raise TaskTypeError(
                f"{where_of(kind.function)}: a check is no JSON Schema: {error.message}."
            ) from error


def judge_lines(grammar: Mapping[str, Any], value: Any) -> str:
    """Return what is wrong with a text or with a list of lines, or an empty text."""
    lines = value.split("\n") if isinstance(value, str) else value
    if lines is None:
        return ""
    found = problems(grammar, enumerate(map(str, lines), 1), fits, limited=False)
    return told(found) if found else ""


def _unfit(path: str, field: Field) -> str:
    """Why a model, or a list of one, cannot be part of a form, or nothing."""
    if field.children:
        return ""
    if path.count(".") < DEEPEST:
        return "this model has no fields"
    return f"here models stand in each other more than {DEEPEST} deep, or one holds itself"


def refusal(field: Field, about: dict[str, Any]) -> str:
    """Why a parameter cannot be a field of a form, or nothing; ``about`` is its entry in the schema."""
    for why in refusals([about, field.schema]):
        return why
    return "" if field.kind.publishable(field) else "this type cannot be a field of a form"


def refused_secret(path: str, field: Field, fields: Sequence[Field], model: type[BaseModel]) -> str:
    """Why a parameter, or a part of one, cannot be a secret or have one in its default, or nothing."""
    if field.default and _holds_secret(field, field.default):
        return "the default of a secret would stand in the code; None or an empty one may"
    if not field.kind.is_secret:
        return ""
    try:
        model.model_validate(_with(SecretStr("tried"), path.split("."), fields))
    except TypeError as error:
        told = str(error).partition(" to supplied")[0]
        return f"{told}; for a pattern, write Field(json_schema_extra={{'pattern': '...'}})"
    except Exception:
        return ""  # what it says of this value, or of others that are missing, is no matter
    return ""


def _holds_secret(field: Field, value: Any) -> bool:
    values = flattened([field], {field.name: value})
    laid = laid_out([field], lambda name: values.get(name, ()))
    return any(one.kind.is_secret and values.get(one.name) for one in laid)


def _with(value: Any, path: Sequence[str], fields: Sequence[Field]) -> dict[str, Any]:
    """Parameters of which nothing is given but one value at the end of a path without numbers."""
    field = next(one for one in fields if one.name == path[0])
    inner = _with(value, path[1:], field.children) if path[1:] else value
    return {field.name: [inner] if field.kind.several else inner}


def wrong_defaults(schema: dict[str, Any]) -> dict[str, str]:
    """A sentence for each default that is not right by the rules of the form that would send it."""
    try:
        validate({**schema, "required": []}, {})
    except Invalid as error:
        return error.fields
    return {}
