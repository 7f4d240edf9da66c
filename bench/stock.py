"""What the control runs: a job of a stock `rq worker` that does to MongoDB what our worker does.

The worker's command names this module as its configuration (`-c bench.stock`), so its parent process
imports everything once and its forks do not. That is kinder to it than its default, which imports
the job's module anew in every fork.
"""

from __future__ import annotations

import functools
import os
from datetime import timedelta

from bson import ObjectId

from app.core import mongo
from app.core.tasks.store import Tasks
from bench.noop import noop
from config import load

FUNCTION = "bench.stock.run"


@functools.cache
def _tasks() -> Tasks:
    """With a client of this process: a forked one must not share its parent's (PyMongo's FAQ)."""
    settings = load(os.environ)
    return Tasks(mongo.connect(settings), timedelta(days=settings.retention_days))


def run(task_id: str) -> None:
    """Claim, do nothing, finish. Raises RuntimeError when somebody else was first."""
    task = _tasks().claim(ObjectId(task_id), 1, f"stock.{os.getpid()}")
    if task is None or not _tasks().succeed(task, noop(None, **task.params)):  # type: ignore[arg-type]  # a no-op needs no context
        raise RuntimeError(f"Task {task_id} was not this worker's.")
