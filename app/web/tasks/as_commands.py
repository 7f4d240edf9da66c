"""A task as a line of curl, a few lines of Python and a line of `dtq` that create it once more.

No secret is in them: each is read from an environment variable. Somebody pastes them into a terminal, so they
have no character that commands one, and every word is quoted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from app.core.catalog import TaskType
from app.core.files.store import StoredFile
from app.core.secrets.secret import is_sealed, is_secret
from app.core.tasks.task import Task
from dtq.cli.words import Variable, printable_json, written


@dataclass(frozen=True)
class Commands:
    """The texts; ``dtq`` is empty where words cannot say the parameters.

    ``variables`` are the environment variables that hold secrets.
    """

    curl: str
    python: str
    dtq: str
    variables: list[str]
    has_files: bool


LONGEST = 20_000
"""In characters. A command line takes little more, and nobody reads it."""


def commands(task: Task, kind: TaskType, files: Sequence[StoredFile]) -> Commands | None:
    """Return how programs create a task with these inputs; what is the default of its type is left out.

    None where they are too long for a command line, or damaged.
    """
    try:
        found = _commands(task, kind, files)
    except (TypeError, ValueError):  # What is stored is no JSON.
        return None
    return found if len(found.curl) <= LONGEST else None


def _commands(task: Task, kind: TaskType, files: Sequence[StoredFile]) -> Commands:
    names = _Variables()
    defaults = {each.name: each.default for each in kind.fields if not each.required}
    chosen = {
        name: value for name, value in task.params.items() if name not in defaults or value != defaults[name]
    }
    params = {name: names.replaced(name, value) for name, value in chosen.items()}
    inputs = [file for file in files if file.role == "input"]
    options = _options(task, kind, inputs)
    return Commands(
        curl=_curl(task.type, params, options),
        python=_python(task.type, params, options, bool(names.known)),
        dtq=_dtq(kind, params, options),
        variables=names.known,
        has_files=bool(inputs),
    )


@dataclass
class _Variables:
    """The environment variables that secrets are read from, none of which a shell has for itself."""

    known: list[str] = field(default_factory=list)

    def replaced(self, name: str, value: Any) -> Any:
        if is_secret(value) or is_sealed(value):
            return self._new(name)
        if isinstance(value, dict):
            return {part: self.replaced(f"{name}_{part}", inner) for part, inner in value.items()}
        if isinstance(value, list):
            return [self.replaced(f"{name}_{at}", inner) for at, inner in enumerate(value, start=1)]
        return value

    def _new(self, name: str) -> Variable:
        word = "SECRET_" + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
        while word in self.known:
            word += "_"
        self.known.append(word)
        return Variable(word)


def _options(task: Task, kind: TaskType, inputs: Sequence[StoredFile]) -> dict[str, Any]:
    found = {
        "priority": (task.priority.word, kind.priority.word),
        "title": (task.title, kind.default_title(inputs)),
        "tags": (list(task.tags), []),
        "max_attempts": (task.max_attempts, kind.max_attempts),
        "timeout_s": (task.timeout_s, kind.timeout_s),
        "private": (task.private, False),
    }
    return {name: value for name, (value, default) in found.items() if value != default}


def _curl(type: str, params: dict[str, Any], options: dict[str, Any]) -> str:
    mark = secrets.token_hex(8)  # No value has it.
    body = {"type": type, "params": params, **options}
    text = printable_json(_marked(body, mark))
    send = 'curl -sS --fail-with-body -H "Authorization: Bearer $DTQ_TOKEN" --json'
    address = '"$DTQ_URL/api/v1/tasks"'
    if mark not in text:
        return f"{send} {quote(text)} {address}"
    program = re.sub(rf'"{mark}(\w+)"', r"env.\1", text)
    return f"jq -n {quote(program)} | {send} @- {address}"


def _marked(value: Any, mark: str) -> Any:
    if isinstance(value, Variable):
        return mark + value.name
    if isinstance(value, dict):
        return {name: _marked(inner, mark) for name, inner in value.items()}
    return [_marked(inner, mark) for inner in value] if isinstance(value, list) else value


class _FromEnvironment(str):
    """A name that Python shows as what reads the variable."""

    def __repr__(self) -> str:
        return f'os.environ["{self}"]'


def _python(type: str, params: dict[str, Any], options: dict[str, Any], secret: bool) -> str:
    given = [f"        {name!r}: {_literal(value)}," for name, value in params.items()]
    inside = [
        f"        {_literal(type)},",
        *(["        {", *(f"    {line}" for line in given), "        },"] if given else []),
        *(f"        {name}={_literal(value)}," for name, value in options.items()),
    ]
    head = ["import os", ""] if secret else []
    return "\n".join(
        [
            *head,
            "from dtq.client import Client",
            "",
            "with Client() as client:",
            "    task = client.submit(",
            *inside,
            "    )",
            "    print(task.id)",
        ]
    )


def _literal(value: Any) -> str:
    return repr(_for_python(value))


def _for_python(value: Any) -> Any:
    if isinstance(value, Variable):
        return _FromEnvironment(value.name)
    if isinstance(value, dict):
        return {name: _for_python(inner) for name, inner in value.items()}
    return [_for_python(inner) for inner in value] if isinstance(value, list) else value


_FLAGS = {"max_attempts": "--max-attempts", "timeout_s": "--task-timeout"}


def _dtq(kind: TaskType, params: dict[str, Any], options: dict[str, Any]) -> str:
    words = ["dtq", "submit", kind.name]
    try:
        for name, value in params.items():
            words += written(kind.schema, name, value)
    except ValueError:
        return ""
    for name, value in options.items():
        if name == "private":
            words.append("--private")
        elif name == "tags":
            words += [f"--tag={tag}" for tag in value]
        else:
            words.append(f"{_FLAGS.get(name, f'--{name}')}={value}")
    return " ".join(map(quote, words)) if all(map(str.isprintable, words)) else ""
