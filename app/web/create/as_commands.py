"""A task, or one that is being filled in, as a line of curl, a few lines of Python and a line of `dtq`.

No secret is in them: each is read from an environment variable. Files of a form stand with their names in the
place of paths, as the form's own copy is gone in a day; curl reads an ID from a variable. Somebody pastes
them into a terminal, so they have no character that commands one, and every word is quoted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from typing import Any

from app.core.catalog import TaskType
from app.core.files.store import StoredFile
from app.core.secrets.secret import is_sealed, is_secret
from app.core.tasks.task import NewTask, Task
from dtq.cli.words import Variable, printable_json, written


@dataclass(frozen=True)
class Commands:
    """The texts; ``dtq`` is empty where words cannot say the parameters.

    ``variables`` are the environment variables that hold secrets, ``uploads`` those for the IDs of files,
    each with the name of its file. With ``has_files``, IDs of stored files are in the texts.
    """

    curl: str
    python: str
    dtq: str
    variables: list[str]
    uploads: dict[str, str]
    has_files: bool


LONGEST = 20_000
"""In characters. A command line takes little more, and nobody reads it."""


def commands_of(task: Task | NewTask, kind: TaskType, files: Sequence[StoredFile]) -> Commands | None:
    """Return how programs create a task with these inputs; what is the default of its type is left out.

    ``files`` are those that the parameters name. None where they are too long for a command line, or damaged.
    """
    try:
        found = _commands(task, kind, files)
    except (TypeError, ValueError):  # What is stored is no JSON.
        return None
    return found if len(found.curl) <= LONGEST else None


def _commands(task: Task | NewTask, kind: TaskType, files: Sequence[StoredFile]) -> Commands:
    names = _Variables({str(file.id): file.name for file in files} if isinstance(task, NewTask) else {})
    defaults = {each.name: each.default for each in kind.fields if not each.required}
    chosen = {
        name: value for name, value in task.params.items() if name not in defaults or value != defaults[name]
    }
    params = {name: names.replaced(name, value) for name, value in chosen.items()}
    stored = not isinstance(task, NewTask)
    inputs = [file for file in files if not stored or file.role == "input"]
    options = _options(task, kind, inputs)
    return Commands(
        curl=_curl(task.type, params, options),
        python=_python(task.type, params, options, bool(names.known), bool(names.uploads)),
        dtq=_dtq(kind, params, options),
        variables=names.known,
        uploads=names.uploads,
        has_files=stored and bool(inputs),
    )


@dataclass(frozen=True)
class _File(Variable):
    """A file: for curl the variable of its ID, else the path of this name."""

    path: str


@dataclass
class _Variables:
    """The environment variables that secrets and IDs of files are read from; a shell has none for itself."""

    files: dict[str, str]
    known: list[str] = field(default_factory=list)
    uploads: dict[str, str] = field(default_factory=dict)

    def replaced(self, name: str, value: Any) -> Any:
        if is_secret(value) or is_sealed(value):
            return Variable(self._new(name, "SECRET", self.known))
        if isinstance(value, str) and value in self.files:
            path = self.files[value]
            variable = self._new(name, "FILE", self.uploads)
            self.uploads[variable] = path
            return _File(variable, path)
        if isinstance(value, dict):
            return {part: self.replaced(f"{name}_{part}", inner) for part, inner in value.items()}
        if isinstance(value, list):
            return [self.replaced(f"{name}_{at}", inner) for at, inner in enumerate(value, start=1)]
        return value

    def _new(self, name: str, what: str, taken: list[str] | dict[str, str]) -> str:
        word = f"{what}_" + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
        while word in taken:
            word += "_"
        if isinstance(taken, list):
            taken.append(word)
        return word


def _options(task: Task | NewTask, kind: TaskType, inputs: Sequence[StoredFile]) -> dict[str, Any]:
    found = {
        "priority": (task.priority.word, kind.priority.word),
        "title": (task.title, kind.default_title(inputs)),
        "tags": (list(task.tags), []),
        "max_attempts": (task.max_attempts, kind.max_attempts),
        "timeout_s": (task.timeout_s, kind.timeout_s),
        "private": (task.private, False),
        # A task that exists runs at once when it is created once more, and tells nobody.
        "run_at": (task.run_at if isinstance(task, NewTask) else None, None),
        "notify": (list(map(str, task.notify)) if isinstance(task, NewTask) else [], []),
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
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _marked(inner, mark) for name, inner in value.items()}
    return [_marked(inner, mark) for inner in value] if isinstance(value, list) else value


class _Code(str):
    """What stands in a Python program as it is."""

    def __repr__(self) -> str:
        return str(self)


def _python(type: str, params: dict[str, Any], options: dict[str, Any], secret: bool, file: bool) -> str:
    given = [f"        {name!r}: {_literal(value)}," for name, value in params.items()]
    inside = [
        f"        {_literal(type)},",
        *(["        {", *(f"    {line}" for line in given), "        },"] if given else []),
        *(f"        {name}={_literal(value)}," for name, value in options.items()),
    ]
    head = ["import os"] if secret else []
    head += ["from datetime import datetime"] if "run_at" in options else []
    head += ["from pathlib import Path"] if file else []
    return "\n".join(
        [
            *head,
            *([""] if head else []),
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
    if isinstance(value, _File):
        return _Code(f"Path({value.path!r})")
    if isinstance(value, Variable):
        return _Code(f'os.environ["{value.name}"]')
    if isinstance(value, datetime):
        return _Code(f'datetime.fromisoformat("{value.isoformat()}")')
    if isinstance(value, dict):
        return {name: _for_python(inner) for name, inner in value.items()}
    return [_for_python(inner) for inner in value] if isinstance(value, list) else value


_FLAGS = {"max_attempts": "--max-attempts", "timeout_s": "--task-timeout"}


def _with_paths(value: Any) -> Any:
    """Return parameters whose words name files by paths."""
    if isinstance(value, _File):
        return Variable(value.path)
    if isinstance(value, dict):
        return {name: _with_paths(inner) for name, inner in value.items()}
    return [_with_paths(inner) for inner in value] if isinstance(value, list) else value


def _dtq(kind: TaskType, params: dict[str, Any], options: dict[str, Any]) -> str:
    words = ["dtq", "submit", kind.name]
    try:
        for name, value in params.items():
            words += written(kind.schema, name, _with_paths(value))
    except ValueError:
        return ""
    for name, value in options.items():
        if name == "private":
            words.append("--private")
        elif name in ("tags", "notify"):
            words += [f"--{name.removesuffix('s')}={each}" for each in value]
        elif name == "run_at":
            words.append(f"--run-at={value.isoformat()}")
        else:
            words.append(f"{_FLAGS.get(name, f'--{name}')}={value}")
    return " ".join(map(quote, words)) if all(map(str.isprintable, words)) else ""
