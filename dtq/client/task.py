"""A task as it was when the server answered, and what can be done with it."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from dtq.client.errors import DTQError, NotFound, TaskCanceled, TaskFailed, WaitTimeout
from dtq.client.log_tail import LogTail
from dtq.client.records import Attempt, Priority, Progress, Status, TaskError, TaskFile, read
from dtq.filenames import safe_name

if TYPE_CHECKING:
    from dtq.client.client import Client

HELD_S = 50
"""The server would hold an answer for 60 s, but many proxies give up then."""
LOG_PER_S = 250_000
"""Characters of a log that is followed; a longer one is read less often."""
PAUSE_S = 1.0
"""Where too many wait already, the server answers at once and asks for this pause."""


@dataclass(frozen=True, kw_only=True)
class TaskSummary:
    """A task as a list has it. It does not change: what acts on it returns the task as it is then."""

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

    def wait(self, timeout_s: float | None = None, raise_on_failure: bool = True) -> Task:
        """Wait until the task has ended, and return it as it is then.

        Raises WaitTimeout after ``timeout_s`` seconds (the task goes on), and TaskFailed or TaskCanceled
        unless ``raise_on_failure`` is false.
        """
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while True:
            began = time.monotonic()
            left_s = max(0.0, until - began)
            task = self._client._task(self.id, wait_s=int(min(HELD_S, left_s)))
            if task.ended:
                break
            if not left_s:
                raise WaitTimeout(task)
            now = time.monotonic()
            time.sleep(max(0.0, min(until - now, began + PAUSE_S - now)))
        if raise_on_failure and task.status != "succeeded":
            raise TaskFailed(task) if task.status == "failed" else TaskCanceled(task)
        return task

    def refresh(self) -> Task:
        """Return the task as it is now."""
        return self._client._task(self.id)

    def result(self) -> Any:
        """Return what the task returned, from JSON; None where it returned nothing.

        Raises NotFound while there is no result.
        """
        try:
            return self._client._http.json("GET", f"/tasks/{self.id}/result")
        except NotFound:
            if self.refresh().status != "succeeded":
                raise
            return None

    def log(self, attempt: int | None = None) -> str:
        """Return what the last attempt, or another one, has printed so far."""
        query = {} if attempt is None else {"attempt": attempt}
        answer = self._client._http.request("GET", f"/tasks/{self.id}/log", query=query)
        return answer.content.decode("utf-8", "replace")

    def follow_log(self) -> Iterator[str]:
        """Iterate over the log as it is printed, by whole lines, until the task has ended.

            for lines in task.follow_log():
                print(lines, end="")

        It begins with the whole log of the attempt that runs, and goes on with those that follow.
        """
        tail = LogTail()
        while True:
            task = self.refresh()  # First: the log of an attempt is complete before its outcome is known.
            length = 0
            for attempt in tail.attempts(task.attempt):
                text = self.log(attempt)
                length += len(text)
                over = attempt < task.attempt or task.status != "running"
                if new := tail.fresh(attempt, text, over):
                    yield new
            if task.ended:
                return
            time.sleep(max(PAUSE_S, length / LOG_PER_S))

    def files(self) -> list[TaskFile]:
        """Return the files that the task was given and made, oldest first."""
        return self._client._list(TaskFile, f"/tasks/{self.id}/files", "files")

    def attempts(self) -> list[Attempt]:
        """Return the attempts that have ended, oldest first; the server keeps the last 20."""
        return self._client._list(Attempt, f"/tasks/{self.id}/attempts", "attempts")

    def download(self, file: TaskFile | str, path: str | os.PathLike[str]) -> Path:
        """Save a file of the task, or the one with this ID, and return where it is.

        In a folder that exists it has its own name. It is written beside its place first, so that ``path``
        is the whole file or what was there before; a download that breaks off is resumed. Raises OSError.
        """
        target = Path(path)
        if isinstance(file, str) and (found := [known for known in self.files() if known.id == file]):
            file = found[0]
        if target.is_dir():
            target /= safe_name(file if isinstance(file, str) else file.name)
        partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            with partial.open("xb") as content:
                self._fetch(file, content)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def _fetch(self, file: TaskFile | str, content: IO[bytes]) -> None:
        http = self._client._http
        path = f"/tasks/{self.id}/files/{quote(file if isinstance(file, str) else file.id, safe='')}"
        digest = hashlib.sha256()

        def send() -> None:
            # Bytes as they are: another encoding would count them otherwise than ranges do.
            done = content.tell()
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
            with http.exchange("GET", path, headers=headers) as answer:
                if done and answer.status_code != 206:
                    raise DTQError("The download broke off, and the server cannot resume it. Try again.")
                for chunk in answer.iter_bytes():
                    content.write(chunk)
                    digest.update(chunk)

        http.retried(send, repeatable=True)
        if isinstance(file, TaskFile) and file.sha256 not in (None, digest.hexdigest()):
            raise DTQError(f"“{file.name}” was damaged on its way: its SHA-256 differs. Try again.")

    def cancel(self) -> Task:
        """Cancel the task. One that runs is asked to stop, and ends within seconds. Raises Conflict."""
        return self._act("cancel")

    def retry(self) -> Task:
        """Queue the failed or canceled task for another attempt. Raises Conflict."""
        return self._act("retry")

    def clone(self, idempotency_key: str | None = None) -> Task:
        """Create a task with the same inputs, and return it. Raises Invalid where they no longer fit."""
        headers = {"Idempotency-Key": str(uuid4()) if idempotency_key is None else idempotency_key}
        path = f"/tasks/{self.id}/clone"
        return bound(
            self._client, Task, self._client._http.json("POST", path, headers=headers, repeatable=True)
        )

    def set_priority(self, priority: Priority) -> Task:
        """Move the waiting task to the end of another queue. Raises Conflict."""
        return self._act("priority", {"priority": priority})

    def delete(self) -> None:
        """Delete the ended task with its log and its files. Raises Conflict."""
        self._client._http.request("DELETE", f"/tasks/{self.id}")

    def _act(self, action: str, body: Any = None) -> Task:
        found = self._client._http.json("POST", f"/tasks/{self.id}/{action}", json=body)
        return bound(self._client, Task, found)

    @property
    def _client(self) -> Client:
        client: Client | None = self.__dict__.get("_from")
        if client is None:
            raise DTQError("This task was copied or unpickled. Use client.task(task.id).")
        return client

    def __getstate__(self) -> dict[str, Any]:
        """A client has connections and a token, so a copy in a file or another process is without one."""
        return {name: value for name, value in self.__dict__.items() if name != "_from"}


@dataclass(frozen=True, kw_only=True)
class Task(TaskSummary):
    """A task as it was when the server answered; ``params`` have their secrets masked.

    ``parent`` is the ID of the task whose inputs were used; ``actions`` are what you may do now: cancel,
    retry, reprioritize, clone, delete.
    """

    params: dict[str, Any]
    has_result: bool
    parent: str | None
    actions: list[str]


Kind = TypeVar("Kind", bound=TaskSummary)


def bound(client: Client, kind: type[Kind], found: Any) -> Kind:
    """Return what the server sent as a task that acts by this client. Raises BadAnswer."""
    task = read(kind, found)
    object.__setattr__(task, "_from", client)
    return task
