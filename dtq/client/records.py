"""What the server answers, as frozen dataclasses. Times are aware, in UTC; what is not known is ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from dtq.client.errors import BadAnswer

Priority = Literal["high", "medium", "low"]
Status = Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]
Sort = Literal["created", "started", "finished", "priority", "duration", "queue_time"]
Channel = Literal["webhook", "email", "slack", "discord", "teams"]
Scope = Literal["own", "any", "chosen"]
Density = Literal["comfortable", "compact"]
Period = Literal["1h", "24h", "7d"]
BulkAction = Literal["cancel", "retry", "reprioritize", "delete", "clone", "tag", "untag"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a task is; ``total`` is None where it is not known."""

    done: float | None
    total: float | None
    message: str


@dataclass(frozen=True, kw_only=True)
class TaskError:
    """Why the last attempt failed."""

    kind: str
    type: str
    message: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class TaskFile:
    """A file that a task was given or made; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    content_type: str
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt that has ended."""

    attempt: int | None
    worker: str | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    message: str


@dataclass(frozen=True, kw_only=True)
class TaskFields:
    """What a list says of a task."""

    id: str
    type: str
    title: str
    status: Status
    priority: Priority
    owner: str
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

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or been canceled."""
        return self.status in ("succeeded", "failed", "canceled")


@dataclass(frozen=True, kw_only=True)
class WholeTaskFields:
    """What is said of a task besides, where it is asked for alone."""

    params: dict[str, Any]
    has_result: bool
    parent: str | None
    child_of: str | None
    actions: list[str]


@dataclass(frozen=True, kw_only=True)
class TypeSummary:
    """A task type; ``usable``: you may create tasks of it; ``served``: a running worker has it.

    ``paused``: no other task of it starts.
    """

    name: str
    title: str
    category: str
    summary: str
    priority: Priority
    timeout_s: int
    max_attempts: int
    served: bool
    usable: bool
    paused: bool


@dataclass(frozen=True, kw_only=True)
class TypeDetails(TypeSummary):
    """A task type with its help and the JSON Schema (2020-12) of its parameters."""

    help: str
    params_schema: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process that runs; ``task`` is the ID of its task, where you may see it."""

    name: str
    host: str
    pid: int
    version: str
    state: str
    started_at: datetime
    seen_at: datetime
    processed: int
    task: str | None
    types: list[str]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One of the three queues; counts stop at 10,001. ``oldest`` is when its first task was queued.

    ``paused``: no other task of it starts.
    """

    priority: Priority
    waiting: int
    running: int
    oldest: datetime | None
    paused: bool


@dataclass(frozen=True, kw_only=True)
class Me:
    """Whose token this is. ``permissions`` map to own or any; ``types`` is None for a token for all."""

    id: str
    name: str
    role: str
    groups: list[str]
    permissions: dict[str, Literal["own", "any"]]
    types: list[str] | None


@dataclass(frozen=True, kw_only=True)
class BulkSkipped:
    """Tasks that a bulk operation skipped for a reason, and the first 100 of them."""

    count: int
    ids: list[str]


@dataclass(frozen=True, kw_only=True)
class BulkOperation:
    """The same change to many tasks. ``skipped`` is by reason, such as gone, denied, or a status.

    ``most`` is how many tasks it may change; ``reason`` is why it was stopped.
    """

    id: str
    action: BulkAction
    priority: Priority | None
    filter: dict[str, str] | None
    ids: list[str]
    owner: str
    owner_name: str
    state: Literal["running", "stopped", "ended"]
    stop_requested: bool
    reason: str | None
    message: str
    most: int | None
    done: int
    skipped: dict[str, BulkSkipped]
    created_at: datetime
    ended_at: datetime | None
    tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class BulkPreview:
    """How many tasks a bulk operation would change; counts stop at 10,001.

    ``unaffected`` are in the queue already; ``denied`` are tasks that you may not change.
    """

    count: int
    unaffected: int
    denied: int


@dataclass(frozen=True, kw_only=True)
class View:
    """A saved view of the list: a filter, a sort and columns under a name. ``version`` counts changes."""

    id: str
    name: str
    filter: dict[str, str]
    columns: list[str]
    density: str
    shared: bool
    owner: str
    owner_name: str
    version: int
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A subscription, by webhook, e-mail or chat. ``version`` counts changes.

    ``secret`` is there once, when it is new. ``off`` says why it was turned off by itself; ``dropped`` counts
    messages for which there was no room.
    """

    id: str
    name: str
    channel: Channel
    address: str
    events: list[str]
    scope: Scope
    types: list[str]
    filter: dict[str, str]
    count: int
    minutes: int
    wait_minutes: int
    enabled: bool
    off: str | None
    dropped: int
    owner: str
    version: int
    created_at: datetime
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """An attempt to send. ``outcome`` says how it ended, ``status`` what the receiver answered."""

    at: datetime
    outcome: str
    status: int | None
    duration_ms: int
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message to one subscription; ``message_id`` is the `webhook-id` of each attempt."""

    id: str
    message_id: str
    webhook: str
    event: str
    subject: str
    task: str | None
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    created_at: datetime
    next_at: datetime | None
    last_attempts: list[DeliveryAttempt]


@dataclass(frozen=True, kw_only=True)
class StatsPoint:
    """What was recorded from ``start`` to ``end``, which is excluded; None for what is not known.

    ``failure_rate`` and ``utilization`` are from 0 to 1; times are in seconds.
    """

    start: datetime
    end: datetime
    succeeded: int | None
    failed: int | None
    canceled: int | None
    failure_rate: float | None
    queue_time_p50_s: float | None
    queue_time_p95_s: float | None
    utilization: float | None
    waiting: int | None
    oldest_wait_s: float | None


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The points of a period, oldest first: a minute, 30 minutes or 3 hours each."""

    period: Period
    points: list[StatsPoint]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: type[T], found: Any) -> T:
    """Return what the server sent as an instance. Raises BadAnswer."""
    try:
        return cast(T, _adapter(cast(Any, kind)).validate_python(found))
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise BadAnswer(
            f"The server's answer is not of this API (at “{where}”). Check the URL, and the versions of both."
        ) from None
