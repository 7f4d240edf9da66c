"""Tasks: what creates and changes one, and a task alone and in lists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, StrictBool, StrictInt

from app.api.models.common import Body, Id, PriorityWord, StatusWord, integral
from app.core.catalog import MAX_TITLE
from app.core.tasks.limits import MAX_ATTEMPTS, MAX_TAG, MAX_TAGS, MAX_TIMEOUT_S

LONGEST_WAIT_S = 60
Attempts = Annotated[StrictInt, Field(ge=1, le=MAX_ATTEMPTS), BeforeValidator(integral)]
Timeout = Annotated[StrictInt, Field(ge=1, le=MAX_TIMEOUT_S), BeforeValidator(integral)]


class NewTask(Body):
    """A task to create."""

    type: str = Field(
        min_length=1, max_length=200, description="The name of a task type, as /types lists them."
    )
    params: dict[str, Any] = Field(
        {},
        description="By name, as the type's schema says. A file is the ID that POST /files answers.",
    )
    priority: PriorityWord | None = Field(None, description="Default: the type's.")
    title: str | None = Field(
        None, max_length=MAX_TITLE, description="Default: the type's and the names of files."
    )
    tags: list[str] = Field([], max_length=MAX_TAGS, description=f"Up to {MAX_TAG} characters each.")
    run_at: AwareDatetime | None = Field(None, description="When to run, with an offset or Z. Default: now.")
    max_attempts: Attempts | None = Field(None, description="Default: the type's.")
    timeout_s: Timeout | None = Field(None, description="Of an attempt, in seconds.")
    private: StrictBool = Field(False, description="For its owner and operators only.")
    notify: list[Id] = Field(
        [],
        max_length=20,
        description="IDs of your own subscriptions, which are told when the task has ended.",
    )


class NewPriority(Body):
    """Another priority."""

    priority: PriorityWord


class Progress(BaseModel):
    """How far a task is; ``total`` is null where it is not known."""

    done: float | None = None
    total: float | None = None
    message: str = ""


class TaskError(BaseModel):
    """Why the last attempt failed; in lists, without the traceback."""

    kind: str
    type: str
    message: str
    traceback: str = ""


class TaskSummary(BaseModel):
    """A task in a list."""

    id: str
    type: str
    title: str
    status: StatusWord
    priority: PriorityWord
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    tags: list[str]
    private: bool
    created_at: datetime
    run_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    max_attempts: int
    timeout_s: int
    worker: str | None
    progress: Progress | None
    error: TaskError | None
    cancel_requested: bool


class Task(TaskSummary):
    """A task."""

    params: dict[str, Any] = Field(description="Secrets are masked.")
    has_result: bool
    parent: str | None = Field(description="The task whose inputs were used.")
    child_of: str | None = Field(description="The task that submitted this one.")
    actions: list[str] = Field(description="What you may do now: cancel, retry, reprioritize, clone, delete.")


class TaskList(BaseModel):
    """A page of a list; ``next`` and ``previous`` are addresses, null where there is nothing further."""

    tasks: list[TaskSummary]
    next: str | None
    previous: str | None


class WaitQuery(Body):
    """How long an answer may be held back."""

    wait: int = Field(
        0,
        ge=0,
        le=LONGEST_WAIT_S,
        description="Answer when the task has ended, after this many seconds at most.",
    )
