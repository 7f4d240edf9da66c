"""A task as it was when the server answered, and what can be done with it: in threads, and in coroutines."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dtq.client.documented import documented
from dtq.client.errors import DTQError
from dtq.client.records import Attempt, Priority, TaskFields, TaskFile, WholeTaskFields, read
from dtq.client.steps import Steps

if TYPE_CHECKING:
    from dtq.client.async_client import AsyncClient
    from dtq.client.client import Client

T = TypeVar("T")


class Bound:
    """Knows the client that it came from, unless it was copied."""

    _copied = "This task was copied or unpickled. Use client.task(task.id)."

    def _bound_to(self) -> Any:
        client = self.__dict__.get("_from")
        if client is None:
            raise DTQError(self._copied)
        return client

    def __getstate__(self) -> dict[str, Any]:
        """A client has connections and a token, so a copy in a file or another process is without one."""
        return {name: value for name, value in self.__dict__.items() if name != "_from"}


@dataclass(frozen=True, kw_only=True)
class TaskSummary(TaskFields, Bound):
    """A task as a list has it. It does not change: what acts on it returns the task as it is then."""

    def wait(self, timeout_s: float | None = None, raise_on_failure: bool = True) -> Task:
        """Wait until the task has ended, and return it as it is then.

        Raises WaitTimeout after ``timeout_s`` seconds (the task goes on), and TaskFailed or TaskCanceled
        unless ``raise_on_failure`` is false.
        """
        return self._run(self._client._operations.wait(self.id, timeout_s, raise_on_failure))

    def refresh(self) -> Task:
        """Return the task as it is now."""
        return self._run(self._client._operations.task(self.id))

    def result(self) -> Any:
        """Return what the task returned, from JSON; None where it returned nothing.

        Raises NotFound while there is no result.
        """
        return self._run(self._client._operations.result(self.id))

    def log(self, attempt: int | None = None, *, times: bool = False) -> str:
        """Return what the last attempt, or another one, has printed so far.

        With ``times``, each line stands behind the time (UTC) at which its worker had it, to the second, or
        behind `-` where none is kept.
        """
        return self._run(self._client._operations.log(self.id, attempt, times=times))

    def follow_log(self) -> Iterator[str]:
        """Iterate over the log as it is printed, by whole lines, until the task has ended.

            for lines in task.follow_log():
                print(lines, end="")

        It begins with the whole log of the attempt that runs, and goes on with those that follow, also over
        a restart of the server. Where the server cannot stream, it is asked every second.
        """
        return self._client._transport.iterate(self._client._operations.follow_log(self.id))

    def events(self) -> Iterator[TaskSummary]:
        """Iterate over the task as it changes, by status and progress, until it has ended.

            for now in task.events():
                print(now.status, now.progress)

        It begins with the task as it is; of changes that follow each other quickly, the last is certain.
        """
        return self._client._transport.iterate(self._client._operations.events(self.id))

    def files(self) -> list[TaskFile]:
        """Return the files that the task was given and made, oldest first."""
        return self._run(self._client._operations.listed(TaskFile, f"/tasks/{self.id}/files", "files"))

    def attempts(self) -> list[Attempt]:
        """Return the attempts that have ended, oldest first; the server keeps the last 20."""
        return self._run(self._client._operations.listed(Attempt, f"/tasks/{self.id}/attempts", "attempts"))

    def download(self, file: TaskFile | str, path: str | os.PathLike[str]) -> Path:
        """Save a file of the task, or the one with this ID, and return where it is.

        In a folder that exists it has its own name. It is written beside its place first, so that ``path``
        is the whole file or what was there before; a download that breaks off is resumed. Raises OSError.
        """
        return self._run(self._client._operations.download(self.id, file, path))

    def cancel(self) -> Task:
        """Cancel the task. One that runs is asked to stop, and ends within seconds. Raises Conflict."""
        return self._run(self._client._operations.act(self.id, "cancel"))

    def retry(self) -> Task:
        """Queue the failed or canceled task for another attempt. Raises Conflict."""
        return self._run(self._client._operations.act(self.id, "retry"))

    def clone(self, idempotency_key: str | None = None) -> Task:
        """Create a task with the same inputs, and return it. Raises Invalid where they no longer fit."""
        return self._run(self._client._operations.clone(self.id, idempotency_key))

    def set_priority(self, priority: Priority) -> Task:
        """Move the waiting task to the end of another queue. Raises Conflict."""
        return self._run(self._client._operations.act(self.id, "priority", {"priority": priority}))

    def delete(self) -> None:
        """Delete the ended task with its log and its files. Raises Conflict."""
        self._run(self._client._operations.delete(self.id))

    @property
    def _client(self) -> Client:
        client: Client = self._bound_to()
        return client

    def _run(self, steps: Steps[T]) -> T:
        return self._client._transport.run(steps)


@dataclass(frozen=True, kw_only=True)
class Task(WholeTaskFields, TaskSummary):
    """A task as it was when the server answered; ``params`` have their secrets masked.

    ``parent`` is the ID of the task whose inputs were used, ``child_of`` that of the task that submitted
    this one; ``actions`` are what you may do now: cancel, retry, reprioritize, clone, delete.
    """


@documented(TaskSummary)
@dataclass(frozen=True, kw_only=True)
class AsyncTaskSummary(TaskFields, Bound):
    """A `TaskSummary` of an `AsyncClient`: the same methods, to be awaited."""

    async def wait(self, timeout_s: float | None = None, raise_on_failure: bool = True) -> AsyncTask:
        return await self._run(self._client._operations.wait(self.id, timeout_s, raise_on_failure))

    async def refresh(self) -> AsyncTask:
        return await self._run(self._client._operations.task(self.id))

    async def result(self) -> Any:
        return await self._run(self._client._operations.result(self.id))

    async def log(self, attempt: int | None = None, *, times: bool = False) -> str:
        return await self._run(self._client._operations.log(self.id, attempt, times=times))

    def follow_log(self) -> AsyncIterator[str]:
        return self._client._transport.iterate(self._client._operations.follow_log(self.id))

    def events(self) -> AsyncIterator[AsyncTaskSummary]:
        return self._client._transport.iterate(self._client._operations.events(self.id))

    async def files(self) -> list[TaskFile]:
        return await self._run(self._client._operations.listed(TaskFile, f"/tasks/{self.id}/files", "files"))

    async def attempts(self) -> list[Attempt]:
        return await self._run(
            self._client._operations.listed(Attempt, f"/tasks/{self.id}/attempts", "attempts")
        )

    async def download(self, file: TaskFile | str, path: str | os.PathLike[str]) -> Path:
        return await self._run(self._client._operations.download(self.id, file, path))

    async def cancel(self) -> AsyncTask:
        return await self._run(self._client._operations.act(self.id, "cancel"))

    async def retry(self) -> AsyncTask:
        return await self._run(self._client._operations.act(self.id, "retry"))

    async def clone(self, idempotency_key: str | None = None) -> AsyncTask:
        return await self._run(self._client._operations.clone(self.id, idempotency_key))

    async def set_priority(self, priority: Priority) -> AsyncTask:
        return await self._run(self._client._operations.act(self.id, "priority", {"priority": priority}))

    async def delete(self) -> None:
        await self._run(self._client._operations.delete(self.id))

    @property
    def _client(self) -> AsyncClient:
        client: AsyncClient = self._bound_to()
        return client

    async def _run(self, steps: Steps[T]) -> T:
        return await self._client._transport.run(steps)


@dataclass(frozen=True, kw_only=True)
class AsyncTask(WholeTaskFields, AsyncTaskSummary):
    """A `Task` of an `AsyncClient`: the same methods, to be awaited."""


Kind = TypeVar("Kind", bound=TaskSummary | AsyncTaskSummary)


def bound(client: Client | AsyncClient, kind: type[Kind], found: Any) -> Kind:
    """Return what the server sent as a task that acts by this client. Raises BadAnswer."""
    task = read(kind, found)
    object.__setattr__(task, "_from", client)
    return task
