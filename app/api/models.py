"""What the API takes and answers. Times are RFC 3339 in UTC; a field that is not known is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SkipValidation, StrictBool, StrictInt

from app.core.batches.batch import MAX_TITLE as MAX_BATCH_TITLE
from app.core.batches.batch import MOST_TASKS
from app.core.catalog import MAX_TITLE
from app.core.notifications.events import CHOSEN
from app.core.queue.pauses import MAX_WHY
from app.core.tasks.limits import MAX_ATTEMPTS, MAX_TAG, MAX_TAGS, MAX_TIMEOUT_S
from app.core.tasks.states import Priority, Status

PriorityWord = Literal["high", "medium", "low"]
StatusWord = Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]
if {word.word for word in Priority} != set(get_args(PriorityWord)):
    raise TypeError("PriorityWord and Priority differ")
if {status.value for status in Status} != set(get_args(StatusWord)):
    raise TypeError("StatusWord and Status differ")

EventName = Literal[
    "task.succeeded", "task.failed", "task.canceled", "tasks.failing", "task.waiting", "type.unserved"
]
if {event.value for event in CHOSEN} != set(get_args(EventName)):
    raise TypeError("EventName and EventType differ")

LONGEST_WAIT_S = 60


class Body(BaseModel):
    """What a program sends."""

    model_config = ConfigDict(extra="forbid")


class NewTask(Body):
    """A task to create."""

    type: str = Field(max_length=200, description="The name of a task type, as /types lists them.")
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
    max_attempts: StrictInt | None = Field(None, ge=1, le=MAX_ATTEMPTS, description="Default: the type's.")
    timeout_s: StrictInt | None = Field(
        None, ge=1, le=MAX_TIMEOUT_S, description="Of an attempt, in seconds."
    )
    private: StrictBool = Field(False, description="For its owner and operators only.")
    notify: list[str] = Field(
        [],
        max_length=20,
        description="IDs of your own subscriptions, which are told when the task has ended.",
    )


class NewBatch(Body):
    """Tasks to create at once. In the mode ``each``, the right ones are created, the others told."""

    tasks: list[Annotated[NewTask, SkipValidation]] = Field(min_length=1, max_length=MOST_TASKS)
    mode: Literal["all", "each"] = "all"
    title: str | None = Field(
        None, max_length=MAX_BATCH_TITLE, description="Default: the type's and the number of tasks."
    )


class NewPause(Body):
    """A pause to begin."""

    why: str = Field("", max_length=MAX_WHY, description="For people who see the pause.")


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


class Attempt(BaseModel):
    """An attempt that has ended. ``outcome`` is null for attempts that an older version recorded."""

    attempt: int | None
    worker: str | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    message: str


class Attempts(BaseModel):
    """The attempts of a task that have ended, oldest first; the last 20 are kept."""

    attempts: list[Attempt]


class StoredFile(BaseModel):
    """A file of a task, or one for a task to come; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    content_type: str
    sha256: str | None


class Files(BaseModel):
    """The files of a task, oldest first."""

    files: list[StoredFile]


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


BulkAction = Literal["cancel", "retry", "reprioritize", "delete", "clone", "tag", "untag"]


class BulkChoice(Body):
    """What to do, and to which tasks: those of ``ids``, or all that a ``filter`` matches."""

    action: BulkAction
    priority: PriorityWord | None = Field(None, description="Where to reprioritize to.")
    tag: str | None = Field(None, max_length=200, description="What tag adds and untag removes.")
    ids: list[str] | None = Field(None, min_length=1, max_length=1000)
    filter: dict[str, str] | None = Field(
        None, description='As the query of GET /tasks: {"status": "failed"}; {} is every task.'
    )


class NewBulk(BulkChoice):
    """A bulk operation to start."""

    most: StrictInt | None = Field(
        None, ge=0, description="Change no more tasks than this, such as the count of a preview."
    )


class BulkPreview(BaseModel):
    """How many tasks would change; counts stop at 10,001. ``unaffected`` are already as they would become."""

    count: int
    unaffected: int
    denied: int = Field(description="Tasks that you may not change.")


class BulkSkipped(BaseModel):
    """Tasks that were skipped for a reason, and the first 100 of them."""

    count: int
    ids: list[str]


class BulkOperation(BaseModel):
    """A bulk operation.

    ``skipped`` is by reason: gone, denied, changed, refused, there, full, unfit, or a status.
    """

    id: str
    action: BulkAction
    priority: PriorityWord | None
    tag: str | None
    filter: dict[str, str] | None
    ids: list[str]
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    state: Literal["running", "stopped", "ended"]
    stop_requested: bool
    reason: str | None = Field(
        description="Why it was stopped: asked, disabled, forbidden, filter, quota, error."
    )
    message: str
    most: int | None
    done: int
    skipped: dict[str, BulkSkipped]
    created_at: datetime
    ended_at: datetime | None


