"""Tasks that a task submits, as `Context.submit` asks for them and `Context.children` lists them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, Unpack

from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python

from dtq.files import File

Priority = Literal["high", "medium", "low"]
SAVED = frozenset({"file_id", "name", "size", "sha256", "content_type"})
"""What `Context.save_file` returns."""


class NotSubmitted(Exception):
    """A task was refused, and was not created.

        try:
            ctx.submit("clean_table", source=part)
        except NotSubmitted as error:
            ctx.log(f"{part.name} is left out: {error}")

    ``fields`` maps the name of what was wrong, such as `params.source`, to a sentence. Where nobody catches
    it, the attempt fails, and the next one finds the tasks that were created before.
    """

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


@dataclass(frozen=True)
class ChildTask:
    """A task that this task has submitted, as it is now.

        failed = [child.title for child in ctx.children() if child.status == "failed"]

    It does not change afterwards; ask again.
    """

    id: str
    type: str
    title: str
    status: Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]


class ChildOptions(TypedDict, total=False):
    """What `Context.submit` takes besides the parameters of the type."""

    key: str | None
    priority: Priority | None
    title: str | None
    tags: Sequence[str]
    run_at: datetime | None
    max_attempts: int | None
    timeout_s: int | None


@dataclass(frozen=True)
class Submission:
    """A task as a task asks for it: ``params`` are JSON, files are IDs; None is the default of its type."""

    type: str
    params: dict[str, Any]
    key: str | None = None
    title: str | None = None
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None

    def __post_init__(self) -> None:
        """Raises TypeError and ValueError."""
        if self.priority not in (None, "high", "medium", "low"):
            raise ValueError(f"priority takes high, medium or low, not {self.priority!r}.")
        if self.run_at is not None and self.run_at.tzinfo is None:
            raise ValueError("Give run_at a time zone, such as datetime.now(timezone.utc).")


class Submits(Protocol):
    """A `dtq.Context`."""

    def submit(self, type: str, params: Mapping[str, Any], /, **options: Unpack[ChildOptions]) -> str: ...


@dataclass(frozen=True)
class Prepared:
    """A context with options for what it submits."""

    context: Submits
    options: ChildOptions

    def submit(self, type: str, params: Mapping[str, Any], /) -> str:
        """Create a task as `Context.submit` does."""
        return self.context.submit(type, params, **self.options)


class Recorder:
    """Keeps what a task submits where no server would run it."""

    def __init__(self) -> None:
        self.submitted: list[Submission] = []
        self._children: list[ChildTask] = []

    def submit(self, submission: Submission) -> str:
        """Keep it; return an ID, the same again for the same ``key``. Raises NotSubmitted."""
        for known, child in zip(self.submitted, self._children, strict=True):
            if submission.key is not None and known.key == submission.key:
                if known != submission:
                    raise NotSubmitted("This key was used for another task of the same parent.")
                return child.id
        child = ChildTask(
            uuid.uuid4().hex[:24], submission.type, submission.title or submission.type, "queued"
        )
        self.submitted.append(submission)
        self._children.append(child)
        return child.id

    def children(self) -> list[ChildTask]:
        return list(self._children)


def given(value: Any) -> Any:
    """Return a parameter as JSON: a file as its ID, a secret as its text. Raises TypeError."""
    if isinstance(value, File):
        if not value.id:
            raise TypeError(f"{value.name} is no file of the server: keep it with ctx.save_file first.")
        return value.id
    if isinstance(value, Path):
        raise TypeError(f"Keep {value.name} with ctx.save_file first, and give what that returns.")
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        value = {about.alias or name: getattr(value, name) for name, about in fields.items()}
    if isinstance(value, Mapping):
        if value.keys() == SAVED:
            return value["file_id"]
        return {str(name): given(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [given(inner) for inner in value]
    return to_jsonable_python(value)
