"""The client for coroutines. What its operations do is written once, for both (`dtq.client.operations`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar, Unpack

from dtq.client.batches import AsyncBatch, AsyncBatchCreated, AsyncBatchSummary, BatchMode, NewTask
from dtq.client.batches import bound as bound_batch
from dtq.client.client import (
    Client,
    Filters,
    Options,
    ViewChanges,
    WebhookChanges,
    WebhookOptions,
    connection,
)
from dtq.client.documented import documented
from dtq.client.http import AsyncTransport
from dtq.client.operations import VIEW_FIELDS, WEBHOOK_FIELDS, Operations, place
from dtq.client.records import (
    BulkAction,
    BulkOperation,
    BulkPreview,
    Delivery,
    Density,
    Me,
    Period,
    Priority,
    Queue,
    Stats,
    TaskFile,
    TypeDetails,
    TypeSummary,
    View,
    Webhook,
    Worker,
)
from dtq.client.steps import Steps
from dtq.client.task import AsyncTask, AsyncTaskSummary, bound

T = TypeVar("T")


@dataclass(frozen=True)
class AsyncPrepared:
    """A client with options for what it submits."""

    client: AsyncClient
    options: Options

    def submit(self, type: str, params: Mapping[str, Any], /) -> Coroutine[Any, Any, AsyncTask]:
        """Create a task as `AsyncClient.submit` does."""
        return self.client.submit(type, params, **self.options)


@documented(Client)
class AsyncClient:
    """A `Client` for coroutines: the same methods, to be awaited, and the same exceptions.

        async with AsyncClient("https://tasks.example.org", token="dtq_...") as client:
            task = await client.submit("analyse_text", text="To be or not to be")
            async for lines in task.follow_log():
                print(lines, end="")
            print(await (await task.wait()).result())

    Its tasks are an `AsyncTask`. Iterators (`tasks`, `events`, `follow_log`) are for ``async for`` and not
    awaited. Files are read and written in threads. It belongs to one event loop, whose coroutines may share
    it. A coroutine that is canceled ends its request, not the task. Raises BadSetting.
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
        self._transport = AsyncTransport(http)
        self._operations: Operations[AsyncTask, AsyncTaskSummary] = Operations(
            http.url, retry_s, partial(bound, self, AsyncTask), partial(bound, self, AsyncTaskSummary)
        )

    @property
    def url(self) -> str:
        return self._operations.url

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    # Tasks

    async def submit(
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
    ) -> AsyncTask:
        return await self._run(
            self._operations.submit(
                type, params or {}, more_params, idempotency_key, tags, notify, run_at,
                priority=priority, title=title, max_attempts=max_attempts, timeout_s=timeout_s,
                private=private,
            )
        )  # fmt: skip

    def options(self, **options: Unpack[Options]) -> AsyncPrepared:
        return AsyncPrepared(self, options)

    async def upload(self, file: Path | IO[bytes]) -> TaskFile:
        return await self._run(self._operations.upload(file))

    async def task(self, task_id: str) -> AsyncTask:
        return await self._run(self._operations.task(task_id))

    def tasks(self, **filters: Unpack[Filters]) -> AsyncIterator[AsyncTaskSummary]:
        return self._transport.iterate(self._operations.tasks(filters))

    # Many tasks at once

    async def submit_many(
        self,
        tasks: Iterable[NewTask],
        *,
        mode: BatchMode = "all",
        title: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncBatchCreated:
        found = await self._run(self._operations.submit_many(tasks, mode, title, idempotency_key))
        return bound_batch(self, AsyncBatchCreated, found)

    async def batch(self, batch_id: str) -> AsyncBatch:
        return bound_batch(self, AsyncBatch, await self._run(self._operations.batch(batch_id)))

    def batches(self) -> AsyncIterator[AsyncBatchSummary]:
        item = partial(bound_batch, self, AsyncBatchSummary)
        return self._transport.iterate(self._operations.batches(item))

    async def bulk(
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
        return await self._run(
            self._operations.bulk(action, ids, filter, priority, tag, most, idempotency_key)
        )

    async def preview_bulk(
        self,
        action: BulkAction,
        *,
        ids: Sequence[str] | None = None,
        filter: Mapping[str, str] | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
    ) -> BulkPreview:
        return await self._run(self._operations.preview_bulk(action, ids, filter, priority, tag))

    def bulk_operations(self) -> AsyncIterator[BulkOperation]:
        return self._transport.iterate(self._operations.bulk_operations())

    async def bulk_operation(self, bulk_id: str) -> BulkOperation:
        return await self._run(self._operations.bulk_act(bulk_id, "GET"))

    async def stop_bulk(self, bulk_id: str) -> BulkOperation:
        return await self._run(self._operations.bulk_act(bulk_id, "POST", "/stop"))

    async def resume_bulk(self, bulk_id: str) -> BulkOperation:
        return await self._run(self._operations.bulk_act(bulk_id, "POST", "/resume"))

    # Saved views, webhooks, figures

    async def views(self) -> list[View]:
        return await self._run(self._operations.listed(View, "/views", "views"))

    async def view(self, view_id: str) -> View:
        return await self._run(self._operations.record(View, "GET", place("views", view_id)))

    async def save_view(
        self,
        name: str,
        filter: Mapping[str, str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        density: Density = "comfortable",
        shared: bool = False,
    ) -> View:
        body = {"name": name, "filter": dict(filter or {}), "columns": columns and list(columns),
                "density": density, "shared": shared}  # fmt: skip
        return await self._run(self._operations.write(View, "POST", "/views", body))

    async def change_view(self, view: View | str, **changes: Unpack[ViewChanges]) -> View:
        return await self._run(self._operations.change(View, "/views", view, VIEW_FIELDS, changes))

    async def delete_view(self, view_id: str) -> None:
        await self._run(self._operations.remove(place("views", view_id)))

    async def webhooks(self) -> list[Webhook]:
        return await self._run(self._operations.listed(Webhook, "/webhooks", "webhooks"))

    async def webhook(self, webhook_id: str) -> Webhook:
        return await self._run(self._operations.record(Webhook, "GET", place("webhooks", webhook_id)))

    async def create_webhook(self, name: str, address: str, **options: Unpack[WebhookOptions]) -> Webhook:
        body = {"name": name, "address": address, **options}
        return await self._run(self._operations.write(Webhook, "POST", "/webhooks", body))

    async def change_webhook(self, webhook: Webhook | str, **changes: Unpack[WebhookChanges]) -> Webhook:
        return await self._run(
            self._operations.change(Webhook, "/webhooks", webhook, WEBHOOK_FIELDS, changes)
        )

    async def delete_webhook(self, webhook_id: str) -> None:
        await self._run(self._operations.remove(place("webhooks", webhook_id)))

    async def rotate_webhook_secret(self, webhook_id: str) -> Webhook:
        return await self._run(
            self._operations.record(Webhook, "POST", place("webhooks", webhook_id, "/rotate"))
        )

    async def test_webhook(self, webhook_id: str) -> Delivery:
        return await self._run(
            self._operations.record(Delivery, "POST", place("webhooks", webhook_id, "/test"))
        )

    def deliveries(self, webhook_id: str) -> AsyncIterator[Delivery]:
        return self._transport.iterate(self._operations.deliveries(webhook_id))

    async def delivery(self, delivery_id: str) -> Delivery:
        return await self._run(
            self._operations.record(Delivery, "GET", place("webhooks/deliveries", delivery_id))
        )

    async def resend_delivery(self, delivery_id: str) -> Delivery:
        path = place("webhooks/deliveries", delivery_id, "/resend")
        return await self._run(self._operations.record(Delivery, "POST", path))

    async def stats(self, period: Period = "1h") -> Stats:
        return await self._run(self._operations.stats(period))

    # The server

    async def types(self) -> list[TypeSummary]:
        return await self._run(self._operations.listed(TypeSummary, "/types", "types"))

    async def type(self, name: str) -> TypeDetails:
        return await self._run(self._operations.type(name))

    async def workers(self) -> list[Worker]:
        return await self._run(self._operations.listed(Worker, "/workers", "workers"))

    async def queues(self) -> list[Queue]:
        return await self._run(self._operations.listed(Queue, "/queues", "queues"))

    async def pause_queue(self, priority: Priority, why: str = "") -> Queue:
        return await self._run(self._operations.pause_queue(priority, why))

    async def resume_queue(self, priority: Priority) -> Queue:
        return await self._run(self._operations.resume_queue(priority))

    async def pause_type(self, name: str, why: str = "") -> TypeDetails:
        return await self._run(self._operations.pause_type(name, why))

    async def resume_type(self, name: str) -> TypeDetails:
        return await self._run(self._operations.resume_type(name))

    async def stop_worker(self, name: str) -> None:
        await self._run(self._operations.stop_worker(name))

    async def me(self) -> Me:
        return await self._run(self._operations.record(Me, "GET", "/me"))

    async def _run(self, steps: Steps[T]) -> T:
        return await self._transport.run(steps)
