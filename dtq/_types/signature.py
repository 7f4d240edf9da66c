"""From the signature of a task function to the pydantic model of its parameters.

A signature that cannot be expressed is refused, naming the function, the parameter and what is allowed. What
only the program that makes the forms can say of it comes after this (`dtq._program.judge_type`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model
from pydantic_core import SchemaError

from dtq._types.callables import hidden_signature, unfit_function
from dtq._types.json_schema import refusals, schema_of
from dtq.context import Context

DEEPEST = 3
"""So many models may stand in each other."""
ALLOWED = (
    "str, int, float, bool, Decimal, date, time, datetime, timedelta, EmailStr, HttpUrl, AnyUrl, Color, "
    "Literal, Enum, list[...] of these (but bool), File, list[File], SecretStr, dict[str, Any], list[Any], "
    f"Any, a pydantic model of such fields (at most {DEEPEST} in each other), a list of one, and each as "
    "`X | None`"
)
NAME = r"[A-Za-z][A-Za-z0-9_]*"
BAD_NAME = "use a name of letters, digits and underscores"
NOT_ANY = "what is to be any value is written as Any"


class TaskTypeError(TypeError):
    """A function that cannot be a task type."""


def where_of(function: Any) -> str:
    """Return the name of a function with its module, as far as it has one."""
    name, module = (getattr(function, attribute, None) for attribute in ("__qualname__", "__module__"))
    if name and module:
        return f"{module}.{name}"
    return f"An object of {type(function).__module__}.{type(function).__qualname__}"


def model_of(function: Callable[..., Any]) -> type[BaseModel]:
    """The model of a function's parameters, without the context. Raises TaskTypeError."""
    if why := unfit_function(function):
        raise TaskTypeError(f"{where_of(function)}: {why}.")
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(function)
    if not parameters or hints.get(parameters[0].name) is not Context:
        raise TaskTypeError(f"{where_of(function)}: the first parameter must be `ctx: Context`.")
    if why := hidden_signature(function, [parameter.name for parameter in parameters[1:]]):
        raise TaskTypeError(f"{where_of(function)}: {why}.")
    fields = {parameter.name: _field(function, parameter, hints) for parameter in parameters[1:]}
    model = _create(function, fields)
    _check_types(function, model)
    return model


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return inspect.get_annotations(function, eval_str=True)
    except NameError as error:
        raise TaskTypeError(f"{where_of(function)}: {error}; its annotations must be importable.") from error


def _field(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]
) -> tuple[Any, Any]:
    where = f"{where_of(function)}, parameter `{parameter.name}`"
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TaskTypeError(f"{where}: *args, **kwargs and positional-only parameters cannot be a form.")
    if parameter.name not in hints:
        raise TaskTypeError(f"{where}: give it a type. Allowed are {ALLOWED}.")
    if parameter.name.startswith("_"):
        raise TaskTypeError(f"{where}: the name of a parameter cannot begin with an underscore.")
    default = ... if parameter.default is parameter.empty else parameter.default
    return hints[parameter.name], default


def _create(function: Callable[..., Any], fields: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", validate_default=True, protected_namespaces=())
    try:
        model: type[BaseModel] = create_model(function.__name__, __config__=config, **fields)  # type: ignore[call-overload]  # names of fields are known at run time only
        _check_defaults(function, model)
        schema_of(model)
    except (PydanticUserError, NameError, SchemaError) as error:
        if len(fields) > 1:  # once more with each alone, to name the one that is wrong
            for name, about in fields.items():
                _create(function, {name: about})
        names = ", ".join(f"`{name}`" for name in fields)
        raise TaskTypeError(
            f"{where_of(function)}, parameter {names}: {said(error)} Allowed are {ALLOWED}."
        ) from error
    return model


def _check_defaults(function: Callable[..., Any], model: type[BaseModel]) -> None:
    try:
        model.model_validate({})
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] != "missing":
                name = problem["loc"][0]
                raise TaskTypeError(
                    f"{where_of(function)}, parameter `{name}`: its default is not valid: {problem['msg']}."
                ) from error


def _check_types(function: Callable[..., Any], model: type[BaseModel]) -> None:
    """Refuse what no form can take, such as tuples, sets, bytes, and names that cannot be a field's."""
    for name, about in schema_of(model).get("properties", {}).items():
        where = f"{where_of(function)}, parameter `{name}`"
        if not re.fullmatch(NAME, name):
            raise TaskTypeError(f"{where}: {BAD_NAME}.")
        why = next(refusals(about), "")
        if why or model.model_fields[name].annotation is object:
            raise TaskTypeError(f"{where}: {why or NOT_ANY}. Allowed are {ALLOWED}.")


def said(error: Exception) -> str:
    """Return what pydantic says about a signature, without its nesting."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not isinstance(error, SchemaError):
        return lines[0]
    if schema_fault(error) is SchemaFault.PATTERN:
        return "its pattern cannot be compiled."
    return f"{lines[-1]}."


class SchemaFault(Enum):
    """Why pydantic cannot build a validator."""

    PATTERN = auto()
    OTHER = auto()


def schema_fault(error: SchemaError) -> SchemaFault:
    """Classify an error of pydantic, which has no code: only its text names a bad regular expression."""
    return SchemaFault.PATTERN if "regex parse error" in str(error) else SchemaFault.OTHER
