"""Task types: from a typed function to the document that is published.

The signature becomes a pydantic model and the model a JSON Schema (2020-12). A signature that cannot
be expressed fails when it is loaded, naming the function, the parameter and what is allowed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model

from app.core.params import describe
from app.core.states import Priority
from workers.context import Context, File

ENTRY_POINTS = "dtq.tasks"
ALLOWED = (
    "str, int, float, bool, Literal, Enum, list[str], list[Literal[...]], File, "
    "and each of them as `X | None`"
)
Function = TypeVar("Function", bound=Callable[..., Any])


class TaskTypeError(TypeError):
    """A function that cannot be a task type."""


@dataclass(frozen=True)
class TaskType:
    """A loaded task type: the function, the model of its parameters and what `@task` was told."""

    name: str
    function: Callable[..., Any]
    model: type[BaseModel]
    title: str
    category: str
    timeout_s: int
    max_attempts: int
    priority: Priority

    def document(self) -> dict[str, Any]:
        """What a worker publishes; `hash` changes with anything in it."""
        summary, _, rest = inspect.cleandoc(self.function.__doc__ or "").partition("\n")
        described = {
            "_id": self.name,
            "title": self.title,
            "category": self.category,
            "summary": summary,
            "help": rest.strip(),
            "schema": self.model.model_json_schema(),
            "priority": self.priority.word,
            "timeout_s": self.timeout_s,
            "max_attempts": self.max_attempts,
            "module": self.function.__module__,
        }
        canonical = json.dumps(described, sort_keys=True, default=str)
        return {**described, "hash": hashlib.sha256(canonical.encode()).hexdigest()}

    def arguments(self, params: dict[str, Any], files: Callable[[str], File]) -> dict[str, Any]:
        """Stored parameters as the function takes them. Raises pydantic's ValidationError."""
        model = self.model.model_validate(params, context={"files": files})
        return {name: getattr(model, name) for name in self.model.model_fields}


_registered: dict[str, TaskType] = {}


def task(
    *,
    title: str,
    category: str = "Other",
    timeout_s: int = 600,
    max_attempts: int = 1,
    priority: str = "medium",
) -> Callable[[Function], Function]:
    """Make a typed function a task type; the function itself stays as it is.

    ``timeout_s`` bounds one attempt; ``max_attempts`` counts the first one too. Raises TaskTypeError.
    """

    def register(function: Function) -> Function:
        made = TaskType(
            name=function.__name__,
            function=function,
            model=_model(function),
            title=title,
            category=category,
            timeout_s=_positive(function, "timeout_s", timeout_s),
            max_attempts=_positive(function, "max_attempts", max_attempts),
            priority=_priority(function, priority),
        )
        known = _registered.get(made.name)
        if known and known.function.__module__ != function.__module__:
            raise TaskTypeError(
                f"{_where(function)}: {known.function.__module__} has a task type of this name already."
            )
        _registered[made.name] = made
        return function

    return register


def load(modules: Iterable[str]) -> dict[str, TaskType]:
    """Import the modules, and those of the entry-point group `dtq.tasks`; returns the types by name.

    Raises TaskTypeError naming a module that cannot be imported and why.
    """
    installed = [
        entry.value.partition(":")[0] for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)
    ]
    for name in [*modules, *installed]:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise TaskTypeError(f"TASK_MODULES: {name} cannot be imported: {error}.") from error
    return dict(_registered)


def registered(function: Callable[..., Any]) -> TaskType:
    """The task type that `@task` made of a function."""
    return next(made for made in _registered.values() if made.function is function)


def _where(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _positive(function: Callable[..., Any], name: str, value: int) -> int:
    if not isinstance(value, int) or value < 1:
        raise TaskTypeError(f"{_where(function)}: {name} must be a whole number, 1 or more; it is {value!r}.")
    return value


def _priority(function: Callable[..., Any], word: str) -> Priority:
    try:
        return Priority.from_word(word)
    except ValueError as error:
        raise TaskTypeError(f"{_where(function)}: {error}.") from None


def _model(function: Callable[..., Any]) -> type[BaseModel]:
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(function)
    if not parameters or hints.get(parameters[0].name) is not Context:
        raise TaskTypeError(f"{_where(function)}: the first parameter must be `ctx: Context`.")
    fields = {parameter.name: _field(function, parameter, hints) for parameter in parameters[1:]}
    model = _create(function, fields)
    _check_kinds(function, model)
    return model


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return inspect.get_annotations(function, eval_str=True)
    except NameError as error:
        raise TaskTypeError(f"{_where(function)}: {error}; its annotations must be importable.") from error


def _field(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]
) -> tuple[Any, Any]:
    where = f"{_where(function)}, parameter `{parameter.name}`"
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TaskTypeError(f"{where}: *args, **kwargs and positional-only parameters cannot be a form.")
    if parameter.name not in hints:
        raise TaskTypeError(f"{where}: a type is needed. Allowed are {ALLOWED}.")
    if parameter.name.startswith("_"):
        raise TaskTypeError(f"{where}: the name of a parameter cannot begin with an underscore.")
    default = ... if parameter.default is parameter.empty else parameter.default
    return hints[parameter.name], default


def _create(function: Callable[..., Any], fields: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", validate_default=True, protected_namespaces=())
    try:
        model: type[BaseModel] = create_model(function.__name__, __config__=config, **fields)  # type: ignore[call-overload]
        _check_defaults(function, model)
        model.model_json_schema()
    except (PydanticUserError, NameError) as error:
        raise TaskTypeError(
            f"{_where(function)}: {str(error).splitlines()[0]} Allowed are {ALLOWED}."
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
                    f"{_where(function)}, parameter `{name}`: its default is not valid: {problem['msg']}."
                ) from error


def _check_kinds(function: Callable[..., Any], model: type[BaseModel]) -> None:
    for each in describe(model.model_json_schema()):
        where = f"{_where(function)}, parameter `{each.name}`"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", each.name):
            raise TaskTypeError(f"{where}: a name of letters, digits and underscores is needed.")
        if not _expressible(each.kind, each.schema):
            raise TaskTypeError(f"{where}: this type cannot be a field of a form. Allowed are {ALLOWED}.")


def _expressible(kind: str, schema: dict[str, Any]) -> bool:
    if kind == "list":
        items = schema.get("items", {})
        return items.get("type") == "string" and items.get("format") is None
    if kind in ("text", "textarea"):
        return schema.get("type") == "string" and schema.get("format") in (None, "textarea")
    return True
