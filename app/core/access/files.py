"""Files by the rights of a person: of the tasks that they see, and those that a new task of theirs may name.

Views get a `StoredFile` from here only, so code that has one may read its content.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any

from bson import ObjectId

from app.core.access.engine import Engine
from app.core.access.rights import Rights
from app.core.errors import NotFound
from app.core.files.store import StoredFile
from app.core.people.quotas import Quotas
from app.core.people.roles import Permission
from app.core.tasks.task import Task

NO_SUCH_FILE = "This task has no such file. It may have been deleted."


@dataclass(frozen=True)
class FileAccess:
    """Stored files, as far as a person may have them."""

    _engine: Engine
    _rights: Rights
    _quotas: Quotas

    def of_task(self, task: Task) -> list[StoredFile]:
        """Return every file of a task that the person sees, oldest first."""
        self._rights.require_seen(task)
        return self._engine.files.of_task(task.id)

    def download(self, task: Task, file_id: str) -> StoredFile:
        """Return a file of a task, to be sent. Raises Forbidden, NotFound."""
        self._rights.require_seen(task)
        self._rights.require(Permission.TASK_DOWNLOAD, task.owner, str(task.id))
        found = {str(file.id): file for file in self._engine.files.of_task(task.id)}
        if file_id not in found:
            raise NotFound(NO_SUCH_FILE)
        return found[file_id]

    def chunks(
        self, file: StoredFile, start: int = 0, stop: int | None = None
    ) -> Generator[bytes, None, None]:
        """Yield the content from byte ``start`` to before ``stop``. Raises NotFound at the first piece."""
        return self._engine.files.chunks(file.id, start, stop)

    def head(self, file: StoredFile, most: int) -> bytes:
        """Return the first ``most`` bytes of the content. Raises NotFound."""
        return self._engine.files.head(file.id, most)

    def save(self, source: IO[bytes], name: str, content_type: str, declared: int = 0) -> StoredFile:
        """Store an upload for a task to come; ``declared`` is its size, where it has not arrived yet.

        Raises Forbidden, QuotaExceeded, TooLarge.
        """
        self._rights.require(Permission.TASK_CREATE)
        self._quotas.require_upload(self._rights.person, _size(source, declared))
        return self._engine.files.save(source, name, content_type, self._rights.person.id, role="input")

    def usable(self, file_ids: Iterable[Any]) -> dict[str, StoredFile]:
        """Return those of the files that a new task may name: the person's own, and those of tasks
        whose files the person may download."""
        known = self._engine.files.named(file_ids)
        others = {task for file, tasks in known if file.owner != self._rights.person.id for task in tasks}
        open_to_person = self._downloadable(others) if others else set()
        return {
            str(file.id): file
            for file, tasks in known
            if file.owner == self._rights.person.id or not open_to_person.isdisjoint(tasks)
        }

    def _downloadable(self, task_ids: Iterable[ObjectId]) -> set[ObjectId]:
        may = self._rights.person.may
        found = self._engine.queries.among(list(task_ids))
        return {
            task.id for task in found if self._rights.sees(task) and may(Permission.TASK_DOWNLOAD, task.owner)
        }


def _size(source: IO[bytes], declared: int) -> int:
    """Return how many bytes there are to read, measured where that is possible."""
    if not source.seekable():
        return declared
    start = source.tell()
    source.seek(0, SEEK_END)
    end = source.tell()
    source.seek(start)
    return end - start
