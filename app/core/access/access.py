"""The one way from pages, commands and programs to tasks: by the rights of the person who asks.

Each method checks (Forbidden; NotFound where even the existence of a task must not show), asks the engine,
and records in the audit what was changed before it returns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bson import ObjectId

from app.core.access.batches import BatchAccess
from app.core.access.bulk import BulkAccess
from app.core.access.engine import Engine
from app.core.access.figures import Figures
from app.core.access.files import FileAccess
from app.core.access.inputs import checked_inputs
from app.core.access.notifications import Notifications
from app.core.access.operations import Operations
from app.core.access.rights import Rights, holds_secret
from app.core.access.saved_views import Views
from app.core.catalog import TaskType, TypeName
from app.core.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from app.core.files.attempt_logs import AttemptLog
from app.core.files.log_text import LogText
from app.core.listing.cursors import Page
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Count, Listing
from app.core.listing.search_texts import found_by
from app.core.people.audit import Event
from app.core.people.person import Person
from app.core.people.quotas import Quotas
from app.core.people.roles import Permission
from app.core.queue.dispatcher import Submitted
from app.core.secrets.vault import CannotOpen
from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.store import missing
from app.core.tasks.task import NewTask, Task

OTHERS_SECRET = "This task uses a secret of its owner. Edit it, and enter a secret of your own."  # noqa: S105 - a sentence
LOST_SECRET = "The secret of this task can no longer be opened. Edit it, and enter the secret again."  # noqa: S105 - a sentence
BEGINNING = frozenset({Action.RETRY, Action.CLONE})
"""What begins a task anew, so that the person must be one who may use its type."""


@dataclass(frozen=True)
class Access:
    """Tasks, with their files, logs and figures, as one person may read and change them."""

    _engine: Engine
    _rights: Rights
    _quotas: Quotas
    notifications: Notifications
    _limits: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    @property
    def person(self) -> Person:
        return self._rights.person

    @property
    def files(self) -> FileAccess:
        return FileAccess(self._engine, self._rights, self._quotas)

    @property
    def bulk(self) -> BulkAccess:
        return BulkAccess(self._engine, self._rights, self._permits, self.run_again)

    @property
    def batches(self) -> BatchAccess:
        return BatchAccess(self._engine, self._rights, self._quotas, self.notifications)

    @property
    def figures(self) -> Figures:
        return Figures(self._engine, self._rights)

    @property
    def views(self) -> Views:
        return Views(self._engine, self._rights)

    @property
    def operations(self) -> Operations:
        return Operations(self._engine, self._rights)

    @property
    def sees_all(self) -> bool:
        """Whether no task is invisible to the person."""
        return self._rights.sees_all

    def refused(self, permission: str, target: str) -> Forbidden:
        """Record that a page was refused; returns the error to raise."""
        return self._rights.refused(Permission(permission), target)

    # One task

    def get(self, task_id: ObjectId) -> Task:
        """Raises NotFound where there is no such task, none that can be read, or none for this person."""
        self._rights.require(Permission.TASK_READ)
        return self._seen(task_id)

    def may_know(self, owner: str, *, private: bool) -> bool:
        """Return whether the person may know that there is a task of an owner."""
        return self._rights.may_know(owner, private=private)

    def find(self, task_id: ObjectId | None) -> Task | None:
        """Return a task that the person sees, if there is one."""
        try:
            return self.get(task_id) if task_id else None
        except NotFound:
            return None

    def children(self, task: Task) -> Count | None:
        """Return how many tasks this one has submitted that the person sees; None where there are none."""
        if not self._engine.queries.has_children(task.id):
            return None
        return self.counts(TaskFilter(child_of=str(task.id)))[""]

    def log(self, task: Task, attempt: int) -> AttemptLog:
        """Return what is kept of the output of an attempt."""
        self._rights.require_seen(task)
        return self._engine.logs.read(task.id, attempt)

    def log_lines(self, task: Task, attempt: int, place: int = 0, number: int = 1) -> LogText:
        """Return the same line by line; from ``place`` on, where the line of that ``number`` begins."""
        self._rights.require_seen(task)
        return self._engine.logs.lines(task.id, attempt, place, number)

    def downloadable(self, task_id: ObjectId) -> Task:
        """Return a task whose files, result and logs may be downloaded. Raises NotFound, Forbidden."""
        task = self.get(task_id)
        self._rights.require(Permission.TASK_DOWNLOAD, task.owner, str(task.id))
        return task

    def to_clone(self, task_id: ObjectId) -> Task:
        """Return a task whose inputs may be used for a new one. Raises NotFound, Forbidden."""
        return self._allowed(task_id, Action.CLONE)

    def _seen(self, task_id: ObjectId) -> Task:
        try:
            task = self._engine.tasks.get(task_id)
        except NotFound:  # A damaged task does not say whose it is.
            if self.sees_all:
                raise
            raise missing(task_id) from None
        if not self._rights.sees(task):
            raise missing(task_id)
        return task

    def _allowed(self, task_id: ObjectId, action: Action) -> Task:
        task = self._seen(task_id)
        self._rights.require_action(action, task)
        self._rights.require_type(task.type, *self._type_limits(action, task), str(task.id))
        return task

    def _type_limits(self, action: Action, task: Task) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the roles and groups that the type of a task asks for, where an action begins it anew.

        A token that is limited to types changes tasks of these only, whatever the action.
        """
        if action not in BEGINNING or self._rights.uses_all_types:
            return (), ()
        if task.type not in self._limits:
            self._limits[task.type] = self._engine.catalog.limits(task.type)
        return self._limits[task.type]

    # What is offered

    def actions(self, task: Task, kind: TaskType | TypeName | None = None) -> frozenset[Action]:
        """Return what can be done to a task now, and is permitted; ``kind`` is its type, where known."""
        changeable = self._rights.may_use(task.type, (), ())
        usable = kind is None or self.may_use(kind)
        return frozenset(
            action
            for action in task.actions
            if changeable and self._rights.permits(action, task) and (usable or action not in BEGINNING)
        )

    def may_use(self, kind: TaskType | TypeName) -> bool:
        """Return whether the person may create tasks of a type."""
        return self._rights.may_use(kind.name, kind.roles, kind.groups)

    def require_type(self, kind: TaskType) -> None:
        """Raise Forbidden for a type that the person may not use."""
        self._rights.require(Permission.TASK_CREATE, target=kind.name)
        self._rights.require_type(kind.name, kind.roles, kind.groups)

    def _permits(self, action: Action, task: Task) -> bool:
        """Return whether a bulk action on a visible task is permitted."""
        return self._rights.permits(action, task) and self._rights.may_use(
            task.type, *self._type_limits(action, task)
        )

    # Lists

    def page(self, wanted: TaskFilter) -> Page:
        """Return a page of a list."""
        return self._listing().page(wanted)

    def newer(self, wanted: TaskFilter, cursor: str) -> int:
        """Return how many tasks have come into a list since a cursor was its top."""
        return self._listing().newer(wanted, cursor)

    def export(self, wanted: TaskFilter, written_as: str) -> Iterator[Task]:
        """Return every task of a list, which is recorded before the first is read. Raises BadQuery."""
        listing = self._listing()
        listing.require_whole(wanted)
        self._rights.record(Event.TASKS_EXPORT, written_as, after={"filter": wanted.narrowing})
        return listing.every(wanted)

    def counts(self, wanted: TaskFilter) -> dict[str, Count]:
        """Return how many tasks each status holds under the other filters; `""` is all of the list."""
        return self._listing().counts(wanted)

    def among(self, wanted: TaskFilter, statuses: Collection[Status]) -> list[Status]:
        """Return those of the states in which a task can be in the list."""
        return self._listing().among(wanted, statuses)

    def ids_of(self, text: str) -> tuple[ObjectId, ...] | None:
        """Return the IDs that a search names, of tasks that the person sees where it names a piece only."""
        return self._listing().ids_of(text)

    def rows(self, ids: Sequence[ObjectId]) -> list[Task]:
        """Return those of the tasks that the person sees, by ID."""
        self._rights.require(Permission.TASK_READ)
        found = self._engine.queries.find({"_id": {"$in": list(ids)}}, [("_id", 1)], len(ids)) if ids else []
        return [task for task in found if self._rights.sees(task)]

    def _listing(self) -> Listing:
        return self._engine.listing.within(self._rights.readable())

    # Changes

    def submit(self, new: NewTask, kind: TaskType) -> Submitted:
        """Create a task of the type ``kind``, owned by the person.

        Raises Forbidden, Invalid, QuotaExceeded, Unavailable.

        A parent that the person does not see is left out.
        """
        if new.type != kind.name:
            raise ValueError(f"{new.type} is not {kind.name}")
        self.require_type(kind)
        if holds_secret(new.params):
            self._rights.require(Permission.SECRET_USE, target=kind.name)
        files = self.files.usable(new.files) if new.files else {}
        if len(files) < len(set(new.files)):
            raise Invalid("An uploaded file is no longer there. Please choose it again.")
        texts = found_by(self.person.name, files, kind.schema, new.params)
        notify = self.notifications.usable(new.notify)
        new = replace(
            new, owner=self.person.id, parent=self._parent(new.parent), found_by=texts, notify=notify
        )
        self._require_quota(new)
        submitted = self._engine.dispatch.submit(new)
        if submitted.created:
            self._rights.record(Event.TASK_CREATE, str(submitted.task.id), after=_described(submitted.task))
        return submitted

    def run_again(self, task_id: ObjectId, submission_key: str) -> Submitted:
        """Create a task with the inputs of a past one, as it is; the same key again is the same task.

        Raises NotFound, also for a type that there is no more; Forbidden; Invalid where the inputs do not fit
        the type as it is now, or hold a secret of somebody else or one that cannot be opened.
        """
        past = self.to_clone(task_id)
        kind = self._engine.catalog.definition(past.type)
        inputs = checked_inputs(kind, self._opened(past), self.files)
        new = NewTask(
            type=past.type,
            params=inputs.params,
            title=past.title,
            priority=past.priority,
            tags=past.tags,
            timeout_s=past.timeout_s,
            max_attempts=past.attempts_chosen or past.max_attempts,
            submission_key=submission_key,
            parent=past.id,
            files=tuple(file.id for file in inputs.files),
            private=past.private,
        )
        return self.submit(new, kind)

    def _opened(self, past: Task) -> dict[str, Any]:
        """Return the parameters of a past task with its secrets. Raises Invalid."""
        if not holds_secret(past.params):
            return past.params
        if past.owner != self.person.id:
            raise Invalid(OTHERS_SECRET)
        try:
            opened: dict[str, Any] = self._engine.dispatch.vault.opened(past.params, past.id)
        except CannotOpen:
            raise Invalid(LOST_SECRET) from None
        return opened

    def _require_quota(self, new: NewTask) -> None:
        """Raise QuotaExceeded, unless the task exists already and would be returned as it is."""
        try:
            self._quotas.require_submit(self.person)
        except QuotaExceeded:
            if not self._engine.queries.submitted(new.owner, new.submission_key):
                raise

    def _parent(self, parent: ObjectId | None) -> ObjectId | None:
        """Return the past task whose inputs were used; None when it has been deleted meanwhile."""
        if parent is None:
            return None
        try:
            return self.to_clone(parent).id
        except NotFound:
            return None

    def cancel(self, task_id: ObjectId) -> None:
        """Cancel a task. Raises NotFound, Forbidden, or Conflict when it has ended."""
        task = self._allowed(task_id, Action.CANCEL)
        self._engine.dispatch.cancel(task_id, self.person.id)
        self._rights.record(Event.TASK_CANCEL, str(task_id), before={"status": task.status.value})

    def undo_cancel(self, task_id: ObjectId) -> None:
        """Let a task wait again that the person has just canceled. Raises NotFound, Forbidden, Conflict."""
        self._allowed(task_id, Action.CANCEL)
        self._engine.dispatch.undo_cancel(task_id, self.person.id)
        self._rights.record(Event.TASK_RESTORE, str(task_id))

    def retry(self, task_id: ObjectId) -> bool:
        """Queue an ended task once more; returns whether the workers know already.

        Raises NotFound, Forbidden, Conflict.
        """
        task = self._allowed(task_id, Action.RETRY)
        announced = self._engine.dispatch.retry(task_id)
        self._rights.record(Event.TASK_RETRY, str(task_id), before={"status": task.status.value})
        return announced

    def reprioritize(self, task_id: ObjectId, priority: Priority, dispatch: int | None = None) -> Task:
        """Move a waiting task to another queue; returns it as it was. Raises NotFound, Forbidden, Conflict.

        With ``dispatch``, only where the task still has this number.
        """
        self._allowed(task_id, Action.REPRIORITIZE)
        task = self._engine.dispatch.reprioritize(task_id, priority, dispatch)
        self._rights.record(
            Event.TASK_REPRIORITIZE,
            str(task_id),
            before={"priority": task.priority.word},
            after={"priority": priority.word},
        )
        return task

    def delete(self, task_id: ObjectId) -> None:
        """Remove an ended task with its log and files. Raises NotFound, Forbidden, Conflict."""
        task = self._allowed(task_id, Action.DELETE)
        self._engine.dispatch.delete(task_id)
        self._rights.record(
            Event.TASK_DELETE, str(task_id), before={**_described(task), "status": task.status.value}
        )


def _described(task: Task) -> dict[str, Any]:
    """Return what the audit keeps of a task; a title may stand for one that is gone."""
    values = {"type": task.type, "title": task.title[:200], "priority": task.priority.word}
    values |= {"owner": task.owner}
    return {**values, "private": True} if task.private else values
