"""Task types: from a typed function to the document that is published.

The signature becomes a pydantic model (`workers.types.signature`) and the model a JSON Schema (2020-12).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from app.core.secrets.secret import revealed
from app.core.tasks.result_kinds import ResultKind, problem
from app.core.tasks.states import Priority
from config import Settings
from workers.context import File
from workers.types.checks import Check
from workers.types.json_schema import schema_of
from workers.types.nested_models import closed
from workers.types.signature import TaskTypeError, model_of, where_of

ENTRY_POINTS = "dtq.tasks"
Function = TypeVar("Function", bound=Callable[..., Any])


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
        # As JSON, so that a strict field takes a date, too, which is stored as text.
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
    checks: Sequence[Check] = (),
) -> Callable[[Function], Function]:
    """Make a typed function, also an `async def`, a task type; the function itself stays as it is.

    The first line of its docstring is what its card says, the rest the help beside its form (Markdown);
    ``help`` is for one too long to stand there. ``timeout_s`` bounds one attempt; ``max_attempts`` counts the
    first one too; one that uses more than ``memory_mb`` megabytes is killed (0: as the settings say).
    A worker loads the type only where ``when`` says so, asked with its settings. ``result`` says how the
    page shows what is returned: a kind, or kinds by name for pieces of a dictionary. ``checks`` are
    conditions on several parameters at once.

    Raises TaskTypeError.
    """

    def register(function: Function) -> Function:
        model = model_of(function)
        made = TaskType(
            name=function.__name__,
            function=function,
            model=_checked(function, model, checks),
            title=title,
            category=category,
            timeout_s=_positive(function, "timeout_s", timeout_s),
            max_attempts=_positive(function, "max_attempts", max_attempts),
            priority=_priority(function, priority),
            help=help,
            when=_condition(function, when),
            result=_result(function, result),
            memory_mb=_positive(function, "memory_mb", memory_mb, least=0),
        )
        known = _registered.get(made.name)
        if known and known.function.__module__ != function.__module__:
            raise TaskTypeError(
                f"{where_of(function)}: {known.function.__module__} has a task type of this name already."
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
            raise TaskTypeError(f"{source}: {import_problem(name, error)}") from error
    return {name: kind for name, kind in _registered.items() if wanted(kind, settings)}


def registry(replaced: dict[str, TaskType] | None = None) -> dict[str, TaskType]:
    """Return a copy of the types registered so far, after they are replaced where some are given."""
    if replaced is not None:
        _registered.clear()
        _registered.update(replaced)
    return dict(_registered)


def wanted(kind: TaskType, settings: Settings | None) -> bool:
    """Return whether the settings meet the condition of a type; raises what its author's code raises."""
    return kind.when is None or settings is not None and kind.when(settings)


def sources(modules: Iterable[str]) -> dict[str, str]:
    """Every module of task types that a worker loads, and where its name comes from."""
    installed = {
        entry.value.partition(":")[0]: f"Entry point {entry.name} of {ENTRY_POINTS}"
        for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)
    }
    return dict.fromkeys(modules, "TASK_MODULES") | installed


def import_problem(name: str, error: BaseException) -> str:
    """Return a sentence that says why a module cannot be imported, with the line in its author's code."""
    return f"{name} cannot be imported: {_why(error)}."


def _why(error: BaseException) -> str:
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
    raise TaskTypeError(f"{where_of(function)} is no task type: put `@task(...)` above it.")


def known(name: str) -> TaskType:
    """The task type of a name, among those of the modules imported so far. Raises TaskTypeError."""
    if name not in _registered:
        near = difflib.get_close_matches(name, _registered, n=1)
        hint = f" Did you mean {near[0]}?" if near else " Is its module imported, or in TASK_MODULES?"
        raise TaskTypeError(f"There is no task type “{name}”.{hint}")
    return _registered[name]


def _positive(function: Callable[..., Any], name: str, value: int, least: int = 1) -> int:
    if not isinstance(value, int) or value < least:
        raise TaskTypeError(
            f"{where_of(function)}: {name} must be a whole number, {least} or more; it is {value!r}."
        )
    return value


def _checked(
    function: Callable[..., Any], model: type[BaseModel], checks: Sequence[Check]
) -> type[BaseModel]:
    """The model, whose schema says what the checks say."""
    for check in checks:
        if unknown := sorted(check.names - model.model_fields.keys()):
            raise TaskTypeError(f"{where_of(function)}: a check names {unknown[0]}, which is no parameter.")
    if checks:
        model.model_config["json_schema_extra"] = {"checks": [check.document for check in checks]}
    return model


def _priority(function: Callable[..., Any], word: str) -> Priority:
    try:
        return Priority.from_word(word)
    except ValueError as error:
        raise TaskTypeError(f"{where_of(function)}: {error}.") from None


def _condition(
    function: Callable[..., Any], when: Callable[[Settings], bool] | None
) -> Callable[[Settings], bool] | None:
    if when is not None and (inspect.iscoroutinefunction(when) or inspect.isgeneratorfunction(when)):
        raise TaskTypeError(f"{where_of(function)}: when: write a plain function that returns True or False.")
    return when


def _result(function: Callable[..., Any], said: ResultKind) -> ResultKind:
    if wrong := problem(said):
        raise TaskTypeError(f"{where_of(function)}: result: {wrong}")
    return said if isinstance(said, str) else dict(said)
