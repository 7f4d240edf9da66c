"""What a task's function is given: the context of its attempt, and files.

`Fail` and `Retry` are how a function says what shall become of it; `Canceled` is how it is told. What an
attempt asks of the stores is `Stores`: the core has it, and so has `workers.in_process`, without any.
"""

from __future__ import annotations

import mimetypes
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from math import inf, isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema
from pymongo.errors import PyMongoError

from app.core.excerpts import shortened
from app.core.files.filenames import safe_name
from app.core.params.formats.plain_values import INT64, keepable
from app.core.secrets.redaction import Mask

if TYPE_CHECKING:
    from bson import ObjectId

    from app.core.files.store import StoredFile
    from app.core.tasks.task import Task
    from config import Settings

PROGRESS_EVERY_S = 0.5
RETRY_LONGEST_S = 10 * 365 * 86_400  # No date that a retry ends up at is one that cannot be written.


class Reports(Protocol):
    """Where progress goes."""

    def report_progress(self, task: Task, progress: dict[str, Any]) -> object: ...


class Shelf(Protocol):
    """Where files are: what an attempt needs of `app.core.files.store.Files`."""

    def get(self, file_id: ObjectId) -> StoredFile: ...

    def chunks(self, file_id: ObjectId) -> Iterator[bytes]: ...

    def save(
        self, source: IO[bytes], name: str, content_type: str, owner: str, *, role: str, limited: bool = True
    ) -> StoredFile: ...

    def attach(self, file_ids: Iterable[ObjectId], task_id: ObjectId) -> None: ...

    def confirm(self, file_ids: Iterable[ObjectId]) -> None: ...


class Stores(Protocol):
    """What an attempt asks of the stores; `app.core.services.Services` is one."""

    @property
    def tasks(self) -> Reports: ...

    @property
    def files(self) -> Shelf: ...

    @property
    def settings(self) -> Settings: ...


class Fail(Exception):
    """Raise it to fail the task for good; the sentence is shown to the person."""


class Retry(Exception):
    """Raise it to be run again later, where an attempt is left; ``after_s`` seconds, else with backoff.

    Raises TypeError and ValueError where ``after_s`` is no number of seconds that one can wait.
    """

    after_s: float | None = None

    def __init__(
        self, message: str = "The task asked to be run again.", after_s: float | None = None
    ) -> None:
        super().__init__(message)
        if after_s is not None:
            self.after_s = _finite("Retry", "after_s", after_s)
            if not 0 <= self.after_s <= RETRY_LONGEST_S:
                raise ValueError(f"Retry takes 0 s to ten years as `after_s`, not {after_s}.")


def _finite(whose: str, name: str, value: Any) -> int | float:
    """A number as MongoDB keeps it, also of one of numpy's or a decimal. Raises TypeError, ValueError."""
    if not isinstance(value, Real | Decimal):
        raise TypeError(f"{whose} takes a number as `{name}`, not {type(value).__name__}.")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise ValueError(f"{whose} takes a finite number as `{name}`, not one that is infinite or none.")
    return int(value) if isinstance(value, Integral) and abs(number) < INT64 else number


class Canceled(BaseException):
    """The task was canceled. Derived from BaseException, so that `except Exception` does not swallow it."""


class File:
    """An uploaded file. ``size`` is in bytes; ``path`` is a local copy, fetched when first asked for."""

    def __init__(self, stored: StoredFile, fetch: Callable[[StoredFile], Path]) -> None:
        self._stored = stored
        self._fetch = fetch
        self._path: Path | None = None
        self.name = stored.name
        self.size = stored.size
        self.content_type = stored.content_type
        self.sha256 = stored.sha256

    @property
    def path(self) -> Path:
        if self._path is None:
            self._path = self._fetch(self._stored)
        return self._path

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(cls._validate)

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo) -> File:
        if isinstance(value, cls):
            return value
        files = (info.context or {}).get("files")
        if not isinstance(value, str) or files is None:
            raise ValueError("enter the ID of an uploaded file")
        found: File = files(value)
        return found

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "file-id"}


class Context:
    """One attempt, from inside. Nothing here is shared with another attempt."""

    def __init__(self, task: Task, stores: Stores, canceled: Callable[[], bool]) -> None:
        self._task = task
        self._stores = stores
        self._canceled = canceled
        self._work_dir: Path | None = None
        self._reported = 0.0
        self.task_id = str(task.id)
        self.attempt = task.attempt
        self.idempotency_key = str(task.id)
        self.settings = stores.settings
        self.mask = Mask()
        self.progress_now: dict[str, Any] | None = None

    @property
    def work_dir(self) -> Path:
        """An empty folder of this attempt, removed when it ends."""
        if self._work_dir is None:
            self._work_dir = Path(tempfile.mkdtemp(prefix="task-"))
        return self._work_dir

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the task is. Shown at most twice a second; call it as often as you like.

        Raises TypeError and ValueError for what is no finite number.
        """
        self.check_canceled()
        self.progress_now = {
            "done": _finite("ctx.progress", "done", done),
            "total": None if total is None else _finite("ctx.progress", "total", total),
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

    def log(self, message: str) -> None:
        """Add a line to the task's log; `print` and `logging` do as well."""
        print(message)

    def check_canceled(self) -> None:
        """Raises Canceled when somebody has canceled this task."""
        if self._canceled():
            raise Canceled

    def save_file(self, path: Path, name: str, content_type: str | None = None) -> dict[str, Any]:
        """Keep a file as part of the result; it is offered for download on the task's page.

        Returns its ``file_id``, ``name``, ``size`` in bytes, ``sha256`` and ``content_type``.
        """
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

    def file(self, file_id: str) -> File:
        """An uploaded file by its id, as parameters hold it. Raises NotFound."""
        from bson import ObjectId

        from app.core.errors import NotFound

        if not ObjectId.is_valid(file_id):
            raise NotFound(f"File not found: {file_id[:40]!r} isn't the ID of one.")
        return File(self._stores.files.get(ObjectId(file_id)), self._fetch)

    def _fetch(self, stored: StoredFile) -> Path:
        folder = self.work_dir / str(stored.id)
        folder.mkdir(exist_ok=True)
        path = folder / safe_name(stored.name)  # one that an earlier version has stored may be too long
        with path.open("wb") as copy:
            for chunk in self._stores.files.chunks(stored.id):
                copy.write(chunk)
        return path

    def close(self) -> None:
        """Remove what the attempt left on disk."""
        if self._work_dir is not None:
            shutil.rmtree(self._work_dir, ignore_errors=True)
