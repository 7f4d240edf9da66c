"""The client: where a program begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypedDict, Unpack
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import uuid4

import dtq
from dtq.client import batches as of_batches
from dtq.client import uploads
from dtq.client.batches import Batch, BatchCreated, BatchMode, BatchSummary, NewTask
from dtq.client.errors import BadAnswer
from dtq.client.http import Http
from dtq.client.records import (
    BulkAction,
    BulkOperation,
    Me,
    Priority,
    Queue,
    Status,
    TaskFile,
    TypeDetails,
    TypeSummary,
    Worker,
    read,
)
from dtq.client.task import Task, TaskSummary, bound


class Options(TypedDict, total=False):
    """What `Client.submit` takes besides the parameters of the type."""

    priority: Priority | None
    title: str | None
    tags: Sequence[str]
    run_at: datetime | None
    max_attempts: int | None
    timeout_s: int | None
    private: bool
    idempotency_key: str | None


@dataclass(frozen=True)
class Prepared:
    """A client with options for what it submits."""

    client: Client
    options: Options

    def submit(self, type: str, params: Mapping[str, Any], /) -> Task:
        """Create a task as `Client.submit` does."""
        return self.client.submit(type, params, **self.options)


class Client:
    """A connection to a server, for one token. Threads may share it.

        with Client("https://tasks.example.org", token="dtq_...") as client:
            task = client.submit("analyse_text", text="To be or not to be").wait()
            print(task.result())

    Without ``url`` and ``token``, DTQ_URL and DTQ_TOKEN say them. The URL may have a path, where the server
    is published below one. ``timeout_s`` is how long the server may be silent, not how long an upload takes.

    Requests that fail because of the connection, and answers 429, 502, 503 and 504, are tried again for
    ``retry_s`` seconds (0: not), after random growing pauses, or later where the server says when; but
    changes other than `submit` only where they certainly did nothing. Raises BadSetting.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        timeout_s: float = 30,
        *,
        retry_s: float = 30,
    ) -> None:
        self._http = Http(
            os.environ.get("DTQ_URL", "") if url is None else url,
            os.environ.get("DTQ_TOKEN", "") if token is None else token,
            timeout_s,
            retry_s,
            f"dtq/{dtq.__version__}",
        )

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._http.url

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    # Tasks

    def submit(
        self,
        type: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        priority: Priority | None = None,
        title: str | None = None,
        tags: Sequence[str] = (),
        run_at: datetime | None = None,
        max_attempts: int | None = None,
        timeout_s: int | None = None,
        private: bool = False,
        idempotency_key: str | None = None,
        **more_params: Any,
    ) -> Task:
        """Create a task of a type, and return it. All parameters are looked at before anything is sent.

            client.submit("clean_table", source=Path("people.csv"), rows=3, priority="high")
            client.submit("send_letter", {"title": "Dear Ada", "pages": [Path("a.pdf"), Path("b.pdf")]})

        The options named above are the task's; every other keyword is a parameter of its type. A parameter
        that has the name of an option, such as ``title``, stands in ``params``, which never holds options.

        A `Path`, and a file that is open for reading bytes, is uploaded wherever it stands in the parameters.
        What is not given is the type's default. ``run_at`` is when to run it, with a time zone.

        It is created once, however often the request must be sent. The same ``idempotency_key`` in another
        call, also of another process, returns the task that the first call made, while that exists; with
        other parameters it is refused. Raises Invalid with a sentence per wrong field, TypeError, OSError.
        """
        if twice := set(params or ()) & set(more_params):
            raise TypeError(f"Give the parameter {min(twice)} once: in params or as a keyword.")
        if run_at is not None and run_at.tzinfo is None:
            raise ValueError("Give run_at a time zone, such as datetime.now(timezone.utc).")
        given = uploads.prepared({**(params or {}), **more_params}, uploads.checked)
        body = {
            "type": type,
            "params": uploads.prepared(given, self._upload),
            "priority": priority,
            "title": title,
            "tags": list(tags),
            "run_at": run_at and run_at.isoformat(),
            "max_attempts": max_attempts,
            "timeout_s": timeout_s,
            "private": private,
        }
        return self._create(body, str(uuid4()) if idempotency_key is None else idempotency_key)

    def options(self, **options: Unpack[Options]) -> Prepared:
        """Return this client with options for the tasks that a task function submits.

        monthly_report.submit(client.options(priority="high", title="March"), month=3)
        """
        return Prepared(self, options)

    def _create(self, body: dict[str, Any], key: str) -> Task:
        headers = {"Idempotency-Key": key}
        return bound(
            self, Task, self._http.json("POST", "/tasks", json=body, headers=headers, repeatable=True)
        )

    def upload(self, file: Path | IO[bytes]) -> TaskFile:
        """Upload a file for a task to come, whose parameter then is its ID; `submit` does so by itself.

        Without a task, the server deletes it after a day.
        """
        with uploads.opened(file) as source:
            found = self._http.json(
                "POST",
                "/files",
                query={"name": source.name},
                content=source.chunks,
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(source.size)},
                repeatable=True,  # Of a file that arrived twice, the server deletes the one without a task.
            )
        return read(TaskFile, found)

    def _upload(self, file: Path | IO[bytes]) -> str:
        return self.upload(file).id

    def task(self, task_id: str) -> Task:
        """Return a task by its ID. Raises NotFound."""
        return self._task(task_id)

    def tasks(
        self,
        *,
        status: Status | None = None,
        type: str | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
        batch: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        ended: Literal["1h", "24h", "7d"] | None = None,
        error: str | None = None,
        sort: Literal["created", "finished"] | None = None,
        order: Literal["asc", "desc"] | None = None,
        per_page: Literal[25, 50, 100, 200] = 200,
    ) -> Iterator[TaskSummary]:
        """Iterate over all tasks that match, newest first by default; pages are fetched as needed.

            for task in client.tasks(status="failed", type="clean_table", ended="24h"):
                task.retry()

        The filters are those of View Tasks: ``q`` are words, ``owner`` is the ID of a user, ``batch`` of a
        batch, ``error`` the message of a failure. For the first ten, use `itertools.islice`.
        """
        named = {
            "status": status, "type": type, "priority": priority, "tag": tag, "batch": batch,
            "owner": owner, "q": q, "ended": ended, "error": error, "sort": sort, "order": order,
            "per_page": per_page,
        }  # fmt: skip
        query = {name: value for name, value in named.items() if value is not None}
        for found in self._pages("/tasks", "tasks", query):
            yield bound(self, TaskSummary, found)

    def _pages(self, path: str, name: str, first: dict[str, Any]) -> Iterator[Any]:
        query: dict[str, Any] | None = first
        while query is not None:
            page = self._http.json("GET", path, query=query)
            yield from _items(page, name)
            # Only the query of the address: behind a proxy its host and path may be others.
            query = dict(parse_qsl(urlsplit(page["next"]).query)) if page.get("next") else None

    # Many tasks at once

    def submit_many(
        self,
        tasks: Iterable[NewTask],
        *,
        mode: BatchMode = "all",
        title: str | None = None,
        idempotency_key: str | None = None,
    ) -> BatchCreated:
        """Create up to 10,000 tasks at once, of one type or several, and return their batch.

            batch = client.submit_many(NewTask("monthly_report", {"month": month}) for month in range(1, 13))
            batch.wait()

        In the mode ``all``, all of them are created or, if one is wrong, none: Invalid has a pointer such as
        /tasks/7/params/month for each field that is wrong. In the mode ``each``, those that are right are
        created, and ``errors`` of what is returned tell of the others. Files in parameters are uploaded, each
        once, however many tasks name it.

        The batch is created once, however often the request must be sent; ``idempotency_key`` is as for
        `submit`. Raises Invalid also for a batch that is too large, TooManyRequests where a quota is
        exceeded (nothing is created then), Conflict while another request with the same key is creating it,
        TypeError, ValueError, OSError.
        """
        return of_batches.submitted(self, tasks, mode, title, idempotency_key)

    def batch(self, batch_id: str) -> Batch:
        """Return a batch as it is now. Raises NotFound."""
        return of_batches.bound(self, Batch, self._http.json("GET", of_batches.path_of(batch_id)))

    def batches(self) -> Iterator[BatchSummary]:
        """Iterate over all batches, newest first; pages are fetched as needed."""
        for found in self._pages("/batches", "batches", {}):
            yield of_batches.bound(self, BatchSummary, found)

    def bulk(
        self,
        action: BulkAction,
        *,
        ids: Sequence[str] | None = None,
        filter: Mapping[str, str] | None = None,
        priority: Priority | None = None,
        most: int | None = None,
        idempotency_key: str | None = None,
    ) -> BulkOperation:
        """Start the same change to many tasks: those of ``ids``, or all that a ``filter`` matches.

            client.bulk("retry", filter={"status": "failed", "type": "clean_table"}, most=500)

        The server does it, and keeps on when this program ends; `bulk_operation` says how far it is.
        ``filter`` is as in `tasks`, and {} is every task; ``most`` bounds how many change; ``priority`` is
        where to reprioritize to. Started once, however often the request must be sent. Raises Invalid,
        Forbidden.
        """
        body = {
            "action": action,
            "ids": None if ids is None else list(ids),
            "filter": None if filter is None else dict(filter),
            "priority": priority,
            "most": most,
        }
        key = str(uuid4()) if idempotency_key is None else idempotency_key
        headers = {"Idempotency-Key": key}
        found = self._http.json("POST", "/bulk", json=body, headers=headers, repeatable=True)
        return read(BulkOperation, found)

    def bulk_operation(self, bulk_id: str) -> BulkOperation:
        """Return a bulk operation as it is now. Raises NotFound."""
        return read(BulkOperation, self._http.json("GET", f"/bulk/{quote(bulk_id, safe='')}"))

    def stop_bulk(self, bulk_id: str) -> BulkOperation:
        """Stop a bulk operation after the tasks that it is changing. Raises NotFound."""
        return read(BulkOperation, self._http.json("POST", f"/bulk/{quote(bulk_id, safe='')}/stop"))

    def resume_bulk(self, bulk_id: str) -> BulkOperation:
        """Let a stopped bulk operation continue. Raises NotFound."""
        return read(BulkOperation, self._http.json("POST", f"/bulk/{quote(bulk_id, safe='')}/resume"))

    # The server

    def types(self) -> list[TypeSummary]:
        """Return the task types, by category and title."""
        return self._list(TypeSummary, "/types", "types")

    def type(self, name: str) -> TypeDetails:
        """Return a task type with the JSON Schema of its parameters. Raises NotFound."""
        return read(TypeDetails, self._http.json("GET", f"/types/{quote(name, safe='')}"))

    def workers(self) -> list[Worker]:
        """Return the running workers."""
        return self._list(Worker, "/workers", "workers")

    def queues(self) -> list[Queue]:
        """Return the three queues, high first."""
        return self._list(Queue, "/queues", "queues")

    def me(self) -> Me:
        """Return whose token this is, and what it may do."""
        return read(Me, self._http.json("GET", "/me"))

    # For tasks

    def _task(self, task_id: str, wait_s: int = 0) -> Task:
        query = {"wait": wait_s} if wait_s else None
        path = f"/tasks/{quote(task_id, safe='')}"
        return bound(self, Task, self._http.json("GET", path, query=query, held_s=wait_s))

    def _list(self, kind: Any, path: str, name: str) -> list[Any]:
        return [read(kind, found) for found in _items(self._http.json("GET", path), name)]


def _items(found: Any, name: str) -> list[Any]:
    items = found.get(name) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise BadAnswer("The server's answer is not of this API. Check the URL, and the versions of both.")
    return items