class BulkOperations(BaseModel):
    """A page of bulk operations, newest first; ``next`` is null where there is nothing further."""

    operations: list[BulkOperation]
    next: str | None


class FieldProblem(BaseModel):
    """What is wrong with a part of the body: a JSON pointer (RFC 6901) and a sentence."""

    pointer: str
    detail: str


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


class AfterQuery(Body):
    """Where a page begins."""

    after: str = Field("", max_length=200, description="As an answer's `next` has it.")


class Problem(BaseModel):
    """A problem (RFC 9457); ``type`` is stable, ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = []


class WaitQuery(Body):
    """How long an answer may be held back."""

    wait: int = Field(
        0,
        ge=0,
        le=LONGEST_WAIT_S,
        description="Answer when the task has ended, after this many seconds at most.",
    )


class AttemptQuery(Body):
    """Of which attempt."""

    attempt: int | None = Field(None, ge=1, description="Default: the last.")


class UploadQuery(Body):
    """What the file is called."""

    name: str = Field("", max_length=255)
    type: str = Field("application/octet-stream", max_length=255, description="Its media type.")


class NewWebhook(Body):
    """A subscription: what happens to tasks is told to an address, by a webhook or an e-mail."""

    name: str = Field(max_length=80)
    channel: Literal["webhook", "email"] = "webhook"
    address: str = Field(max_length=2000, description="A URL, or an e-mail address.")
    events: list[EventName] = Field([], description="Empty only with the scope chosen.")
    scope: Literal["own", "any", "chosen"] = Field(
        "own", description="Your tasks, all that you may see, or those that name it in `notify`."
    )
    types: list[str] = Field([], max_length=200, description="Names of task types; empty: all.")
    filter: dict[str, str] = Field({}, description="Of the query of GET /tasks: q, tag, owner, priority.")
    count: StrictInt = Field(3, ge=1, le=1000, description="Of tasks.failing: so many tasks…")
    minutes: StrictInt = Field(10, ge=1, le=1440, description="…within so many minutes.")
    wait_minutes: StrictInt = Field(10, ge=1, le=1440, description="Of task.waiting.")
    enabled: StrictBool = True


class Webhook(BaseModel):
    """A subscription. ``secret`` is there once, when it is new: in the answers of create and of rotate."""

    id: str
    name: str
    channel: Literal["webhook", "email"]
    address: str
    events: list[EventName]
    scope: Literal["own", "any", "chosen"]
    types: list[str]
    filter: dict[str, str]
    count: int
    minutes: int
    wait_minutes: int
    enabled: bool
    off: Literal["gone", "dead"] | None = Field(
        description="Why it was turned off by itself: the receiver answered 410, or took nothing."
    )
    dropped: int = Field(description="Messages for which there was no room since it was last changed.")
    owner: str = Field(description="The ID of a user.")
    version: int
    created_at: datetime
    secret: str | None = None


class Webhooks(BaseModel):
    """Your subscriptions, newest first."""

    webhooks: list[Webhook]


class DeliveryAttempt(BaseModel):
    """An attempt to send. ``outcome`` says how it ended, ``status`` what the receiver answered."""

    at: datetime
    outcome: str
    status: int | None
    duration_ms: int
    excerpt: str


class Delivery(BaseModel):
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


class Deliveries(BaseModel):
    """A page of deliveries, newest first; ``next`` is null where there is nothing further."""

    deliveries: list[Delivery]
    next: str | None


class NewView(Body):
    """A view to save: a filter, a sort and the columns of the list under a name."""

    name: str = Field(max_length=500, description="1 to 60 characters, unique among your views.")
    filter: dict[str, str] = Field(
        {},
        description='As the query of GET /tasks, without a place: {"status": "failed"}.',
    )
    columns: list[str] | None = Field(None, max_length=20, description="Null for the usual ones.")
    density: Literal["comfortable", "compact"] = "comfortable"
    shared: bool = Field(False, description="Everybody sees it.")


class View(BaseModel):
    """A saved view. The list shows it at /tasks?view=ID."""

    id: str
    name: str
    filter: dict[str, str]
    columns: list[str]
    density: str
    shared: bool
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    changed_at: datetime


class Views(BaseModel):
    """Saved views: at most 50 of your own, then up to 200 that others share."""

    views: list[View]
