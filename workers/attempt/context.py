"""The context of an attempt as workers bring it (`dtq.Context`).

What an attempt asks of the stores is `AttemptStores`: the core has it, and so has `workers.in_process`,
without any.
"""

from __future__ import annotations

import mimetypes
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from pymongo.errors import PyMongoError

from app.core.excerpts import shortened
from app.core.params.formats.plain_values import keepable
from app.core.secrets.redaction import Mask
from config import SettingReach
from dtq import Canceled, ChildTask, Context, File
from dtq.child_tasks import Submission
from dtq.filenames import safe_name
from dtq.runtime import finite
from workers.attempt.output_capture import fill

if TYPE_CHECKING:
    from bson import ObjectId

    from app.core.files.store import StoredFile
    from app.core.tasks.task import Task
    from config import Settings

PROGRESS_EVERY_S = 0.5


class Reports(Protocol):
    """Where progress goes."""

    def report_progress(self, task: Task, progress: dict[str, Any]) -> object: ...


class Shelf(Protocol):
    """Where files are: what an attempt needs of `app.core.files.store.Files`."""

    def get_of_task(self, file_id: ObjectId, task_id: ObjectId) -> StoredFile: ...

    def chunks(self, file_id: ObjectId) -> Iterator[bytes]: ...

    def save(
        self, source: IO[bytes], name: str, content_type: str, owner: str, *, role: str, limited: bool = True
    ) -> StoredFile: ...

    def attach(self, file_ids: Iterable[ObjectId], task_id: ObjectId) -> None: ...

    def confirm(self, file_ids: Iterable[ObjectId]) -> None: ...


class Opens(Protocol):
    """What decrypts the secrets of a task: `app.core.secrets.vault.Vault`, or a supervisor that has one."""

    def opened(self, params: Any, task_id: ObjectId) -> Any: ...


class Children(Protocol):
    """What submits tasks for a task: `SubmittedChildren`, or a list of what was asked for."""

    def submit_for(self, parent: Task, submission: Submission, seen: Counter[str], mask: Mask) -> str: ...

    def of(self, parent: Task) -> list[ChildTask]: ...


class AttemptStores(Protocol):
    """What an attempt asks of the stores."""

    @property
    def tasks(self) -> Reports: ...

    @property
    def files(self) -> Shelf: ...

    @property
    def vault(self) -> Opens: ...

    @property
    def children(self) -> Children: ...

    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True)
class ChildStores:
    """What an attempt in a worker is given of the stores, and no more."""

    tasks: Reports
    files: Shelf
    vault: Opens
    children: Children
    settings: Settings


class AttemptContext(Context):
    """One attempt, with the stores of this program."""

    def __init__(self, task: Task, stores: AttemptStores, canceled: Callable[[], bool]) -> None:
        self._task = task
        self._stores = stores
        self._canceled = canceled
        self._work_dir: Path | None = None
        self._reported = 0.0
        self._asked: Counter[str] = Counter()
        self._asking = threading.Lock()
        self.task_id = str(task.id)
        self.attempt = task.attempt
        self.idempotency_key = str(task.id)
        self.mask = Mask()
        self.progress_now: dict[str, Any] | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings without the secrets that task code must not have; made only for a task that asks."""
        return self._stores.settings.reaching(SettingReach.TASK)

    def opened(self) -> Any:
        """Return the parameters of the task with its secrets as they were given. Raises CannotOpen."""
        return self._stores.vault.opened(self._task.params, self._task.id)

    @property
    def work_dir(self) -> Path:
        if self._work_dir is None:
            self._work_dir = Path(tempfile.mkdtemp(prefix="task-"))
        return self._work_dir

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.check_canceled()
        self.progress_now = {
            "done": finite("ctx.progress", "done", done),
            "total": None if total is None else finite("ctx.progress", "total", total),
            "message": shortened(keepable(self.mask.text(str(message))), 300),
        }
        if time.monotonic() - self._reported >= PROGRESS_EVERY_S:
            self._report()

    def _report(self) -> None:
        self._reported = time.monotonic()
        try:
            self._stores.tasks.report_progress(self._task, self.progress_now or {})
        except PyMongoError:
            self._reported += 5  # progress is a courtesy: no task waits for it

    def check_canceled(self) -> None:
        if self._canceled():
            raise Canceled

    def save_file(self, path: Path, name: str, content_type: str | None = None) -> dict[str, Any]:
        name = self.mask.text(name)
        kind = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        with path.open("rb") as content:
            stored = self._stores.files.save(
                content, name, kind, self._task.owner, role="output", limited=False
            )
        self._stores.files.attach([stored.id], self._task.id)
        self._stores.files.confirm([stored.id])
        return {
            "file_id": str(stored.id),
            "name": stored.name,
            "size": stored.size,
            "sha256": stored.sha256,
            "content_type": stored.content_type,
        }

    def redact(self, text: str) -> str:
        return self.mask.text(text)

    def redact_file(self, path: Path) -> None:
        if self.mask:
            with path.open("r+b") as content:
                fill(content, self.mask, 0, path.stat().st_size, by=b"*")

    def file(self, file_id: str) -> File:
        """Return a file that the parameters of this task name, or that it has saved. Raises NotFound."""
        from bson import ObjectId

        from app.core.errors import NotFound

        if not ObjectId.is_valid(file_id):
            raise NotFound(f"File not found: {file_id[:40]!r} isn't the ID of one.")
        stored = self._stores.files.get_of_task(ObjectId(file_id), self._task.id)
        return File(
            stored.name,
            stored.size,
            stored.content_type,
            stored.sha256,
            partial(self._fetch, stored),
            str(stored.id),
        )

    def _fetch(self, stored: StoredFile) -> Path:
        folder = self.work_dir / str(stored.id)
        folder.mkdir(exist_ok=True)
        path = folder / safe_name(stored.name)  # one that an earlier version has stored may be too long
        with path.open("wb") as copy:
            for chunk in self._stores.files.chunks(stored.id):
                copy.write(chunk)
        return path

    def _submit(self, submission: Submission) -> str:
        self.check_canceled()
        with self._asking:
            return self._stores.children.submit_for(self._task, submission, self._asked, self.mask)

    def children(self) -> list[ChildTask]:
        return self._stores.children.of(self._task)

    def close(self) -> None:
        """Remove what the attempt left on disk."""
        if self._work_dir is not None:
            shutil.rmtree(self._work_dir, ignore_errors=True)
