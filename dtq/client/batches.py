"""Many tasks that are created at once: what is sent, and the batch that they make."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

from dtq.client import uploads
from dtq.client.errors import DTQError, FieldProblem
from dtq.client.records import Priority, Status, read

if TYPE_CHECKING:
    from dtq.client.client import Client
    from dtq.client.task import TaskSummary

PAUSE_S = 2.0
"""For so long the server keeps the figures of a batch."""

BatchMode = Literal["all", "each"]


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


@dataclass(frozen=True, kw_only=True)
class _OfClient:
    """Something with an ID that acts by the client that it came from."""

    id: str

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
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while not (batch := self.refresh()).has_ended:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise BatchWaitTimeout(batch)
            time.sleep(min(PAUSE_S, left_s))
        return batch

    @property
    def _client(self) -> Client:
        client: Client | None = self.__dict__.get("_from")
        if client is None:
            raise DTQError("This batch was copied or unpickled. Use client.batch(batch.id).")
        return client

    def __getstate__(self) -> dict[str, Any]:
        """A client has connections and a token, so a copy in a file or another process is without one."""
        return {name: value for name, value in self.__dict__.items() if name != "_from"}


@dataclass(frozen=True, kw_only=True)
class BatchCreated(_OfClient):
    """What `Client.submit_many` made. ``task_ids`` are in the order sent, None where a task was wrong.

    ``errors`` say what is wrong with those, at most 1,000 of them: a pointer such as /tasks/17/params/month
    (counted from 0), and a sentence. Iterating over it gives its tasks, newest first.
    """

    total: int
    created: int
    rejected: int
    task_ids: list[str | None]
    errors: list[FieldProblem]


@dataclass(frozen=True, kw_only=True)
class BatchSummary(_OfClient):
    """A batch as a list has it; ``types`` are those of its tasks."""

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
class Batch(BatchSummary):
    """A batch as it was when the server answered. Iterating over it gives its tasks, newest first.

    ``total`` is how many tasks were sent, of which ``rejected`` were wrong; of the ``created``, ``ended``
    have ended or were deleted. ``counts`` are by status. Durations are of tasks that succeeded, in seconds.
    """

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


class BatchWaitTimeout(DTQError, TimeoutError):
    """Tasks of the batch had not ended when the time to wait was over. They go on; wait again."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.batch = batch

    def __str__(self) -> str:
        batch = self.batch
        return (
            f"Batch {batch.id} ({batch.title}) has not ended yet: {batch.ended:,} of {batch.created:,} have."
        )


Kind = TypeVar("Kind", bound=_OfClient)


def bound(client: Client, kind: type[Kind], found: Any) -> Kind:
    """Return what the server sent as a batch that acts by this client. Raises BadAnswer."""
    batch = read(kind, found)
    object.__setattr__(batch, "_from", client)
    return batch


def submitted(
    client: Client, tasks: Iterable[NewTask], mode: BatchMode, title: str | None, key: str | None
) -> BatchCreated:
    """Send new tasks as one batch; see `Client.submit_many`."""
    body = {"tasks": _bodies(client, list(tasks)), "mode": mode, "title": title}
    headers = {"Idempotency-Key": str(uuid4()) if key is None else key}
    found = client._http.json("POST", "/tasks/batch", json=body, headers=headers, repeatable=True)
    return bound(client, BatchCreated, found)


def _bodies(client: Client, tasks: Sequence[NewTask]) -> list[dict[str, Any]]:
    """Return tasks as they are sent. All are looked at before the first file is uploaded."""
    given = []
    for task in tasks:
        if task.run_at is not None and task.run_at.tzinfo is None:
            raise ValueError("Give run_at a time zone, such as datetime.now(timezone.utc).")
        given.append(uploads.prepared(task.params, uploads.checked))
    uploaded: dict[Any, str] = {}

    def upload(file: Path | IO[bytes]) -> str:
        """Each file once, however many tasks name it: a path by its name, an open file by itself."""
        known: Any = file if isinstance(file, Path) else id(file)
        if known not in uploaded:
            uploaded[known] = client.upload(file).id
        return uploaded[known]

    return [_body(task, uploads.prepared(params, upload)) for task, params in zip(tasks, given, strict=True)]


def _body(task: NewTask, params: Any) -> dict[str, Any]:
    """Return a task without what is the default: ten thousand of them are much shorter so."""
    options = {
        "priority": task.priority,
        "title": task.title,
        "tags": list(task.tags),
        "run_at": task.run_at and task.run_at.isoformat(),
        "max_attempts": task.max_attempts,
        "timeout_s": task.timeout_s,
        "private": task.private,
    }
    return {
        "type": task.type,
        "params": params,
        **{name: sent for name, sent in options.items() if not _unsaid(sent)},
    }


def _unsaid(option: Any) -> bool:
    return option is None or option is False or option == []


def path_of(batch_id: str) -> str:
    """Return where a batch is, below the API."""
    return f"/batches/{quote(batch_id, safe='')}"
