"""Runs *Clean a table* as a worker does, on files that a test makes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from app.core.services import Services
from app.core.tasks.task import Task
from dtq._types.task_type import registered
from dtq_library.tables.clean.task import clean_table
from tests.library.reading import read, refused
from tests.library.running import Recorder, Runner
from tests.library.transforming import transform
from workers.attempt.attempt import Failed, Succeeded, attempt

__all__ = ["read", "refused", "transform"]  # fixtures of several modules


@dataclass(frozen=True)
class Cleaned:
    """What came out: the result, and the bytes of the file."""

    report: dict[str, Any]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a CSV file, its header first."""
        return list(csv.reader(io.StringIO(self.text)))

    def column(self, name: str) -> dict[str, Any]:
        return next(column for column in self.report["columns"] if column["name"] == name)


@pytest.fixture
def unchecked(tmp_path: Path) -> Runner:
    """Runs tasks that no form has judged, such as one that was created for an earlier version of its type."""
    return Runner(tmp_path)


@pytest.fixture
def start(
    services: Services, new_task: Callable[..., Task]
) -> Iterator[Callable[..., tuple[Task, Recorder]]]:
    """Alice's task over a file of hers, and the context of its attempt; ``canceled`` says when to stop."""
    contexts: list[Recorder] = []

    def begin(
        content: bytes | str, name: str, canceled: Callable[[], bool] = lambda: False, **params: Any
    ) -> tuple[Task, Recorder]:
        data = content.encode() if isinstance(content, str) else content
        stored = services.files.save(
            io.BytesIO(data), name, "application/octet-stream", "alice", role="input"
        )
        task = new_task(type="clean_table", params={"source": str(stored.id), **params}, files=(stored.id,))
        context = Recorder(task, services, canceled)
        contexts.append(context)
        return task, context

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture
def clean(services: Services, start: Callable[..., tuple[Task, Recorder]]) -> Callable[..., Cleaned]:
    """Clean a table and return what came out."""

    def run(content: bytes | str, name: str = "table.csv", **params: Any) -> Cleaned:
        task, context = start(content, name, **params)
        outcome = attempt(task, registered(clean_table), context, lambda running: None)
        context.close()
        assert isinstance(outcome, Succeeded), outcome
        written = b"".join(services.files.chunks(ObjectId(outcome.result["file"]["file_id"])))
        return Cleaned(outcome.result, written)

    return run


@pytest.fixture
def refusal(start: Callable[..., tuple[Task, Recorder]]) -> Callable[..., str]:
    """Try to clean what cannot be cleaned and return the sentence; no retry is made, as none would help."""

    def run(content: bytes | str, name: str = "table.csv", **params: Any) -> str:
        task, context = start(content, name, **params)
        outcome = attempt(task, registered(clean_table), context, lambda running: None)
        context.close()
        assert isinstance(outcome, Failed), outcome
        assert (outcome.error["kind"], outcome.retry) == ("failed", False), outcome.error
        return str(outcome.error["message"])

    return run
