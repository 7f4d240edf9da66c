"""The client: where a program begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypedDict, TypeVar, Unpack

import dtq
from dtq.client.batches import Batch, BatchCreated, BatchMode, BatchSummary, NewTask
from dtq.client.batches import bound as bound_batch
from dtq.client.http import Http, Transport
from dtq.client.operations import VIEW_FIELDS, WEBHOOK_FIELDS, Operations, place
from dtq.client.records import (
    BulkAction,
    BulkOperation,
    BulkPreview,
    Channel,
    Delivery,
    Density,
    Me,
    Period,
    Priority,
    Queue,
    Scope,
    Sort,
    Stats,
    Status,
    TaskFile,
    TypeDetails,
    TypeSummary,
    View,
    Webhook,
    Worker,
)
from dtq.client.steps import Steps
from dtq.client.task import Task, TaskSummary, bound

T = TypeVar("T")


def connection(url: str | None, token: str | None, timeout_s: float) -> Http:
    """Return where a client connects to. Raises BadSetting."""
    return Http(
        os.environ.get("DTQ_URL", "") if url is None else url,
        os.environ.get("DTQ_TOKEN", "") if token is None else token,
        timeout_s,
        f"dtq/{dtq.__version__}",
    )


class Options(TypedDict, total=False):
    """What `Client.submit` takes besides the parameters of the type."""

    priority: Priority | None
    title: str | None
    tags: Sequence[str]
    run_at: datetime | None
    max_attempts: int | None
    timeout_s: int | None
    private: bool
    notify: Sequence[str]
    idempotency_key: str | None


class Filters(TypedDict, total=False):
    """What `Client.tasks` takes: the filters and sorts of View Tasks."""

    status: Status | Sequence[Status] | None
    type: str | None
    priority: Priority | None
    tag: str | None
    batch: str | None
    child_of: str | None
    owner: str | None
    worker: str | None
    q: str | None
    created_from: str | None
    created_before: str | None
    finished_from: str | None
    finished_before: str | None
    ended: Literal["1h", "24h", "7d"] | None
    error: str | None
    error_words: str | None
    error_group: str | None
    sort: Sort | None
    order: Literal["asc", "desc"] | None
    per_page: Literal[25, 50, 100, 200]


class ViewChanges(TypedDict, total=False):
    """What `Client.change_view` takes."""

    name: str
    filter: Mapping[str, str]
    columns: Sequence[str] | None
    density: Density
    shared: bool


class _WebhookScope(TypedDict, total=False):
    """Of what a webhook tells; the REST API explains each."""

    events: Sequence[str]
    scope: Scope
    types: Sequence[str]
    filter: Mapping[str, str]
    count: int
    minutes: int
    wait_minutes: int
    enabled: bool


class WebhookOptions(_WebhookScope, total=False):
    """What `Client.create_webhook` takes besides a name and an address."""

    channel: Channel


class WebhookChanges(_WebhookScope, total=False):
    """What `Client.change_webhook` takes."""

    name: str
    address: str


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
        http = connection(url, token, timeout_s)
        self._transport = Transport(http)
        self._operations: Operations[Task, TaskSummary] = Operations(
            http.url, retry_s, partial(bound, self, Task), partial(bound, self, TaskSummary)
        )

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._operations.url

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
        self._transport.close()

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
        notify: Sequence[str] = (),
        idempotency_key: str | None = None,
        **more_params: Any,
    ) -> Task:
        """Create a task of a type, and return it. All parameters are looked at before anything is sent.

            client.submit("clean_table", source=Path("people.csv"), rows=3, priority="high")
            client.submit("send_letter", {"title": "Dear Ada", "pages": [Path("a.pdf"), Path("b.pdf")]})

        The options named above are the task's; every other keyword is a parameter of its type. A parameter
        that has the name of an option, such as ``title``, stands in ``params``, which never holds options.

        A `Path`, and a file that is open for reading bytes, is uploaded wherever it stands in the parameters.
        What is not given is the type's default. ``run_at`` is when to run it, with a time zone. ``notify``
        are the IDs of subscriptions of yours (`webhooks`) that are told when it has ended.

        It is created once, however often the request must be sent. The same ``idempotency_key`` in another
        call, also of another process, returns the task that the first call made, while that exists; with
        other parameters it is refused. Raises Invalid with a sentence per wrong field, TypeError, OSError.
        """
        return self._run(
            self._operations.submit(
                type, params or {}, more_params, idempotency_key, tags, notify, run_at,
                priority=priority, title=title, max_attempts=max_attempts, timeout_s=timeout_s,
                private=private,
            )
        )  # fmt: skip

    def options(self, **options: Unpack[Options]) -> Prepared:
        """Return this client with options for the tasks that a task function submits.

        monthly_report.submit(client.options(priority="high", title="March"), month=3)
        """
        return Prepared(self, options)

    def upload(self, file: Path | IO[bytes]) -> TaskFile:
        """Upload a file for a task to come, whose parameter then is its ID; `submit` does so by itself.

        Without a task, the server deletes it after a day.
        """
        return self._run(self._operations.upload(file))

    def task(self, task_id: str) -> Task:
        """Return a task by its ID. Raises NotFound."""
        return self._run(self._operations.task(task_id))

    def tasks(self, **filters: Unpack[Filters]) -> Iterator[TaskSummary]:
        """Iterate over all tasks that match, newest first by default; pages are fetched as needed.

            for task in client.tasks(status="failed", type="clean_table", ended="24h"):
                task.retry()

        The filters are those of View Tasks: ``q`` is what its search box takes, ``owner`` the ID or the name
        of a user, or me, ``batch`` the ID of a batch, ``worker`` the beginning of a name, ``error`` the
        message of a failure, ``error_words`` words of one; times are days or minutes of UTC, such as
        2026-11-01T14:30. For the first ten, use `itertools.islice`.
        """
        return self._transport.iterate(self._operations.tasks(filters))

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
        found = self._run(self._operations.submit_many(tasks, mode, title, idempotency_key))
        return bound_batch(self, BatchCreated, found)

    def batch(self, batch_id: str) -> Batch:
        """Return a batch as it is now. Raises NotFound."""
        return bound_batch(self, Batch, self._run(self._operations.batch(batch_id)))

    def batches(self) -> Iterator[BatchSummary]:
        """Iterate over all batches, newest first; pages are fetched as needed."""
        return self._transport.iterate(self._operations.batches(partial(bound_batch, self, BatchSummary)))

    def bulk(
        self,
        action: BulkAction,
        *,
        ids: Sequence[str] | None = None,
        filter: Mapping[str, str] | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
        most: int | None = None,
        idempotency_key: str | None = None,
    ) -> BulkOperation:
        """Start the same change to many tasks: those of ``ids``, or all that a ``filter`` matches.

            client.bulk("retry", filter={"status": "failed", "type": "clean_table"}, most=500)

        The server does it, and keeps on when this program ends; `bulk_operation` says how far it is.
        ``filter`` is as in `tasks`, and {} is every task; ``most`` bounds how many change; ``priority`` is
        where to reprioritize to, ``tag`` what to add or remove. Started once, however often the request must
        be sent. Raises Invalid, Forbidden.
        """
        return self._run(self._operations.bulk(action, ids, filter, priority, tag, most, idempotency_key))

    def preview_bulk(
        self,
        action: BulkAction,
        *,
        ids: Sequence[str] | None = None,
        filter: Mapping[str, str] | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
    ) -> BulkPreview:
        """Count what `bulk` would change. Nothing is changed. Raises Invalid, Forbidden."""
        return self._run(self._operations.preview_bulk(action, ids, filter, priority, tag))

    def bulk_operations(self) -> Iterator[BulkOperation]:
        """Iterate over bulk operations, newest first: your own, or everybody's where you may see them."""
        return self._transport.iterate(self._operations.bulk_operations())

    def bulk_operation(self, bulk_id: str) -> BulkOperation:
        """Return a bulk operation as it is now. Raises NotFound."""
        return self._run(self._operations.bulk_act(bulk_id, "GET"))

    def stop_bulk(self, bulk_id: str) -> BulkOperation:
        """Stop a bulk operation after the tasks that it is changing. Raises NotFound."""
        return self._run(self._operations.bulk_act(bulk_id, "POST", "/stop"))

    def resume_bulk(self, bulk_id: str) -> BulkOperation:
        """Let a stopped bulk operation continue. Raises NotFound."""
        return self._run(self._operations.bulk_act(bulk_id, "POST", "/resume"))

    # Saved views, webhooks, figures

    def views(self) -> list[View]:
        """Return the saved views: your own by name, then those that others share."""
        return self._run(self._operations.listed(View, "/views", "views"))

    def view(self, view_id: str) -> View:
        """Return a saved view. Raises NotFound."""
        return self._run(self._operations.record(View, "GET", place("views", view_id)))

    def save_view(
        self,
        name: str,
        filter: Mapping[str, str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        density: Density = "comfortable",
        shared: bool = False,
    ) -> View:
        """Save a view of the list. ``filter`` is as in `tasks`: {"status": "failed", "sort": "finished"}.

        Raises Invalid, Forbidden (to share takes a permission), and Conflict where you have one of this name.
        """
        body = {"name": name, "filter": dict(filter or {}), "columns": columns and list(columns),
                "density": density, "shared": shared}  # fmt: skip
        return self._run(self._operations.write(View, "POST", "/views", body))

    def change_view(self, view: View | str, **changes: Unpack[ViewChanges]) -> View:
        """Change some of a view, and leave the rest as it is.

        Given as it was read, it is changed only if nobody changed it since; by its ID, whatever it has
        become. Raises Changed, NotFound, Invalid, Forbidden, Conflict.
        """
        return self._run(self._operations.change(View, "/views", view, VIEW_FIELDS, changes))

    def delete_view(self, view_id: str) -> None:
        """Delete a view. Raises NotFound, Forbidden."""
        self._run(self._operations.remove(place("views", view_id)))

    def webhooks(self) -> list[Webhook]:
        """Return your subscriptions, newest first."""
        return self._run(self._operations.listed(Webhook, "/webhooks", "webhooks"))

    def webhook(self, webhook_id: str) -> Webhook:
        """Return a subscription of your own. Raises NotFound."""
        return self._run(self._operations.record(Webhook, "GET", place("webhooks", webhook_id)))

    def create_webhook(self, name: str, address: str, **options: Unpack[WebhookOptions]) -> Webhook:
        """Subscribe: have a URL called, or an e-mail sent, when something happens to tasks.

            hook = client.create_webhook("CI", "https://ci.example.org/hook", events=["task.failed"])
            task = client.submit("clean_table", source=Path("a.csv"), notify=[hook.id])

        ``secret`` of what is returned verifies signatures, and is shown this once. ``events`` may be empty
        with the scope chosen only: then those tasks are told that name it in ``notify``. Raises Invalid,
        Conflict where you have too many, Forbidden.
        """
        body = {"name": name, "address": address, **options}
        return self._run(self._operations.write(Webhook, "POST", "/webhooks", body))

    def change_webhook(self, webhook: Webhook | str, **changes: Unpack[WebhookChanges]) -> Webhook:
        """Change some of a subscription, and leave the rest as it is; how it is told stays.

        Given as it was read, it is changed only if nobody changed it since; by its ID, whatever it has
        become. Raises Changed, NotFound, Invalid, Conflict.
        """
        return self._run(self._operations.change(Webhook, "/webhooks", webhook, WEBHOOK_FIELDS, changes))

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a subscription. What was not delivered yet never is. Raises NotFound."""
        self._run(self._operations.remove(place("webhooks", webhook_id)))

    def rotate_webhook_secret(self, webhook_id: str) -> Webhook:
        """Give a webhook a new ``secret``; for 24 hours, deliveries have a signature by each of the two."""
        return self._run(self._operations.record(Webhook, "POST", place("webhooks", webhook_id, "/rotate")))

    def test_webhook(self, webhook_id: str) -> Delivery:
        """Send a test. Raises NotFound, TooManyRequests."""
        return self._run(self._operations.record(Delivery, "POST", place("webhooks", webhook_id, "/test")))

    def deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """Iterate over the deliveries of a subscription, newest first; pages are fetched as needed."""
        return self._transport.iterate(self._operations.deliveries(webhook_id))

    def delivery(self, delivery_id: str) -> Delivery:
        """Return a delivery: how far it is, and what the receiver answered. Raises NotFound."""
        return self._run(self._operations.record(Delivery, "GET", place("webhooks/deliveries", delivery_id)))

    def resend_delivery(self, delivery_id: str) -> Delivery:
        """Send a delivery again, with the same message ID. Raises NotFound, Conflict, TooManyRequests."""
        path = place("webhooks/deliveries", delivery_id, "/resend")
        return self._run(self._operations.record(Delivery, "POST", path))

    def stats(self, period: Period = "1h") -> Stats:
        """Return what finished, waited and ran over an hour, a day or a week, as Home shows it."""
        return self._run(self._operations.stats(period))

    # The server

    def types(self) -> list[TypeSummary]:
        """Return the task types, by category and title."""
        return self._run(self._operations.listed(TypeSummary, "/types", "types"))

    def type(self, name: str) -> TypeDetails:
        """Return a task type with the JSON Schema of its parameters. Raises NotFound."""
        return self._run(self._operations.type(name))

    def workers(self) -> list[Worker]:
        """Return the running workers."""
        return self._run(self._operations.listed(Worker, "/workers", "workers"))

    def queues(self) -> list[Queue]:
        """Return the three queues, high first."""
        return self._run(self._operations.listed(Queue, "/queues", "queues"))

    def pause_queue(self, priority: Priority, why: str = "") -> Queue:
        """Have workers take no other task from a queue. Raises Forbidden, and Conflict where it is paused."""
        return self._run(self._operations.pause_queue(priority, why))

    def resume_queue(self, priority: Priority) -> Queue:
        """Have workers take from a paused queue again. Raises Forbidden, Conflict."""
        return self._run(self._operations.resume_queue(priority))

    def pause_type(self, name: str, why: str = "") -> TypeDetails:
        """Have workers begin no other task of a type. Raises Forbidden, NotFound, Conflict."""
        return self._run(self._operations.pause_type(name, why))

    def resume_type(self, name: str) -> TypeDetails:
        """Have workers begin tasks of a paused type again. Raises Forbidden, NotFound, Conflict."""
        return self._run(self._operations.resume_type(name))

    def stop_worker(self, name: str) -> None:
        """Have a worker stop after its task. Raises Forbidden, and Conflict where it is not online."""
        self._run(self._operations.stop_worker(name))

    def me(self) -> Me:
        """Return whose token this is, and what it may do."""
        return self._run(self._operations.record(Me, "GET", "/me"))

    def _run(self, steps: Steps[T]) -> T:
        return self._transport.run(steps)
