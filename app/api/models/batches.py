"""Batches: tasks that are created at once, and what has become of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SkipValidation

from app.api.models.common import Body, StatusWord
from app.api.models.problems import FieldProblem
from app.api.models.tasks import NewTask
from app.core.batches.batch import MAX_TITLE, MOST_TASKS


class NewBatch(Body):
    """Tasks to create at once. In the mode ``each``, the right ones are created, the others told."""

    tasks: list[Annotated[NewTask, SkipValidation]] = Field(min_length=1, max_length=MOST_TASKS)
    mode: Literal["all", "each"] = "all"
    title: str | None = Field(
        None, max_length=MAX_TITLE, description="Default: the type's and the number of tasks."
    )


class ResultsQuery(Body):
    """How the results of a batch are written."""

    format: Literal["jsonl", "csv", "parquet"] = "jsonl"


class BatchCreated(BaseModel):
    """A batch that was created. ``task_ids`` are in the order sent, null for what was rejected."""

    id: str
    total: int
    created: int
    rejected: int
    task_ids: list[str | None]
    errors: list[FieldProblem] = Field(description="Of the tasks that were rejected; the first 1,000.")


class BatchSummary(BaseModel):
    """A batch in a list; ``types`` are those of its tasks."""

    id: str
    title: str
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    private: bool
    types: list[str]
    created_at: datetime


class BatchFailure(BaseModel):
    """Failed tasks of one type with errors alike."""

    type: str
    error: str
    count: int


class Batch(BatchSummary):
    """A batch. ``counts`` are by status; durations are of tasks that succeeded, null where none did."""

    total: int = Field(description="The tasks that were sent, those rejected as well.")
    created: int
    rejected: int
    ended: int = Field(description="The tasks that have ended or were deleted.")
    deleted: int
    counts: dict[StatusWord, int]
    duration_median_s: float | None
    duration_p95_s: float | None
    failures: list[BatchFailure]


class Batches(BaseModel):
    """A page of batches, newest first; ``next`` is null where there is nothing further."""

    batches: list[BatchSummary]
    next: str | None
