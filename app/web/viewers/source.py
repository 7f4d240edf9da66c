"""The value that a result is: from the task's document, or from the beginning of the file that it became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pydantic_core import from_json

from app.core.files import StoredFile
from app.core.task import Task

MOST_READ = 2**20  # Of a file, whatever its size: what a page needs and a process can spare.
Head = Callable[[ObjectId, int], bytes]


@dataclass(frozen=True)
class Source:
    """``file`` is where the whole of it can be had; without ``whole`` only its beginning was read."""

    value: Any
    whole: bool = True
    file: StoredFile | None = None


def source_of(task: Task, outputs: dict[str, StoredFile], head: Head) -> Source | None:
    """None where there is none that can be shown. A file that nobody chose a kind for is not read."""
    if task.result_file is None:
        return Source(task.result) if task.result is not None else None
    stored = outputs.get(str(task.result_file))
    if stored is None or task.result_kind == "auto":
        return None
    return _read(stored, head(stored.id, MOST_READ))


def _read(stored: StoredFile, content: bytes) -> Source | None:
    whole = len(content) >= stored.size
    try:
        if whole:
            return Source(from_json(content), True, stored)
        return Source(_without_last(from_json(content, allow_partial="trailing-strings")), False, stored)
    except ValueError:  # Deeper than its reader goes, or a lone surrogate: what JSON allows and pages do not.
        return None


def _without_last(value: Any) -> Any:
    """A value that was cut off, without the part of it that may be half there."""
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, dict) and value:
        *_, last = value
        rest = {name: each for name, each in value.items() if name != last}
        nested = isinstance(value[last], (list, dict))
        return {**rest, last: _without_last(value[last])} if nested else rest
    return value
