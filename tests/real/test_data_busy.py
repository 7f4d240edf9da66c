"""An export while tasks are created, run and deleted: maintenance cleans whatever is inconsistent in it."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.services import Services, connect
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask
from bench.data import environment, seed
from config import load
from tests.real.installations import Database, database, flask, servers

__all__ = ["database", "servers"]

pytestmark = [pytest.mark.real, pytest.mark.slow]

SEED = 20261126
LONG_AGO = timedelta(days=2)


class Busy:
    """Somebody who creates tasks with files, workers that run them, and retention, all at once."""

    def __init__(self, addresses: dict[str, str], number: int) -> None:
        self._services = connect(load(environment(addresses)))
        self._chance = random.Random(SEED + number)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.created = self.deleted = 0

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._services.close()

    def _run(self) -> None:
        mine: list[ObjectId] = []
        while not self._stop.is_set():
            mine.append(self._work())
            self.created += 1
            if self._chance.random() < 0.7:
                self._services.dispatch.delete(mine.pop(self._chance.randrange(len(mine))))
                self.deleted += 1

    def _work(self) -> ObjectId:
        """One task from its upload to its end."""
        core, content = self._services, self._chance.randbytes(self._chance.randrange(1, 600_000))
        file = core.files.save(BytesIO(content), "a.bin", "text/plain", "local", role="input")
        new = NewTask(type="echo", params={"file": str(file.id)}, title="Busy", files=(file.id,))
        task = core.dispatch.submit(new).task
        claimed = core.tasks.claim(task.id, task.dispatch, "w1")
        assert claimed
        core.logs.write_part(task.id, 1, 0, b"printed")
        core.tasks.succeed(claimed, {"rows": 1})
        return task.id


@pytest.mark.parametrize("number", range(3))
def test_nothing_is_left_over_and_no_file_of_a_task_is_broken(
    database: Database, tmp_path: Path, number: int
) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("wheel", "target")
    seed(before, 200, large=2)
    with Busy(given, 2 * number) as one, Busy(given, 2 * number + 1) as two:
        exported = flask(given, "export", tmp_path / "export")
    assert exported.returncode == 0 and one.created + two.created > 10 and one.deleted + two.deleted > 5
    imported = flask(addresses, "import", tmp_path / "export")
    assert imported.returncode == 0, imported.stderr

    maintain_later(after)
    assert list(dangling(after)) == []
    assert list(broken(before, after)) == []


def maintain_later(services: Services) -> None:
    """What maintenance does in the days to come."""
    for name in ("deletions", "files.uploads"):
        services.db[name].update_many({}, {"$set": {"at": utcnow() - LONG_AGO}})
    pending = {"metadata.pending_at": {"$exists": True}}
    services.db["files.files"].update_many(pending, {"$set": {"metadata.pending_at": utcnow() - LONG_AGO}})
    services.recovery.prune()
    assert services.db.deletions.count_documents({}) == services.db["files.uploads"].count_documents({}) == 0


def dangling(services: Services) -> Iterator[tuple[str, object]]:
    """Documents whose owner is not there."""
    tasks = {task["_id"] for task in services.db.tasks.find({}, {"_id": 1})}
    files = {file["_id"]: file["metadata"]["tasks"] for file in services.db["files.files"].find()}
    yield from (
        ("log", log["_id"]) for log in services.db.logs.find({}, {"task": 1}) if log["task"] not in tasks
    )
    yield from (("file", file) for file, owners in files.items() if not set(owners) <= tasks)
    chunks = services.db["files.chunks"].find({}, {"files_id": 1})
    yield from (("chunk", chunk["_id"]) for chunk in chunks if chunk["files_id"] not in files)


def broken(before: Services, after: Services) -> Iterator[ObjectId]:
    """Tasks that still are in the source, and whose file is not whole in the target."""
    there = {task["_id"] for task in before.db.tasks.find({}, {"_id": 1})}
    for task in after.db.tasks.find({"title": "Busy", "status": Status.SUCCEEDED.value}):
        if task["_id"] in there:
            (file,) = after.files.of_task(task["_id"])
            content = b"".join(after.files.chunks(file.id))
            if hashlib.sha256(content).hexdigest() != file.sha256:
                yield task["_id"]
