"""What can be a parameter of a task type, and the reasons why something else cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import SchemaError

from app.core.errors import Invalid
from app.core.params.fields import DEEPEST, Field
from app.core.params.paths import flattened, laid_out
from app.core.params.validate import validate
from workers.types.json_schema import refusals

ALLOWED = (
    "str, int, float, bool, Decimal, date, time, datetime, timedelta, EmailStr, HttpUrl, AnyUrl, Color, "
    "Literal, Enum, list[...] of these (but bool), File, list[File], SecretStr, dict[str, Any], list[Any], "
    f"Any, a pydantic model of such fields (at most {DEEPEST} in each other), a list of one, and each as "
    "`X | None`"
)


def refusal(each: Field, about: dict[str, Any]) -> str:
    """Why a parameter cannot be a field of a form, or nothing; ``about`` is its entry in the schema."""
    for why in refusals([about, each.schema]):
        return why
    return "" if each.kind.publishable(each) else "this type cannot be a field of a form"


def refused_secret(path: str, each: Field, fields: Sequence[Field], model: type[BaseModel]) -> str:
    """Why a parameter, or a part of one, cannot be a secret or have one in its default, or nothing."""
    if each.default and _holds_secret(each, each.default):
        return "the default of a secret would stand in the code; None or an empty one may"
    if not each.kind.is_secret:
        return ""
    try:
        model.model_validate(_with(SecretStr("tried"), path.split("."), fields))
    except TypeError as error:
        told = str(error).partition(" to supplied")[0]
        return f"{told}; for a pattern, write Field(json_schema_extra={{'pattern': '...'}})"
    except Exception:
        return ""  # what it says of this value, or of others that are missing, is no matter
    return ""


def _holds_secret(each: Field, value: Any) -> bool:
    values = flattened([each], {each.name: value})
    laid = laid_out([each], lambda name: values.get(name, ()))
    return any(one.kind.is_secret and values.get(one.name) for one in laid)


def _with(value: Any, path: Sequence[str], fields: Sequence[Field]) -> dict[str, Any]:
    """Parameters of which nothing is given but one value at the end of a path without numbers."""
    each = next(one for one in fields if one.name == path[0])
    inner = _with(value, path[1:], each.children) if path[1:] else value
    return {each.name: [inner] if each.kind.several else inner}


def wrong_defaults(schema: dict[str, Any]) -> dict[str, str]:
    """A sentence for each default that is not right by the rules of the form that would send it."""
    try:
        validate({**schema, "required": []}, {})
    except Invalid as error:
        return error.fields
    return {}


def said(error: Exception) -> str:
    """What pydantic says about a signature, without its nesting."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not isinstance(error, SchemaError):
        return lines[0]
    return "its pattern cannot be compiled." if "regex parse error" in str(error) else f"{lines[-1]}."
