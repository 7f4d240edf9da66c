"""What a person can be told of. The values are what MongoDB holds, and the `type` of a webhook."""

from __future__ import annotations

from enum import Enum

from app.core.tasks.states import Status


class EventType(str, Enum):
    """Something that happened."""

    TASK_SUCCEEDED = "task.succeeded"
    TASK_FAILED = "task.failed"
    TASK_CANCELED = "task.canceled"
    TASKS_FAILING = "tasks.failing"
    """So many tasks failed within so many minutes."""
    TASK_WAITING = "task.waiting"
    """A task waits in its queue for longer than so many minutes."""
    TYPE_UNSERVED = "type.unserved"
    """Tasks of a type wait, and no online worker has it."""
    TEST = "test"
    """Somebody pressed Send test."""


OF_STATUS = {
    Status.SUCCEEDED: EventType.TASK_SUCCEEDED,
    Status.FAILED: EventType.TASK_FAILED,
    Status.CANCELED: EventType.TASK_CANCELED,
}
ENDS = frozenset(OF_STATUS.values())
CHOSEN = tuple(event for event in EventType if event is not EventType.TEST)
"""What can be subscribed to."""
