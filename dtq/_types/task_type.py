"""Task types: from a typed function to the document that is published, and the types registered so far.

The signature becomes a pydantic model (`dtq._types.signature`) and the model a JSON Schema (2020-12).
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, cast

from pydantic import BaseModel

from dtq import _program
from dtq._types.json_schema import closed, schema_of
from dtq._types.result_kinds import ResultKind, problem
from dtq._types.signature import TaskTypeError, model_of, where_of
from dtq._types.task_function import Params, Returned, TaskFunction, submitting
from dtq.checks import Check
from dtq.context import Context
from dtq.files import File

PRIORITIES = ("high", "medium", "low")
ROLES = ("submitter", "operator", "administrator")
"""The roles that create tasks, in order: each may do what those before may."""
_GROUP = re.compile(r"[\w.@:/+-]{1,80}\Z")


@dataclass(frozen=True)
class TaskType:
    """A task type: the function, the model of its parameters and what `@task` was told."""

    name: str
    function: Callable[..., Any]
    model: type[BaseModel]
    title: str
    category: str
    timeout_s: int
    max_attempts: int
    priority: str
    help: str = ""
    when: Callable[[Any], bool] | None = None
    result: ResultKind = "auto"
    memory_mb: int = 0
    checks: tuple[Check, ...] = ()
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

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
            "priority": self.priority,
            "timeout_s": self.timeout_s,
            "max_attempts": self.max_attempts,
            "result": self.result,
            "memory_mb": self.memory_mb,
            "module": self.function.__module__,
            "roles": list(self.roles),
            "groups": list(self.groups),
        }
        canonical = json.dumps(described, sort_keys=True, default=str)
        return {**described, "hash": hashlib.sha256(canonical.encode()).hexdigest()}

    def arguments(self, params: dict[str, Any], files: Callable[[str], File]) -> dict[str, Any]:
        """Stored parameters as the function takes them, secrets as plain texts. Raises ValidationError."""
        # As JSON, so that a strict field takes a date, too, which is stored as text.
        model = self.model.model_validate_json(json.dumps(params), context={"files": files})
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
    when: Callable[[Any], bool] | None = None,
    result: ResultKind = "auto",
    memory_mb: int = 0,
    checks: Sequence[Check] = (),
    roles: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Callable[[Callable[Concatenate[Context, Params], Returned]], TaskFunction[Params, Returned]]:
    """Make a typed function, also an `async def`, a task type; the function stays as it is, with a `submit`.

        @task(title="Add", category="Numbers", timeout_s=10, max_attempts=3, priority="high")
        def add(ctx: Context, first: int, second: Annotated[int, Field(ge=0)] = 0) -> int:
            \"\"\"Add two numbers.\"\"\"
            return first + second

    The first line of its docstring is on its card, the rest is the help beside its form (Markdown); ``help``
    is for a longer one. ``timeout_s`` bounds one attempt; ``max_attempts`` counts the first one too; one that
    uses more than ``memory_mb`` MB is killed (0: as the settings say). A worker loads the type only where
    ``when``, asked with its settings, says so. ``result`` is how the page shows what comes out: a kind, or
    kinds by name for pieces of a dictionary. ``checks`` hold on several parameters. Only people with one of
    the ``roles`` or a higher one, or of the ``groups``, create its tasks. Raises TaskTypeError.
    """

    def register(
        function: Callable[Concatenate[Context, Params], Returned],
    ) -> TaskFunction[Params, Returned]:
        made = TaskType(
            model=_declare_checks(function, model_of(function), checks),  # first: it refuses what has no name
            name=function.__name__,
            function=function,
            title=title,
            category=category,
            help=help,
            when=_condition(function, when),
            result=_result(function, result),
            checks=tuple(checks),
            priority=_priority(function, priority),
            **_limits(function, timeout_s, max_attempts, memory_mb, roles, groups),
        )
        _register(made)
        return _with_submit(function, made)

    return register


def _with_submit(
    function: Callable[Concatenate[Context, Params], Returned], made: TaskType
) -> TaskFunction[Params, Returned]:
    """Return the function itself, which can be submitted as well."""
    function.submit = submitting(function, made.model)  # type: ignore[attr-defined]  # a function takes any
    return cast("TaskFunction[Params, Returned]", function)


def _register(made: TaskType) -> None:
    if _program.judge_type:
        _program.judge_type(made)
    function, known = made.function, _registered.get(made.name)
    if known and known.function.__module__ != function.__module__:
        raise TaskTypeError(
            f"{where_of(function)}: {known.function.__module__} has a task type of this name already."
        )
    _registered[made.name] = made


def registry(replaced: dict[str, TaskType] | None = None) -> dict[str, TaskType]:
    """Return a copy of the types registered so far, after they are replaced where some are given."""
    if replaced is not None:
        _registered.clear()
        _registered.update(replaced)
    return dict(_registered)


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


def _declare_checks(
    function: Callable[..., Any], model: type[BaseModel], checks: Sequence[Check]
) -> type[BaseModel]:
    """Add the checks to the schema of the model; return the model."""
    for check in checks:
        if unknown := sorted(check.names - model.model_fields.keys()):
            raise TaskTypeError(f"{where_of(function)}: a check names {unknown[0]}, which is no parameter.")
    if checks:
        model.model_config["json_schema_extra"] = {"checks": [check.document for check in checks]}
    return model


def _priority(function: Callable[..., Any], word: str) -> str:
    if word not in PRIORITIES:
        raise TaskTypeError(
            f"{where_of(function)}: {word!r} is not a priority; expected high, medium or low."
        )
    return word


def _limits(
    function: Callable[..., Any],
    timeout_s: int,
    max_attempts: int,
    memory_mb: int,
    roles: Sequence[str],
    groups: Sequence[str],
) -> dict[str, Any]:
    return {
        "timeout_s": _positive(function, "timeout_s", timeout_s),
        "max_attempts": _positive(function, "max_attempts", max_attempts),
        "memory_mb": _positive(function, "memory_mb", memory_mb, least=0),
        "roles": _roles(function, roles),
        "groups": _groups(function, groups),
    }


def _roles(function: Callable[..., Any], roles: Sequence[str]) -> tuple[str, ...]:
    for role in [roles] if isinstance(roles, str) else roles:
        if isinstance(roles, str) or role not in ROLES:
            raise TaskTypeError(
                f"{where_of(function)}: roles must be a list of {', '.join(ROLES)}; it has {role!r}."
            )
    return tuple(dict.fromkeys(roles))


def _groups(function: Callable[..., Any], groups: Sequence[str]) -> tuple[str, ...]:
    for group in [groups] if isinstance(groups, str) else groups:
        if isinstance(groups, str) or not isinstance(group, str) or not _GROUP.match(group):
            raise TaskTypeError(
                f"{where_of(function)}: groups must be a list of names of up to 80 letters, digits, "
                f"and . @ : / + - _; it has {group!r}."
            )
    return tuple(dict.fromkeys(groups))


def _condition(
    function: Callable[..., Any], when: Callable[[Any], bool] | None
) -> Callable[[Any], bool] | None:
    if when is not None and (inspect.iscoroutinefunction(when) or inspect.isgeneratorfunction(when)):
        raise TaskTypeError(f"{where_of(function)}: when: write a plain function that returns True or False.")
    return when


def _result(function: Callable[..., Any], said: ResultKind) -> ResultKind:
    if wrong := problem(said):
        raise TaskTypeError(f"{where_of(function)}: result: {wrong}")
    return said if isinstance(said, str) else dict(said)
