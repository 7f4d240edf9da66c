"""Task types: from a typed function to the document that is published.

The signature becomes a pydantic model and the model a JSON Schema (2020-12). A signature that cannot
be expressed fails when it is loaded, naming the function, the parameter and what is allowed.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import re
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model
from pydantic_core import SchemaError

from app.core.fields import describe
from app.core.results import ResultKind, problem
from app.core.secrets import revealed
from app.core.states import Priority
from app.core.structure import every, is_group
from config import Settings
from workers.context import Context, File
from workers.expressible import ALLOWED, refusal, refused_secret, said, wrong_defaults
from workers.nesting import closed, unfit
from workers.published import schema_of

ENTRY_POINTS = "dtq.tasks"
NOT_ANY = "what is to be any value is written as Any"
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
    help: str = ""
    when: Callable[[Settings], bool] | None = None
    result: ResultKind = "auto"
    memory_mb: int = 0

    def document(self) -> dict[str, Any]:
        """What a worker publishes; `hash` changes with anything in it."""
        summary, _, rest = inspect.cleandoc(self.function.__doc__ or "").partition("\n")
        described = {
            "_id": self.name,
            "title": self.title,
            "category": self.category,
            "summary": summary,
            "help": self.help.strip() or rest.strip(),
            "schema": closed(schema_of(self.model)),
            "priority": self.priority.word,
            "timeout_s": self.timeout_s,
            "max_attempts": self.max_attempts,
            "result": self.result,
            "memory_mb": self.memory_mb,
            "module": self.function.__module__,
        }
        canonical = json.dumps(described, sort_keys=True, default=str)
        return {**described, "hash": hashlib.sha256(canonical.encode()).hexdigest()}

    def arguments(self, params: dict[str, Any], files: Callable[[str], File]) -> dict[str, Any]:
        """Stored parameters as the function takes them. Raises pydantic's ValidationError."""
        # As JSON, so that a strict field takes a date, too, which is kept as text.
        given = json.dumps(revealed(params))
        model = self.model.model_validate_json(given, context={"files": files})
        return {name: getattr(model, name) for name in self.model.model_fields}


_registered: dict[str, TaskType] = {}


def task(
    *,
    title: str,
    category: str = "Other",
    timeout_s: int = 600,
    max_attempts: int = 1,
    priority: str = "medium",
    help: str = "",
    when: Callable[[Settings], bool] | None = None,
    result: ResultKind = "auto",
    memory_mb: int = 0,
) -> Callable[[Function], Function]:
    """Make a typed function a task type; the function itself stays as it is.

    The first line of its docstring is what its card says, the rest the help beside its form (Markdown);
    ``help`` is for one too long to stand there. ``timeout_s`` bounds one attempt; ``max_attempts`` counts the
    first one too; one that uses more than ``memory_mb`` megabytes is killed (0: as the settings say).
    A worker loads the type only where ``when`` says so, asked with its settings. ``result`` says how the
    page shows what is returned: a kind, or kinds by name for pieces of a dictionary.

    Raises TaskTypeError.
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
            help=help,
            when=when,
            result=_result(function, result),
            memory_mb=_positive(function, "memory_mb", memory_mb, least=0),
        )
        known = _registered.get(made.name)
        if known and known.function.__module__ != function.__module__:
            raise TaskTypeError(
                f"{_where(function)}: {known.function.__module__} has a task type of this name already."
            )
        _registered[made.name] = made
        return function

    return register


def load(modules: Iterable[str], settings: Settings | None = None) -> dict[str, TaskType]:
    """Import the modules, and those of the entry-point group `dtq.tasks`; returns the types by name.

    One with a condition is among them where the settings meet it, and never without settings.
    Raises TaskTypeError naming a module that cannot be imported, why, and the line.
    """
    for name, source in sources(modules).items():
        try:
            importlib.import_module(name)
        except TaskTypeError:
            raise
        except Exception as error:
            raise TaskTypeError(f"{source}: {name} cannot be imported: {_why(error)}.") from error
    return {name: kind for name, kind in _registered.items() if _wanted(kind, settings)}


def _wanted(kind: TaskType, settings: Settings | None) -> bool:
    return kind.when is None or settings is not None and kind.when(settings)


def sources(modules: Iterable[str]) -> dict[str, str]:
    """Every module of task types that a worker loads, and where its name comes from."""
    installed = {
        entry.value.partition(":")[0]: f"Entry point {entry.name} of {ENTRY_POINTS}"
        for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)
    }
    return dict.fromkeys(modules, "TASK_MODULES") | installed


def _why(error: Exception) -> str:
    """An error of an import in one line, with the place in the author's code."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    places = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    where = f" ({places[-1].filename}, line {places[-1].lineno})" if places[1:] else ""
    return f"{type(error).__name__}: {error}{where}"


def registered(function: Callable[..., Any]) -> TaskType:
    """The task type that `@task` made of a function. Raises TaskTypeError for one without it."""
    for made in _registered.values():
        if made.function is function:
            return made
    raise TaskTypeError(f"{_where(function)} is no task type: put `@task(...)` above it.")


def known(name: str) -> TaskType:
    """The task type of a name, among those of the modules imported so far. Raises TaskTypeError."""
    if name not in _registered:
        near = difflib.get_close_matches(name, _registered, n=1)
        hint = f" Did you mean {near[0]}?" if near else " Is its module imported, or in TASK_MODULES?"
        raise TaskTypeError(f"There is no task type “{name}”.{hint}")
    return _registered[name]


def _where(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _positive(function: Callable[..., Any], name: str, value: int, least: int = 1) -> int:
    if not isinstance(value, int) or value < least:
        raise TaskTypeError(
            f"{_where(function)}: {name} must be a whole number, {least} or more; it is {value!r}."
        )
    return value


def _priority(function: Callable[..., Any], word: str) -> Priority:
    try:
        return Priority.from_word(word)
    except ValueError as error:
        raise TaskTypeError(f"{_where(function)}: {error}.") from None


def _result(function: Callable[..., Any], said: ResultKind) -> ResultKind:
    if wrong := problem(said):
        raise TaskTypeError(f"{_where(function)}: result: {wrong}")
    return said if isinstance(said, str) else dict(said)


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
        schema_of(model)
    except (PydanticUserError, NameError, SchemaError) as error:
        if len(fields) > 1:  # once more with each alone, to name the one that is wrong
            for name, about in fields.items():
                _create(function, {name: about})
        names = ", ".join(f"`{name}`" for name in fields)
        raise TaskTypeError(
            f"{_where(function)}, parameter {names}: {said(error)} Allowed are {ALLOWED}."
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
    schema = schema_of(model)
    fields = describe(schema)
    for path, each in every(fields):
        where = f"{_where(function)}, parameter `{path}`"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", each.name):
            raise TaskTypeError(f"{where}: a name of letters, digits and underscores is needed.")
        if is_group(each):
            why = unfit(path, each)
        else:
            why = refusal(each, schema["properties"].get(path, each.schema))
        if why or path in model.model_fields and model.model_fields[path].annotation is object:
            raise TaskTypeError(f"{where}: {why or NOT_ANY}. Allowed are {ALLOWED}.")
        if why := refused_secret(path, each, fields, model):
            raise TaskTypeError(f"{where}: {why}.")
    for name, why in wrong_defaults(schema).items():
        raise TaskTypeError(f"{_where(function)}, parameter `{name}`: its default is not valid: {why}")
