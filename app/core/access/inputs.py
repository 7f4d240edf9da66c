"""Parameters of a new task as a program sends them: held against the schema, the files against the rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.access.files import FileAccess
from app.core.catalog import TaskType
from app.core.errors import Invalid
from app.core.files.store import StoredFile
from app.core.params.file_types import accepted, not_accepted
from app.core.params.paths import at, file_ids
from app.core.params.validate import validate


@dataclass(frozen=True)
class Inputs:
    """Parameters that are right, with the files that they name, each once, in the order of the form."""

    params: dict[str, Any]
    files: tuple[StoredFile, ...] = ()


def checked_inputs(
    kind: TaskType, values: Any, files: FileAccess, gone: Callable[[str], str] | None = None
) -> Inputs:
    """Return the inputs of a new task of a type.

    ``gone`` makes the sentence for a file that is not there, of the path of its parameter. Raises Invalid
    with a sentence for each parameter, by its path.
    """
    params = validate(kind.schema, values, kind.fields)
    named = file_ids(kind.fields, params)
    known = files.usable([one for ids in named.values() for one in ids])
    problems = {
        path: gone(path) if gone else "There is no such file. Upload it first."
        for path, ids in named.items()
        if any(one not in known for one in ids)
    }
    problems |= _not_accepted(kind, named, known)
    if problems:
        raise Invalid("Check the parameters.", problems)
    found = {one: known[one] for ids in named.values() for one in ids}
    return Inputs(params, tuple(found.values()))


def _not_accepted(
    kind: TaskType, named: Mapping[str, list[str]], known: Mapping[str, StoredFile]
) -> dict[str, str]:
    return {
        path: not_accepted(field, known[one].name)
        for path, ids in named.items()
        if (field := at(kind.fields, path.split("."))[1])
        for one in ids
        if one in known and not accepted(field, known[one].name, known[one].content_type)
    }
