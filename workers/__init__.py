"""Runs tasks: supervisors, their children, and what they do on behalf of the task types of authors.

Authors import `dtq`. What they imported from here before is still here.
"""

from __future__ import annotations

from typing import NoReturn

from dtq import Canceled, Context, Fail, File, Retry, TaskType, TaskTypeError, task
from workers.types.form_rules import install

__all__ = ["Canceled", "Context", "Fail", "File", "Retry", "TaskType", "TaskTypeError", "run", "task"]

install()


def run(task_id: str) -> NoReturn:
    """The function that a queue message names. Our workers never call it: to them the id is the message.

    Raises RuntimeError, for a stock `rq worker` that took the message; the sweep sends it again.
    """
    raise RuntimeError(f"Task {task_id} needs our own worker: start one with `python -m workers`.")
