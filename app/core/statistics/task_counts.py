"""Which metric counts what happens to tasks: the `Counting` that `app.core.tasks.observer` tells."""

from __future__ import annotations

from app.core.clock import utcnow
from app.core.statistics import metrics
from app.core.statistics.meter import Meter
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import Task


class TaskCounts:
    """Counts in the ``meter`` of this process."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def created(self, type: str, priority: Priority, tasks: int = 1) -> None:
        self._meter.add(metrics.CREATED, type, priority.word, by=tasks)

    def started(self, task: Task) -> None:
        if task.queued_at and task.started_at:
            waited_s = (task.started_at - task.queued_at).total_seconds()
            self._meter.observe(metrics.QUEUE_TIME, waited_s, task.priority.word)

    def attempt_ended(self, task: Task, ending: Ending) -> None:
        self._meter.add(metrics.ATTEMPTS, ending.value)
        if task.started_at:
            self._meter.observe(metrics.DURATION, (utcnow() - task.started_at).total_seconds(), task.type)

    def ended(self, task: Task, status: Status) -> None:
        self._meter.add(metrics.ENDED, status.value, task.type, task.priority.word)

    def canceled_waiting(self, tasks: int) -> None:
        if tasks:
            self._meter.add(metrics.CANCELED_WAITING, by=tasks)

    def retried(self, tasks: int, *, by_person: bool) -> None:
        if tasks:
            self._meter.add(metrics.RETRIES, "person" if by_person else "worker", by=tasks)
