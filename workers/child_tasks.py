"""The tasks that a task submits, over the stores of its worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from pymongo.errors import PyMongoError

from app.core.access.inputs import TaskRequest
from app.core.errors import Invalid, TaskQueueError
from app.core.params.cli_args import explained
from app.core.secrets.redaction import Mask
from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import Task
from dtq import ChildTask, NotSubmitted
from dtq.child_tasks import Submission


class SubmittedChildren:
    """Submits tasks for a task, as its owner (`ChildTasks`)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def submit_for(self, parent: Task, submission: Submission, seen: Counter[str], mask: Mask) -> str:
        """Return the ID of the task. Raises NotSubmitted."""
        priority = Priority.from_word(submission.priority) if submission.priority else None
        asked = TaskRequest(
            submission.type, submission.params, submission.title or "", priority, submission.tags,
            submission.run_at, submission.max_attempts, submission.timeout_s,
        )  # fmt: skip
        with _refused(f"{submission.type} was not submitted. "):
            return str(self._services.child_tasks.submit(parent, asked, submission.key, seen, mask).id)

    def of(self, parent: Task) -> list[ChildTask]:
        """Return its children, oldest first. Raises NotSubmitted."""
        with _refused(""):
            return [_shown(task) for task in self._services.child_tasks.of(parent)]


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Raise NotSubmitted for what the core refuses, and for a store that does not answer."""
    try:
        yield
    except Invalid as error:
        raise NotSubmitted(what + explained(error), error.fields) from None
    except TaskQueueError as error:
        raise NotSubmitted(f"{what}{error}") from None
    except PyMongoError as error:
        raise NotSubmitted(f"{what}The database did not answer ({type(error).__name__}).") from error


def _shown(task: Task) -> ChildTask:
    return ChildTask(str(task.id), task.type, task.title, cast(Any, task.status.value))
