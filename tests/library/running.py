"""Runs any built-in task type as a worker does, without stores."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bson import ObjectId

from config import load
from dtq._types.task_type import registered
from workers.attempt.attempt import Failed, Outcome, Succeeded, attempt
from workers.attempt.context import AttemptContext
from workers.in_process import FolderFiles, Listener, NoStores, local_task


class Recorder(AttemptContext):
    """The real context, remembering what was said."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: list[tuple[float, float | None, str]] = []

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        super().progress(done, total, message)
        self.told.append((done, total, message))


class Runner:
    """Alice's tasks: ``told`` has the progress of the last one, ``key`` its idempotency key."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._stores = NoStores(
            Listener(lambda progress: None),
            FolderFiles(folder / "saved"),
            dataclasses.replace(load({"ENVIRONMENT": "local"}), **settings),
        )
        self.told: list[tuple[float, float | None, str]] = []
        self.key = ""
        self.canceled: Callable[[], bool] = lambda: False

    def file(self, content: bytes | str, name: str) -> str:
        """An uploaded file of Alice's; its id."""
        path = Path(tempfile.mkdtemp(dir=self._folder)) / "content"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(self._stores.files.add(path, name).id)

    def outcome(self, function: Callable[..., Any], **params: Any) -> Outcome:
        task = local_task(registered(function), params)
        context = Recorder(task, self._stores, lambda: self.canceled())
        self.told, self.key = context.told, context.idempotency_key
        try:
            return attempt(task, registered(function), context, lambda running: None)
        finally:
            context.close()

    def result(self, function: Callable[..., Any], **params: Any) -> dict[str, Any]:
        """What it returned; the test fails when the task did."""
        outcome = self.outcome(function, **params)
        assert isinstance(outcome, Succeeded), outcome
        return dict(outcome.result)

    def failure(self, function: Callable[..., Any], **params: Any) -> Failed:
        """How it failed; the test fails when it did not, or by an error that nobody foresaw."""
        outcome = self.outcome(function, **params)
        assert isinstance(outcome, Failed), outcome
        assert outcome.error["kind"] in ("failed", "retry"), outcome.error
        return outcome

    def refusal(self, function: Callable[..., Any], **params: Any) -> str:
        """The sentence of a failure for good."""
        failed = self.failure(function, **params)
        assert (failed.error["kind"], failed.retry) == ("failed", False), failed.error
        return str(failed.error["message"])

    def outputs(self) -> dict[str, bytes]:
        """Every file that was saved, by name."""
        return {name: path.read_bytes() for name, path in self._stores.files.outputs().items()}

    def content(self, saved: dict[str, Any]) -> bytes:
        """The bytes of a file that a result names."""
        return b"".join(self._stores.files.chunks(ObjectId(saved["file_id"])))
