"""A new task as a program sends it: parameters held against the schema, files against the rights, the rest
against the limits of every task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from bson import ObjectId

from app.core.catalog import MAX_TITLE, TaskType
from app.core.errors import Invalid
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.file_types import accepted, not_accepted
from app.core.params.paths import at, every, file_ids
from app.core.params.validate import validate
from app.core.tasks.limits import MAX_ATTEMPTS, MAX_TIMEOUT_S, wrong_run_at, wrong_tags
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, one_line, tag_of

LOOKED_UP_AT_ONCE = 1_000


class Usable(Protocol):
    """Says which files a new task may name."""

    def usable(self, file_ids: Iterable[Any]) -> dict[str, StoredFile]: ...


@dataclass(frozen=True)
class Inputs:
    """Parameters that are right, with the files that they name, each once, in the order of the form."""

    params: dict[str, Any]
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True)
class TaskRequest:
    """A task as it is asked for; nothing of it is checked. None is what its type says.

    ``unread`` are sentences about parameters that could not even be read, by their paths as in `Invalid`.
    """

    type: str
    params: Any
    title: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    private: bool = False
    notify: tuple[ObjectId, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass
class KnownFiles:
    """The files of many requests, each looked up once; ``files`` knows the rights."""

    files: Usable
    known: dict[str, StoredFile | None] = field(default_factory=dict)

    def look_up(self, values: Iterable[Any]) -> dict[str, StoredFile]:
        """Look up at once whatever in these values may be the ID of a file; returns those that are."""
        ids = list(dict.fromkeys(text for value in values for text in _ids_in(value)))
        for at_ in range(0, len(ids), LOOKED_UP_AT_ONCE):
            self.usable(ids[at_ : at_ + LOOKED_UP_AT_ONCE])
        return {one: file for one in ids if (file := self.known[one])}

    def usable(self, file_ids: Iterable[Any]) -> dict[str, StoredFile]:
        ids = [*file_ids]
        if new := [one for one in ids if one not in self.known]:
            found = self.files.usable(new)
            self.known.update({one: found.get(one) for one in new})
        return {one: file for one in ids if (file := self.known[one])}


def _ids_in(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) == 24 and ObjectId.is_valid(value):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _ids_in(part)


def checked_task(kind: TaskType, fields: list[Field], asked: TaskRequest, files: Usable) -> NewTask:
    """Return a new task of a type, without an owner; ``fields`` are those of the type.

    Raises Invalid with a sentence for each field that is wrong: `params.` and the path of a parameter, or
    the name of what else may be chosen.
    """
    tags = tuple(dict.fromkeys(filter(None, map(tag_of, asked.tags))))
    problems = {
        "title": "" if len(asked.title) <= MAX_TITLE else f"Use {MAX_TITLE} characters or fewer.",
        "tags": wrong_tags(tags),
        "run_at": wrong_run_at(asked.run_at),
        "max_attempts": _wrong_number(asked.max_attempts, MAX_ATTEMPTS),
        "timeout_s": _wrong_number(asked.timeout_s, MAX_TIMEOUT_S),
    }
    inputs = Inputs({})
    if asked.unread:  # What several parameters say together, they say once each was read.
        kind = replace(kind, schema={word: about for word, about in kind.schema.items() if word != "checks"})
    try:
        inputs = checked_inputs(kind, asked.params, files, fields=fields)
    except Invalid as error:
        if not error.fields:
            raise
        problems |= {f"params.{path}": sentence for path, sentence in error.fields.items()}
    problems |= asked.unread
    if wrong := {path: sentence for path, sentence in problems.items() if sentence}:
        raise Invalid("Check the fields.", wrong)
    return NewTask(
        type=kind.name,
        params=inputs.params,
        title=one_line(asked.title) or kind.default_title(inputs.files),
        priority=kind.priority if asked.priority is None else asked.priority,
        tags=tags,
        run_at=asked.run_at,
        timeout_s=asked.timeout_s or kind.timeout_s,
        max_attempts=asked.max_attempts or kind.max_attempts,
        files=tuple(file.id for file in inputs.files),
        private=asked.private,
        notify=asked.notify,
    )


def _wrong_number(number: int | None, most: int) -> str:
    return "" if number is None or 1 <= number <= most else f"Enter a whole number from 1 to {most:,}."


def checked_inputs(
    kind: TaskType,
    values: Any,
    files: Usable,
    gone: Callable[[str], str] | None = None,
    fields: list[Field] | None = None,
) -> Inputs:
    """Return the inputs of a new task of a type.

    ``gone`` makes the sentence for a file that is not there, of the path of its parameter; ``fields`` are
    those of the type, where they are at hand. Raises Invalid with a sentence for each parameter, by its path.
    """
    fields = kind.fields if fields is None else fields
    params = validate(kind.schema, values, fields)
    if not any(each.kind.takes_files for _, each in every(fields)):
        return Inputs(params)
    named = file_ids(fields, params)
    known = files.usable([one for ids in named.values() for one in ids])
    problems = {
        path: gone(path) if gone else "There is no such file. Upload it first."
        for path, ids in named.items()
        if any(one not in known for one in ids)
    }
    problems |= _not_accepted(fields, named, known)
    if problems:
        raise Invalid("Check the parameters.", problems)
    found = {one: known[one] for ids in named.values() for one in ids}
    return Inputs(params, tuple(found.values()))


def _not_accepted(
    fields: list[Field], named: Mapping[str, list[str]], known: Mapping[str, StoredFile]
) -> dict[str, str]:
    return {
        path: not_accepted(found, known[one].name)
        for path, ids in named.items()
        if (found := at(fields, path.split("."))[1])
        for one in ids
        if one in known and not accepted(found, known[one].name, known[one].content_type)
    }
