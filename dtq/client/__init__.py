"""Submit tasks to a server, wait for them, and read what came out, from any Python program.

    from pathlib import Path
    from dtq.client import Client

    with Client() as client:  # DTQ_URL and DTQ_TOKEN say where and as whom
        task = client.submit("clean_table", source=Path("people.csv"), priority="high").wait()
        for file in task.files():
            task.download(file, "results")

It needs more than the rest of `dtq`: `pip install 'dtq[client]'`.
"""

try:
    import httpx2  # noqa: F401  # What follows imports it; here its absence gets a sentence
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise ImportError("The client needs httpx2. Install it with: pip install 'dtq[client]'") from None

from dtq.client.async_client import AsyncClient
from dtq.client.batches import (
    AsyncBatch,
    AsyncBatchCreated,
    AsyncBatchSummary,
    Batch,
    BatchCreated,
    BatchFailure,
    BatchSummary,
    NewTask,
)
from dtq.client.client import Client
from dtq.client.errors import (
    BadAnswer,
    BadSetting,
    BatchWaitTimeout,
    Changed,
    Conflict,
    ConnectionFailed,
    DTQError,
    FieldProblem,
    Forbidden,
    Invalid,
    NotFound,
    ProblemError,
    TaskCanceled,
    TaskFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WaitTimeout,
)
from dtq.client.records import (
    Attempt,
    BulkOperation,
    BulkPreview,
    BulkSkipped,
    Delivery,
    DeliveryAttempt,
    Me,
    Progress,
    Queue,
    Stats,
    StatsPoint,
    TaskError,
    TaskFile,
    TypeDetails,
    TypeSummary,
    View,
    Webhook,
    Worker,
)
from dtq.client.task import AsyncTask, AsyncTaskSummary, Task, TaskSummary

__all__ = [
    "AsyncClient",
    "AsyncTask",
    "AsyncTaskSummary",
    "AsyncBatch",
    "AsyncBatchCreated",
    "AsyncBatchSummary",
    "Attempt",
    "BadAnswer",
    "BadSetting",
    "Batch",
    "BatchCreated",
    "BatchFailure",
    "BatchSummary",
    "BatchWaitTimeout",
    "BulkOperation",
    "BulkPreview",
    "BulkSkipped",
    "Changed",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "DTQError",
    "Delivery",
    "DeliveryAttempt",
    "FieldProblem",
    "Forbidden",
    "Invalid",
    "Me",
    "NewTask",
    "NotFound",
    "ProblemError",
    "Progress",
    "Queue",
    "Stats",
    "StatsPoint",
    "Task",
    "TaskCanceled",
    "TaskError",
    "TaskFailed",
    "TaskFile",
    "TaskSummary",
    "TooManyRequests",
    "TypeDetails",
    "TypeSummary",
    "Unauthorized",
    "Unavailable",
    "View",
    "WaitTimeout",
    "Webhook",
    "Worker",
]
