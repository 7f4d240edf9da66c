"""Workers and queues as one person may see and change them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.access.engine import Engine
from app.core.access.rights import Rights
from app.core.catalog import TaskType, WorkerInfo
from app.core.errors import Conflict
from app.core.people.audit import Event
from app.core.people.roles import Permission
from app.core.tasks.states import Priority
from app.core.tasks.task import Task


@dataclass(frozen=True)
class Operations:
    """What workers run, and the changes that operators make while they run."""

    _engine: Engine
    _rights: Rights

    def running(self, workers: Iterable[WorkerInfo]) -> dict[str, Task | None]:
        """Return what each busy worker runs, by its name; None for a task that the person does not see.

        It is the task whose lease names the worker: what a worker reports of itself is older.
        """
        names = {worker.name for worker in workers}
        found = {task.worker: task for task in self._engine.queries.running() if task.worker in names}
        return {name: task if self._rights.sees(task) else None for name, task in found.items() if name}

    def stop_worker(self, name: str) -> None:
        """Have a worker stop after its task. Raises Forbidden, and Conflict where it can't be asked."""
        self._rights.require(Permission.WORKER_MANAGE, target=name)
        if not self._engine.catalog.ask_to_stop(name, self._rights.person.id):
            raise Conflict("This worker is not online, or was already asked to stop.")
        self._rights.record(Event.WORKER_STOP, name)

    def pause(self, priority: Priority, why: str) -> None:
        """Have workers take nothing from a queue. Raises Forbidden, Invalid, Conflict."""
        self._rights.require(Permission.QUEUE_MANAGE, target=priority.word)
        if not self._engine.pauses.pause(priority, self._rights.person.id, why):
            raise Conflict(f"The {priority.word}-priority queue is already paused.")
        self._rights.record(Event.QUEUE_PAUSE, priority.word, after={"why": why} if why else None)

    def resume(self, priority: Priority) -> None:
        """Have workers take from a paused queue again. Raises Forbidden, Conflict."""
        self._rights.require(Permission.QUEUE_MANAGE, target=priority.word)
        if not self._engine.pauses.resume(priority):
            raise Conflict(f"The {priority.word}-priority queue is not paused.")
        self._rights.record(Event.QUEUE_RESUME, priority.word)

    def pause_type(self, name: str, why: str) -> None:
        """Have workers begin no task of a type. Raises Forbidden, NotFound, Invalid, Conflict."""
        kind = self._type(name)
        if not self._engine.pauses.pause(kind.name, self._rights.person.id, why):
            raise Conflict(f"“{kind.title}” is already paused.")
        self._rights.record(Event.TYPE_PAUSE, kind.name, after={"why": why} if why else None)

    def resume_type(self, name: str) -> None:
        """Have workers begin tasks of a paused type, and those that wait at once.

        Raises Forbidden, NotFound, Conflict.
        """
        kind = self._type(name)
        if not self._engine.pauses.resume(kind.name):
            raise Conflict(f"“{kind.title}” is not paused.")
        self._engine.tasks.offer([kind.name])
        self._rights.record(Event.TYPE_RESUME, kind.name)

    def _type(self, name: str) -> TaskType:
        self._rights.require(Permission.QUEUE_MANAGE, target=name)
        return self._engine.catalog.get(name)
