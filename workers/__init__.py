"""What a developer of task types imports.

    from workers import task, Context, File, Fail, Retry

Lines that follow rules are in `workers.types.lines` (`Lines`, `Accept`, `Refuse`, `Part`), conditions on
several parameters in `workers.types.checks` (`Check`, `chosen`, `empty`, `given`).

A task type is a typed function. Its form, its schema and its validation are derived from the
signature; see `workers.types.task_type`. How an attempt runs is in `workers.attempt.attempt`.
"""

from __future__ import annotations

from typing import NoReturn

from workers.context import Canceled, Context, Fail, File, Retry
from workers.types.signature import TaskTypeError
from workers.types.task_type import TaskType, task

__all__ = ["Canceled", "Context", "Fail", "File", "Retry", "TaskType", "TaskTypeError", "run", "task"]


def run(task_id: str) -> NoReturn:
    """The function that a queue message names. Our workers never call it: to them the id is the message.

    Raises RuntimeError, for a stock `rq worker` that took the message; the sweep sends it again.
    """
    raise RuntimeError(f"Task {task_id} needs our own worker: start one with `python -m workers`.")
