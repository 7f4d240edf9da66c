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
from app.core.tasks.task import Task
from tests.core.conftest import clock, document
from workers.attempt.attempt import Outcome, attempt, settle
from workers.attempt.child import Child
from workers.attempt.context import AttemptContext, ChildStores
from workers.child_tasks import SubmittedChildren
from workers.handover import Receiver, Sender
from workers.types.task_modules import load

__all__ = ["clock", "document"]


@pytest.fixture
def attempt_of(services: Services) -> Callable[[Task], tuple[Task, Outcome]]:
    """Run one attempt of a queued task and settle it; returns the task as stored, and the outcome."""

    def go(queued: Task) -> tuple[Task, Outcome]:
        task = services.tasks.claim(queued.id, queued.dispatch, "worker")
        assert task is not None
        stores = ChildStores(
            services.tasks,
            services.files,
            services.vault,
            SubmittedChildren(services),
            services.settings,
        )
        context = AttemptContext(task, stores, lambda: False)
        outcome = attempt(task, load(["tests.workers.samples"])[task.type], context, lambda begun: None)
        settle(services, task, outcome)
        context.close()
        return services.tasks.get(task.id), outcome

    return go


@pytest.fixture
def run(
    attempt_of: Callable[[Task], tuple[Task, Outcome]], new_task: Callable[..., Task]
) -> Callable[..., tuple[Task, Outcome]]:
    """Submit a sample task and run one attempt of it."""

    def go(type: str, params: dict[str, Any] | None = None, **given: Any) -> tuple[Task, Outcome]:
        return attempt_of(new_task(type=type, params=params or {}, **given))

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
