"""An attempt in this process: what the child does, and the child itself, without the process."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task, parse_job_id
from tests.core.conftest import clock, document
from workers.attempt.attempt import Outcome, attempt, settle
from workers.attempt.child import Child
from workers.attempt.context import AttemptContext
from workers.handover import Receiver, Sender
from workers.types.task_modules import load

__all__ = ["clock", "document"]


@pytest.fixture
def run(services: Services, new_task: Callable[..., Task]) -> Callable[..., tuple[Task, Outcome]]:
    """Submit a sample task, run one attempt and settle it; returns the task as stored, and the outcome."""

    def go(type: str, params: dict[str, Any] | None = None, **given: Any) -> tuple[Task, Outcome]:
        submitted = new_task(type=type, params=params or {}, **given)
        named = parse_job_id(services.queues.take(0) or "")
        assert named is not None
        task = services.tasks.claim(*named, "worker")
        assert task is not None
        context = AttemptContext(task, services, lambda: False)
        outcome = attempt(task, load(["tests.workers.samples"])[type], context, lambda begun: None)
        settle(services, task, outcome)
        context.close()
        return services.tasks.get(submitted.id), outcome

    return go


@pytest.fixture
def child(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setattr(signal, "signal", lambda *given: None)
    (reader, writer), supervisor = os.pipe(), Sender()
    settings = dataclasses.replace(
        services.settings, worker_recycle_mb=0
    )  # A process that runs all tests is large
    made = Child("w1", writer, Receiver(supervisor.reader), tmp_path, settings, services)
    made.types = load(["tests.workers.samples"])
    yield made
    os.close(reader)
    os.close(writer)
    supervisor.close()
