"""An attempt in this process with no stores: what `workers.testing` and `python -m workers run` share.

Parameters are held against the same schema as in the form and go through the same model as in a worker.
Files are in a folder instead of GridFS; progress goes to a listener.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.files.gridfs import CHUNK
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.file_types import require_accepted
from app.core.secrets.redaction import Mask
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from config import Settings
from dtq import ChildTask, TaskType
from dtq.child_tasks import Recorder, Submission
from dtq.filenames import numbered, safe_name
from dtq.testing import content_type_of

NOBODY = "local"


class FolderFiles:
    """Files of one attempt: inputs stay where they are, what the task saves is put into ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[ObjectId, tuple[StoredFile, Path]] = {}

    def add(self, path: Path, name: str = "") -> StoredFile:
        """Take a file as an input, under its own name or another one."""
        return self._hold(path, name or path.name, content_type_of(name or path.name), "input")

    def take(self, field: Field, path: Path, name: str = "") -> str:
        """Take a file for a parameter; returns its id. Raises Invalid for a kind that is not taken."""
        name = name or path.name
        require_accepted(field, name, content_type_of(name))
        return str(self.add(path, name).id)

    def outputs(self) -> dict[str, Path]:
        """What was saved, by name; of several with one name the last."""
        return {stored.name: path for stored, path in self._held.values() if stored.role == "output"}

    def save(
        self, source: IO[bytes], name: str, content_type: str, owner: str, *, role: str, limited: bool = True
    ) -> StoredFile:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = _free(self._folder / safe_name(name))
        with path.open("xb") as copy:
            shutil.copyfileobj(source, copy, CHUNK)
        return self._hold(path, name, content_type, role)

    def get_of_task(self, file_id: ObjectId, task_id: ObjectId) -> StoredFile:
        return self._found(file_id)[0]

    def chunks(self, file_id: ObjectId) -> Iterator[bytes]:
        return _chunks(self._found(file_id)[1])

    def attach(self, file_ids: Iterable[ObjectId], task_id: ObjectId) -> None:
        """There is one task here, and every file is its own."""

    def confirm(self, file_ids: Iterable[ObjectId]) -> None:
        """Nothing is pruned here."""

    def _found(self, file_id: ObjectId) -> tuple[StoredFile, Path]:
        if file_id not in self._held:
            raise NotFound(f"There is no file {file_id}.")
        return self._held[file_id]

    def _hold(self, path: Path, name: str, content_type: str, role: str) -> StoredFile:
        digest = hashlib.sha256()
        for chunk in _chunks(path):
            digest.update(chunk)
        size = path.stat().st_size
        stored = StoredFile(
            ObjectId(), safe_name(name), size, content_type, digest.hexdigest(), NOBODY, role, utcnow()
        )
        self._held[stored.id] = (stored, path)
        return stored


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            yield chunk


def _free(path: Path) -> Path:
    """The path, or one beside it that is not taken: nothing is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(numbered(path.name, number))
    return free


class Listener:
    """Hands progress on to a function."""

    def __init__(self, heard: Callable[[dict[str, Any]], None]) -> None:
        self._heard = heard

    def report_progress(self, task: Task, progress: dict[str, Any]) -> None:
        self._heard(progress)


class RecordedChildren(Recorder):
    """Keeps what a task submits: there is no server here that would run it."""

    def submit_for(self, parent: Task, submission: Submission, seen: Counter[str], mask: Mask) -> str:
        return self.submit(submission)

    def of(self, parent: Task) -> list[ChildTask]:
        return self.children()


class NothingSealed:
    """Secrets are given as they are here: no store keeps them."""

    def opened(self, params: Any, task_id: ObjectId) -> Any:
        return params


@dataclass(frozen=True)
class NoStores:
    """What an attempt asks of the stores (`AttemptStores`): a function, a folder and settings."""

    tasks: Listener
    files: FolderFiles
    settings: Settings
    vault: NothingSealed = NothingSealed()
    children: RecordedChildren = field(default_factory=lambda: RecordedChildren())


def local_task(kind: TaskType, params: dict[str, Any], attempt: int = 1) -> Task:
    """A task as a worker would have claimed it, that no store knows."""
    return Task(
        id=ObjectId(),
        type=kind.name,
        title=kind.title,
        params=params,
        priority=Priority.from_word(kind.priority),
        owner=NOBODY,
        status=Status.RUNNING,
        created_at=utcnow(),
        attempt=attempt,
        max_attempts=max(attempt, kind.max_attempts),
        timeout_s=kind.timeout_s,
        dispatch=1,
    )
