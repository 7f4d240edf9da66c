"""Task types, workers, queues, statistics, and who asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.models.common import Body, PriorityWord
from app.core.queue.pauses import MAX_WHY


class TaskTypeSummary(BaseModel):
    """A task type in a list; ``usable``: you may create tasks of it; ``served``: a running worker has it.

    ``paused``: no other task of it starts.
    """

    name: str
    title: str
    category: str
    summary: str
    priority: PriorityWord
    timeout_s: int
    max_attempts: int
    served: bool
    usable: bool
    paused: bool


class TaskType(TaskTypeSummary):
    """A task type; ``params_schema`` is the JSON Schema (2020-12) of its parameters."""

    help: str
    params_schema: dict[str, Any]


class TaskTypes(BaseModel):
    """The task types that workers have published, by category and title."""

    types: list[TaskTypeSummary]


class Worker(BaseModel):
    """A worker process that was heard of within 30 seconds."""

    name: str
    host: str
    pid: int
    version: str
    state: str
    started_at: datetime
    seen_at: datetime
    processed: int
    task: str | None = Field(description="The ID of the task that it runs, where you may see it.")
    types: list[str]


class Workers(BaseModel):
    """The running workers."""

    workers: list[Worker]


class Queue(BaseModel):
    """A priority; counts stop at 10,001. ``oldest`` is when the task that waits longest was queued.

    ``paused``: no other task of it starts.
    """

    priority: PriorityWord
    waiting: int
    running: int
    oldest: datetime | None
    paused: bool


class Queues(BaseModel):
    """The three queues, high first."""

    queues: list[Queue]


class NewPause(Body):
    """A pause to begin."""

    why: str = Field("", max_length=MAX_WHY, description="For people who see the pause.")


class StatsQuery(Body):
    """Over which period."""

    period: Literal["1h", "24h", "7d"] = "1h"


class StatsPoint(BaseModel):
    """What was recorded from ``start`` to ``end``, which is excluded; null for what is not known.

    A task that was retried or deleted later still counts here.
    """

    start: datetime
    end: datetime
    succeeded: int | None
    failed: int | None
    canceled: int | None
    failure_rate: float | None = Field(
        description="The share of the failed among the succeeded and failed, from 0 to 1."
    )
    queue_time_p50_s: float | None = Field(description="Of the tasks that ended, within 10 %.")
    queue_time_p95_s: float | None = Field(description="Of the tasks that ended, within 10 %.")
    utilization: float | None = Field(description="The share of the workers that ran a task, from 0 to 1.")
    waiting: int | None = Field(description="The most tasks that were seen waiting.")
    oldest_wait_s: float | None = Field(description="The longest that a task was seen to have waited.")


class Stats(BaseModel):
    """The points of a period, oldest first: a minute, 30 minutes or 3 hours each."""

    period: Literal["1h", "24h", "7d"]
    points: list[StatsPoint]


class Me(BaseModel):
    """Who asks; permissions map to own or any."""

    id: str
    name: str
    role: str
    groups: list[str]
    permissions: dict[str, Literal["own", "any"]]
    types: list[str] | None = Field(description="The task types that the token is for; null for all.")
