"""A database of tasks in all states with files and logs, exports of it, and an empty one beside it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from app.core.backup.export import Export
from app.core.backup.folder import FolderArchive, FolderSink
from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupError, BackupProblem
from app.core.backup.restore import Restore, Restored
from app.core.backup.source import BackupSource
from app.core.backup.target import Target
from app.core.services import Services, assemble
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests import raw_mongomock


@pytest.fixture(autouse=True)
def mongomock_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    raw_mongomock.teach(monkeypatch)


@pytest.fixture
def seeded(services: Services, task_in: Callable[..., Task]) -> Services:
    """A task in each state, one with a file and a log."""
    for status in Status:
        task_in(status)
    file = services.files.save(BytesIO(b"content " * 1_000), "a.txt", "text/plain", "alice", role="input")
    task = task_in(Status.SUCCEEDED, files=(file.id,))
    services.logs.write_part(task.id, 1, 0, b"printed\n")
    return services


@pytest.fixture
def other(services: Services) -> Services:
    """The core on an empty database and an empty Redis of its own."""
    db: Any = services.db.client.get_database("other")
    return assemble(services.settings, db, fakeredis.FakeRedis())


@pytest.fixture
def export(seeded: Services, tmp_path: Path) -> Callable[..., Manifest]:
    """Exports the seeded database into a folder, by default a new one."""

    def run(folder: Path = tmp_path / "export", **given: bool) -> Manifest:
        sink = FolderSink(folder, seeded.db.name, **given)
        try:
            return Export(BackupSource(seeded.db), sink, seeded.vault.key_names).run()
        finally:
            sink.close()

    return run


@pytest.fixture
def restore(other: Services, tmp_path: Path) -> Callable[..., Restored]:
    """Imports a folder into the other database."""

    def run(folder: Path = tmp_path / "export", **given: Any) -> Restored:
        target = Target(other.db)
        keys = given.pop("keys", other.vault.key_names)
        return Restore(FolderArchive(folder), target, other.tasks, keys).run(**given)

    return run


def contents(services: Services) -> dict[str, list[Any]]:
    """All documents by collection, but for hints, which are sent anew, and what is not imported."""
    found = {}
    for name in set(services.db.list_collection_names()) - {"workers", "leases", "imports", "meta"}:
        documents = list(services.db[name].find().sort([("_id", 1)]))
        if documents:
            found[name] = [without_hint(document) for document in documents]
    return found


def without_hint(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("hint", "dispatched_at")}


def refusal(restore: Callable[..., Restored], **given: Any) -> BackupProblem:
    with pytest.raises(BackupError) as refused:
        restore(**given)
    return refused.value.problem


def killed(patched: pytest.MonkeyPatch, method: str, times: int) -> None:
    """Let the process die, as it were, when a method of the target is called for the n-th time."""
    real, calls = getattr(Target, method), []

    def dying(self: Target, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == times:
            raise KeyboardInterrupt
        return real(self, *args)

    patched.setattr(Target, method, dying)
