"""The value that a result is: from the task's document, or from the beginning of the file that it became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pydantic_core import from_json

from app.core.excerpts import MARK, without_begun
from app.core.files.store import StoredFile
from app.core.tasks.task import Task

MOST_READ = 2**20  # Of a file, whatever its size: what a page needs and a process can spare.
Head = Callable[[ObjectId, int], bytes]


@dataclass(frozen=True)
class ResultSource:
    """``file`` is where the whole of it can be had; without ``whole`` only its beginning was read.

    ``raw`` is a value that is no result but the beginning of its file, as it is written there.
    """

    value: Any
    whole: bool = True
    file: StoredFile | None = None
    raw: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the whole result is a text."""
        return isinstance(self.value, str) and (not self.raw or self.value.startswith('"'))


def source_of(task: Task, outputs: dict[str, StoredFile], head: Head) -> ResultSource | None:
    """None where there is none that can be shown."""
    if task.result_file is None:
        return ResultSource(task.result) if task.result is not None else None
    stored = outputs.get(str(task.result_file))
    return None if stored is None else _read(stored, head(stored.id, MOST_READ))


def _read(stored: StoredFile, content: bytes) -> ResultSource:
    whole = len(content) >= stored.size
    try:
        if whole:
            return ResultSource(from_json(content), True, stored)
        return ResultSource(
            _of_what_is_there(from_json(content, allow_partial="trailing-strings")), False, stored
        )
    except ValueError:  # Deeper than its reader goes, or a lone surrogate: what JSON allows and pages do not.
        return ResultSource(without_begun(content).decode("utf-8", "replace"), whole, stored, raw=True)


def _of_what_is_there(value: Any) -> Any:
    """A value that was cut off, without the part of it that may be half there; of a text its beginning."""
    if isinstance(value, str):
        return value + MARK
    if isinstance(value, list) and value:
        return value[:-1] or _rest_of(value[-1], [], lambda rest: [rest])
    if isinstance(value, dict) and value:
        *_, last = value
        rest = {name: inner for name, inner in value.items() if name != last}
        return _rest_of(value[last], rest, lambda inner: {**rest, last: inner})
    return value


def _rest_of(last: Any, without: Any, having: Callable[[Any], Any]) -> Any:
    """What a list or an object is with the beginning of its last part, where that can have one."""
    return having(_of_what_is_there(last)) if isinstance(last, (str, list, dict)) else without
