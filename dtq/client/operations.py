"""Every operation of a client, once, as steps: what is sent, and what answers mean. It sends nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import uuid4

import httpx2

from dtq.client import uploads
from dtq.client.batches import BatchFields, BatchMode, NewTask, body_of
from dtq.client.errors import (
    BadAnswer,
    BatchWaitTimeout,
    Changed,
    ConnectionFailed,
    DTQError,
    NotFound,
    ProblemError,
    TaskCanceled,
    TaskFailed,
    WaitTimeout,
)
from dtq.client.following import MEDIA_TYPE, Event, EventReader, LogTail
from dtq.client.http import retried
from dtq.client.records import (
    BulkAction,
    BulkOperation,
    BulkPreview,
    Delivery,
    Priority,
    Queue,
    Stats,
    TaskFields,
    TaskFile,
    TypeDetails,
    View,
    Webhook,
    read,
)
from dtq.client.steps import Call, Chunk, Download, Item, Open, Pause, Request, Steps
from dtq.filenames import safe_name

HELD_S = 50
"""The server would hold an answer for 60 s, but many proxies give up then."""
PAUSE_S = 1.0
"""Where too many wait already, the server answers at once and asks for this pause."""
BEAT_S = 20
"""Within so long a stream says something, if only that it lives."""
AGAIN_S = 0.5
"""After a stream has broken off."""
BATCH_PAUSE_S = 2.0
"""For so long the server keeps the figures of a batch."""
VIEW_FIELDS = ("name", "filter", "columns", "density", "shared")
WEBHOOK_FIELDS = (
    "name", "channel", "address", "events", "scope", "types", "filter", "count", "minutes",
    "wait_minutes", "enabled",
)  # fmt: skip
CHANGED_TYPE = "urn:dtq:problem:precondition-failed"
CHANGED = "It was changed after you read it, so nothing was done. Read it again."
LOG_PER_S = 250_000
"""Characters of a log that is followed; a longer one is read less often."""

Whole = TypeVar("Whole", bound=TaskFields)
Summary = TypeVar("Summary", bound=TaskFields)
Record = TypeVar("Record")
Known = TypeVar("Known", View, Webhook)
AnyBatch = TypeVar("AnyBatch", bound=BatchFields)


class Operations(Generic[Whole, Summary]):
    """Operations whose tasks are made by ``whole`` and ``summary`` from what the server sent."""

    def __init__(
        self, url: str, retry_s: float, whole: Callable[[Any], Whole], summary: Callable[[Any], Summary]
    ) -> None:
        self.url = url
        self._retry_s = retry_s
        self._whole = whole
        self._summary = summary

    # Tasks

    def submit(
        self,
        type: str,
        params: Mapping[str, Any],
        more_params: Mapping[str, Any],
        key: str | None,
        tags: Sequence[str],
        notify: Sequence[str],
        run_at: datetime | None,
        **options: Any,
    ) -> Steps[Whole]:
        if twice := set(params) & set(more_params):
            raise TypeError(f"Give the parameter {min(twice)} once: in params or as a keyword.")
        if run_at is not None and run_at.tzinfo is None:
            raise ValueError("Give run_at a time zone, such as datetime.now(timezone.utc).")
        files: list[Path | IO[bytes]] = []
        given = uploads.prepared({**params, **more_params}, uploads.checked)
        uploads.prepared(given, files.append)
        sent = []
        for file in files:
            sent.append((yield from self.upload(file)).id)
        ids = iter(sent)
        body = {
            "type": type,
            "params": uploads.prepared(given, lambda file: next(ids)),
            "tags": list(tags),
            **({"notify": list(notify)} if notify else {}),
            "run_at": run_at and run_at.isoformat(),
            **options,
        }
        return self._whole((yield from self._create("/tasks", key, body)))

    def submit_many(
        self, tasks: Iterable[NewTask], mode: BatchMode, title: str | None, key: str | None
    ) -> Steps[Any]:
        """All tasks are looked at before the first file is uploaded, and each file is uploaded once."""
        tasks, given = list(tasks), []
        for task in tasks:
            if task.run_at is not None and task.run_at.tzinfo is None:
                raise ValueError("Give run_at a time zone, such as datetime.now(timezone.utc).")
            given.append(uploads.prepared(task.params, uploads.checked))
        files: list[Path | IO[bytes]] = []
        uploads.prepared(given, files.append)
        sent: dict[Any, str] = {}
        for file in files:
            if _identity(file) not in sent:
                sent[_identity(file)] = (yield from self.upload(file)).id
        params = uploads.prepared(given, lambda file: sent[_identity(file)])
        bodies = [body_of(task, each) for task, each in zip(tasks, params, strict=True)]
        return (yield from self._create("/tasks/batch", key, {"tasks": bodies, "mode": mode, "title": title}))

    def batch(self, batch_id: str) -> Steps[Any]:
        return (yield from self._json(Request("GET", f"/batches/{quote(batch_id, safe='')}")))

    def batches(self, item: Callable[[Any], Any]) -> Steps[None]:
        """Give every batch, as ``item`` makes it."""
        return self._pages("/batches", "batches", {}, item)

    def wait_batch(
        self, batch_id: str, timeout_s: float | None, made: Callable[[Any], AnyBatch]
    ) -> Steps[AnyBatch]:
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while not (batch := made((yield from self.batch(batch_id)))).has_ended:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise BatchWaitTimeout(batch)
            yield Pause(min(BATCH_PAUSE_S, left_s))
        return batch

    def upload(self, file: Path | IO[bytes]) -> Steps[TaskFile]:
        opening = uploads.opened(file)
        source = yield Call(opening.__enter__)
        try:
            request = Request(
                "POST",
                "/files",
                query={"name": source.name},
                content=source.chunks,
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(source.size)},
            )
            # Of a file that arrived twice, the server deletes the one without a task.
            return read(TaskFile, (yield from self._json(request, repeatable=True)))
        finally:
            opening.__exit__(None, None, None)

    def task(self, task_id: str, wait_s: int = 0) -> Steps[Whole]:
        query = {"wait": wait_s} if wait_s else None
        return self._whole(
            (yield from self._json(Request("GET", _path(task_id), query=query, held_s=wait_s)))
        )

    def tasks(self, filters: Mapping[str, Any]) -> Steps[None]:
        """Give every task that matches."""
        given = {"per_page": 200, **{name: value for name, value in filters.items() if value is not None}}
        if not isinstance(statuses := given.get("status", ""), str):
            given["status"] = ",".join(statuses)
        return self._pages("/tasks", "tasks", given, self._summary)

    def _pages(
        self, path: str, name: str, query: dict[str, Any] | None, item: Callable[[Any], Any]
    ) -> Steps[None]:
        while query is not None:
            page = yield from self._json(Request("GET", path, query=query))
            for found in _items(page, name):
                yield Item(item(found))
            # Only the query of the address: behind a proxy its host and path may be others.
            query = dict(parse_qsl(urlsplit(page["next"]).query)) if page.get("next") else None

    def wait(self, task_id: str, timeout_s: float | None, raise_on_failure: bool) -> Steps[Whole]:
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while True:
            began = time.monotonic()
            left_s = max(0.0, until - began)
            task = yield from self.task(task_id, wait_s=int(min(HELD_S, left_s)))
            if task.ended:
                break
            if not left_s:
                raise WaitTimeout(task)
            now = time.monotonic()
            yield Pause(max(0.0, min(until - now, began + PAUSE_S - now)))
        if raise_on_failure and task.status != "succeeded":
            raise TaskFailed(task) if task.status == "failed" else TaskCanceled(task)
        return task

    def result(self, task_id: str) -> Steps[Any]:
        try:
            return (yield from self._json(Request("GET", _path(task_id, "/result"))))
        except NotFound:
            if (yield from self.task(task_id)).status != "succeeded":
                raise
            return None

    def log(self, task_id: str, attempt: int | None, *, times: bool = False) -> Steps[str]:
        query: dict[str, Any] = {} if attempt is None else {"attempt": attempt}
        if times:
            query["times"] = "true"
        answer = yield from self._sent(Request("GET", _path(task_id, "/log"), query=query))
        return answer.content.decode("utf-8", "replace")

    def events(self, task_id: str) -> Steps[None]:
        """Give the task as it is, and again with each change, until it has ended."""
        known: dict[str, Any] = {}

        def changed(event: Event) -> Summary:
            known.update({"progress": event.data} if event.name == "progress" else event.data)
            return self._summary(dict(known))

        if not (yield from self._streamed(_path(task_id, "/events"), changed)):
            yield from self._polled_events(task_id)

    def _polled_events(self, task_id: str) -> Steps[None]:
        told: Any = None
        while True:
            task = yield from self.task(task_id)
            now = (task.status, task.attempt, task.cancel_requested, task.progress)
            if now != told:
                yield Item(task)
            if task.ended:
                return
            told = now
            yield Pause(PAUSE_S)

    def follow_log(self, task_id: str) -> Steps[None]:
        """Give what is new of the log, until the task has ended."""

        def printed(event: Event) -> str | None:
            return str(event.data.get("text", "")) if event.name == "log" else None

        if not (yield from self._streamed(_path(task_id, "/log"), printed)):
            yield from self._polled_log(task_id)

    def _streamed(self, path: str, item: Callable[[Event], Any]) -> Steps[bool]:
        """Give what ``item`` makes of each event, to the last one; False where the server does not stream.

        Where the stream breaks off, it goes on after the last event that has come.
        """
        reader, begun = EventReader(), False
        while True:
            headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": reader.last_id} if reader.last_id else {})
            request = Request("GET", path, headers=headers, held_s=BEAT_S)
            try:
                opened = yield from retried(
                    partial(Open, request), True, self._retry_s, partial(_streams_none, begun)
                )
            except ProblemError as error:
                if _streams_none(begun, error):
                    return False
                raise
            if not opened.content_type.startswith(MEDIA_TYPE):
                while (yield Chunk(opened)) is not None:
                    pass
                return begun
            begun, reader = True, EventReader(reader.last_id)
            try:
                while (chunk := (yield Chunk(opened))) is not None:
                    for event in reader.take(chunk):
                        if (made := item(event)) is not None:
                            yield Item(made)
                        if event.name == "end":
                            return True
            except ConnectionFailed:
                pass
            yield Pause(AGAIN_S)

    def _polled_log(self, task_id: str) -> Steps[None]:
        tail = LogTail()
        while True:
            task = yield from self.task(task_id)  # First: a log is complete before its outcome is known.
            length = 0
            for attempt in tail.attempts(task.attempt):
                text = yield from self.log(task_id, attempt)
                length += len(text)
                if new := tail.fresh(attempt, text, attempt < task.attempt or task.status != "running"):
                    yield Item(new)
            if task.ended:
                return
            yield Pause(max(PAUSE_S, length / LOG_PER_S))

    def act(self, task_id: str, action: str, body: Any = None) -> Steps[Whole]:
        found = yield from self._json(Request("POST", _path(task_id, f"/{action}"), json=body))
        return self._whole(found)

    def clone(self, task_id: str, key: str | None) -> Steps[Whole]:
        return self._whole((yield from self._create(_path(task_id, "/clone"), key)))

    def delete(self, task_id: str) -> Steps[None]:
        yield from self._sent(Request("DELETE", _path(task_id)))

    # Files

    def download(self, task_id: str, file: TaskFile | str, path: str | os.PathLike[str]) -> Steps[Path]:
        target = Path(path)
        if isinstance(file, str):
            known = yield from self.listed(TaskFile, _path(task_id, "/files"), "files")
            file = next((found for found in known if found.id == file), file)
        if target.is_dir():
            target /= safe_name(file if isinstance(file, str) else file.name)
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as content:
                yield from self._fetch(task_id, file, content)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def _fetch(self, task_id: str, file: TaskFile | str, content: IO[bytes]) -> Steps[None]:
        path = _path(task_id, f"/files/{quote(file if isinstance(file, str) else file.id, safe='')}")
        digest = hashlib.sha256()

        def begin(answer: httpx2.Response) -> None:
            if content.tell() and answer.status_code != 206:
                raise DTQError("The download broke off, and the server cannot resume it. Try again.")

        def take(chunk: bytes) -> None:
            content.write(chunk)
            digest.update(chunk)

        def step() -> Download:
            # Bytes as they are: another encoding would count them otherwise than ranges do.
            done = content.tell()
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
            return Download(Request("GET", path, headers=headers), begin, take)

        yield from retried(step, True, self._retry_s)
        if isinstance(file, TaskFile) and file.sha256 not in (None, digest.hexdigest()):
            raise DTQError(f"“{file.name}” was damaged on its way: its SHA-256 differs. Try again.")

    # Views and webhooks

    def write(self, kind: type[Record], method: str, path: str, body: Any = None) -> Steps[Record]:
        """Change something by a body, and return what it became."""
        return read(kind, (yield from self._json(Request(method, path, json=body))))

    def change(
        self,
        kind: type[Known],
        path: str,
        known: Known | str,
        fields: Sequence[str],
        changes: Mapping[str, Any],
    ) -> Steps[Known]:
        """Replace ``fields`` of a view or a webhook with what they are now and ``changes``.

        What is known as another version, or is changed between the two requests, stays: Changed.
        """
        path = f"{path}/{quote(known if isinstance(known, str) else known.id, safe='')}"
        answer = yield from self._sent(Request("GET", path))
        now: Known = read(kind, self._parsed(answer))
        if not isinstance(known, str) and known.version != now.version:
            raise Changed(412, CHANGED_TYPE, "Changed meanwhile", CHANGED)
        body = {**{name: getattr(now, name) for name in fields}, **changes}
        tag = {"If-Match": answer.headers["ETag"]} if "ETag" in answer.headers else {}
        return read(kind, (yield from self._json(Request("PUT", path, json=body, headers=tag))))

    def remove(self, path: str) -> Steps[None]:
        yield from self._sent(Request("DELETE", path))

    def deliveries(self, webhook_id: str) -> Steps[None]:
        """Give every delivery of a webhook."""
        path = f"/webhooks/{quote(webhook_id, safe='')}/deliveries"
        return self._pages(path, "deliveries", {}, partial(read, Delivery))

    def stats(self, period: str) -> Steps[Stats]:
        return read(Stats, (yield from self._json(Request("GET", "/stats", query={"period": period}))))

    def save_results(self, batch_id: str, path: str | os.PathLike[str], format: str) -> Steps[Path]:
        """Write the results of a batch to a file, which is there only when it is whole."""
        target = Path(path)
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        request = Request("GET", f"/batches/{quote(batch_id, safe='')}/results", query={"format": format})
        try:
            with part.open("xb") as content:

                def begin(answer: httpx2.Response) -> None:
                    content.seek(0)
                    content.truncate()

                def take(chunk: bytes) -> None:
                    content.write(chunk)

                yield from retried(lambda: Download(request, begin, take), True, self._retry_s)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    # The server

    def listed(self, kind: type[Record], path: str, name: str) -> Steps[list[Record]]:
        """Return a list of records that is not paged."""
        found = yield from self._json(Request("GET", path))
        return [read(kind, item) for item in _items(found, name)]

    def pause(self, kind: type[Record], path: str, why: str) -> Steps[Record]:
        return read(kind, (yield from self._json(Request("POST", f"{path}/pause", json={"why": why}))))

    def record(self, kind: type[Record], method: str, path: str) -> Steps[Record]:
        return read(kind, (yield from self._json(Request(method, path))))

    def bulk(
        self,
        action: BulkAction,
        ids: Sequence[str] | None,
        filter: Mapping[str, str] | None,
        priority: Priority | None,
        tag: str | None,
        most: int | None,
        key: str | None,
    ) -> Steps[BulkOperation]:
        body = {**_chosen(action, ids, filter, priority, tag), "most": most}
        return read(BulkOperation, (yield from self._create("/bulk", key, body)))

    def preview_bulk(
        self,
        action: BulkAction,
        ids: Sequence[str] | None,
        filter: Mapping[str, str] | None,
        priority: Priority | None,
        tag: str | None,
    ) -> Steps[BulkPreview]:
        request = Request("POST", "/bulk/preview", json=_chosen(action, ids, filter, priority, tag))
        return read(BulkPreview, (yield from self._json(request, repeatable=True)))

    def bulk_operations(self) -> Steps[None]:
        """Give every bulk operation."""
        return self._pages("/bulk", "operations", {}, partial(read, BulkOperation))

    def bulk_act(self, bulk_id: str, method: str, below: str = "") -> Steps[BulkOperation]:
        return self.record(BulkOperation, method, f"/bulk/{quote(bulk_id, safe='')}{below}")

    def type(self, name: str) -> Steps[TypeDetails]:
        return self.record(TypeDetails, "GET", f"/types/{quote(name, safe='')}")

    def pause_type(self, name: str, why: str) -> Steps[TypeDetails]:
        return self.pause(TypeDetails, f"/types/{quote(name, safe='')}", why)

    def resume_type(self, name: str) -> Steps[TypeDetails]:
        return self.record(TypeDetails, "POST", f"/types/{quote(name, safe='')}/resume")

    def pause_queue(self, priority: str, why: str) -> Steps[Queue]:
        return self.pause(Queue, f"/queues/{quote(priority, safe='')}", why)

    def resume_queue(self, priority: str) -> Steps[Queue]:
        return self.record(Queue, "POST", f"/queues/{quote(priority, safe='')}/resume")

    def stop_worker(self, name: str) -> Steps[None]:
        yield from self._sent(Request("POST", f"/workers/{quote(name, safe='')}/stop"))

    def _create(self, path: str, key: str | None, body: Any = None) -> Steps[Any]:
        headers = {"Idempotency-Key": str(uuid4()) if key is None else key}
        request = Request("POST", path, json=body, headers=headers)
        return (yield from self._json(request, repeatable=True))

    def _json(self, request: Request, repeatable: bool = False) -> Steps[Any]:
        return self._parsed((yield from self._sent(request, repeatable)))

    def _parsed(self, answer: httpx2.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise BadAnswer(f"The server at {self.url} did not answer with JSON. Check the URL.") from None

    def _sent(self, request: Request, repeatable: bool = False) -> Steps[httpx2.Response]:
        answer: httpx2.Response = yield from retried(
            lambda: request, repeatable or request.method == "GET", self._retry_s
        )
        return answer


def place(kind: str, one: str, below: str = "") -> str:
    """Return the path of one of the views, webhooks, or deliveries."""
    return f"/{kind}/{quote(one, safe='')}{below}"


def _streams_none(begun: bool, error: Exception) -> bool:
    """Whether the server has no such stream, or none to spare: then it is asked again and again instead."""
    return not begun and isinstance(error, ProblemError) and error.status in (404, 406, 429)


def _identity(file: Path | IO[bytes]) -> Any:
    """Return what tells a file from others: a path its name, an open file itself."""
    return file if isinstance(file, Path) else id(file)


def _path(task_id: str, below: str = "") -> str:
    return f"/tasks/{quote(task_id, safe='')}{below}"


def _chosen(
    action: BulkAction,
    ids: Sequence[str] | None,
    filter: Mapping[str, str] | None,
    priority: Priority | None,
    tag: str | None,
) -> dict[str, Any]:
    return {
        "action": action,
        "ids": None if ids is None else list(ids),
        "filter": None if filter is None else dict(filter),
        "priority": priority,
        **({} if tag is None else {"tag": tag}),
    }


def _items(found: Any, name: str) -> list[Any]:
    items = found.get(name) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise BadAnswer("The server's answer is not of this API. Check the URL, and the versions of both.")
    return items
