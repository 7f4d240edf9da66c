"""Many tasks that are created at once: what is sent, and the batch that they make."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dtq.client.documented import documented
from dtq.client.errors import FieldProblem
from dtq.client.records import Priority, Status, read
from dtq.client.task import AsyncTaskSummary, Bound, TaskSummary

if TYPE_CHECKING:
    from dtq.client.async_client import AsyncClient
    from dtq.client.client import Client

BatchMode = Literal["all", "each"]
ResultsFormat = Literal["jsonl", "csv", "parquet"]


@dataclass(frozen=True)
class NewTask:
    """A task for `Client.submit_many`: its type, its parameters, and the options of `Client.submit`."""

    type: str
    params: Mapping[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    priority: Priority | None = None
    title: str | None = None
    tags: Sequence[str] = ()
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    private: bool = False
    notify: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CreatedFields:
    """What is said of a batch when it is created."""

    id: str
    total: int
    created: int
    rejected: int
    task_ids: list[str | None]
    errors: list[FieldProblem]


@dataclass(frozen=True, kw_only=True)
class SummaryFields:
    """What a list says of a batch."""

    id: str
    title: str
    owner: str
    owner_name: str
    private: bool
    types: list[str]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class BatchFailure:
    """Failed tasks of one type with errors alike."""

    type: str
    error: str
    count: int


@dataclass(frozen=True, kw_only=True)
class BatchFields(SummaryFields):
    """What is said of a batch where it is asked for alone."""

    total: int
    created: int
    rejected: int
    ended: int
    deleted: int
    counts: dict[Status, int]
    duration_median_s: float | None
    duration_p95_s: float | None
    failures: list[BatchFailure]

    @property
    def has_ended(self) -> bool:
        """Whether each of its tasks has succeeded, failed, been canceled or deleted."""
        return self.ended >= self.created


class _Acts(Bound):
    """What a batch of a `Client` does."""

    id: str
    _copied = "This batch was copied or unpickled. Use client.batch(batch.id)."

    def refresh(self) -> Batch:
        """Return the batch as it is now. Raises NotFound once the last of its tasks was deleted."""
        return self._client.batch(self.id)

    def tasks(self, status: Status | None = None) -> Iterator[TaskSummary]:
        """Iterate over the tasks of the batch, or over those of a status; pages are fetched as needed."""
        return self._client.tasks(batch=self.id, status=status)

    def __iter__(self) -> Iterator[TaskSummary]:
        return self.tasks()

    def wait(self, timeout_s: float | None = None) -> Batch:
        """Wait until every task of the batch has ended, and return it as it is then.

        Tasks that failed raise nothing: ``counts`` and ``failures`` tell. Raises BatchWaitTimeout after
        ``timeout_s`` seconds; the tasks go on.
        """
        client = self._client
        return client._run(client._operations.wait_batch(self.id, timeout_s, partial(bound, client, Batch)))

    def save_results(self, path: str | os.PathLike[str], format: ResultsFormat = "jsonl") -> Path:
        """Save the parameters and results of its tasks as one table, in the order sent; return its path.

        The columns are row, id, title, type, status, each parameter and each part of a result, times and
        errors. Cells of CSV that a spreadsheet would compute begin with an apostrophe. Raises NotFound,
        OSError.
        """
        return self._client._run(self._client._operations.save_results(self.id, path, format))

    @property
    def _client(self) -> Client:
        client: Client = self._bound_to()
        return client


@documented(_Acts)
class _AsyncActs(Bound):
    """What a batch of an `AsyncClient` does."""

    id: str
    _copied = _Acts._copied

    async def refresh(self) -> AsyncBatch:
        return await self._client.batch(self.id)

    def tasks(self, status: Status | None = None) -> AsyncIterator[AsyncTaskSummary]:
        return self._client.tasks(batch=self.id, status=status)

    def __aiter__(self) -> AsyncIterator[AsyncTaskSummary]:
        return self.tasks()

    async def wait(self, timeout_s: float | None = None) -> AsyncBatch:
        client = self._client
        steps = client._operations.wait_batch(self.id, timeout_s, partial(bound, client, AsyncBatch))
        return await client._run(steps)

    async def save_results(self, path: str | os.PathLike[str], format: ResultsFormat = "jsonl") -> Path:
        return await self._client._run(self._client._operations.save_results(self.id, path, format))

    @property
    def _client(self) -> AsyncClient:
        client: AsyncClient = self._bound_to()
        return client


@dataclass(frozen=True, kw_only=True)
class BatchCreated(CreatedFields, _Acts):
    """What `Client.submit_many` made. ``task_ids`` are in the order sent, None where a task was wrong.

    ``errors`` say what is wrong with those, at most 1,000 of them: a pointer such as /tasks/17/params/month
    (counted from 0), and a sentence. Iterating over it gives its tasks, newest first.
    """


@dataclass(frozen=True, kw_only=True)
class BatchSummary(SummaryFields, _Acts):
    """A batch as a list has it; ``types`` are those of its tasks."""


@dataclass(frozen=True, kw_only=True)
class Batch(BatchFields, _Acts):
    """A batch as it was when the server answered. Iterating over it gives its tasks, newest first.

    ``total`` is how many tasks were sent, of which ``rejected`` were wrong; of the ``created``, ``ended``
    have ended or were deleted. ``counts`` are by status. Durations are of tasks that succeeded, in seconds.
    """


@dataclass(frozen=True, kw_only=True)
class AsyncBatchCreated(CreatedFields, _AsyncActs):
    """A `BatchCreated` of an `AsyncClient`: the same methods, to be awaited."""


@dataclass(frozen=True, kw_only=True)
class AsyncBatchSummary(SummaryFields, _AsyncActs):
    """A `BatchSummary` of an `AsyncClient`: the same methods, to be awaited."""


@dataclass(frozen=True, kw_only=True)
class AsyncBatch(BatchFields, _AsyncActs):
    """A `Batch` of an `AsyncClient`: the same methods, to be awaited."""


Kind = TypeVar("Kind", bound=CreatedFields | SummaryFields)


def bound(client: Client | AsyncClient, kind: type[Kind], found: Any) -> Kind:
    """Return what the server sent as a batch that acts by this client. Raises BadAnswer."""
    batch = read(kind, found)
    object.__setattr__(batch, "_from", client)
    return batch


def body_of(task: NewTask, params: Any) -> dict[str, Any]:
    """Return a task without what is the default: ten thousand of them are much shorter so."""
    options = {
        "priority": task.priority,
        "title": task.title,
        "tags": list(task.tags),
        "run_at": task.run_at and task.run_at.isoformat(),
        "max_attempts": task.max_attempts,
        "timeout_s": task.timeout_s,
        "private": task.private,
        "notify": list(task.notify),
    }
    return {
        "type": task.type,
        "params": params,
        **{name: sent for name, sent in options.items() if not _unsaid(sent)},
    }


def _unsaid(option: Any) -> bool:
    return option is None or option is False or option == []
