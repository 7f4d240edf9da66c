"""Batches by the rights of a person: every row is checked like a task that is created alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bson import ObjectId

from app.core.access.engine import Engine
from app.core.access.files import FileAccess
from app.core.access.inputs import KnownFiles, TaskRequest, checked_task
from app.core.access.notifications import Notifications
from app.core.access.rights import Rights, holds_secret
from app.core.batches.batch import (
    MAX_TITLE,
    MOST_PROBLEMS,
    MOST_TASKS,
    Batch,
    Mode,
    NewBatch,
    RowProblem,
    missing,
)
from app.core.batches.store import BatchesPage
from app.core.batches.summary import Summary, summarized
from app.core.catalog import TaskType
from app.core.errors import Forbidden, Invalid, NotFound, TaskQueueError
from app.core.files.store import StoredFile
from app.core.listing.listing import EXPORTED_AT_ONCE
from app.core.listing.search_texts import found_by
from app.core.params.fields import Field
from app.core.people.audit import Event
from app.core.people.quotas import Quotas
from app.core.people.roles import Permission
from app.core.quantities import plural
from app.core.tasks.task import NewTask, Task, one_line, rights_keywords

Row = TaskRequest | Invalid
"""A row as it is asked for, or why it could not even be read, with sentences by the paths of its fields."""


@dataclass(frozen=True)
class BatchRequest:
    """Many tasks to create at once; the same ``key`` of the same person again is the same batch.

    ``hash`` tells whether what was sent with the key is the same.
    """

    rows: Sequence[Row]
    mode: Mode = Mode.ALL
    title: str = ""
    key: str | None = None
    hash: str = ""


@dataclass(frozen=True)
class CheckedRows:
    """What came of checking: tasks of a ``batch`` to come (None for a row that is wrong), every problem."""

    tasks: list[NewTask | None]
    problems: list[RowProblem]
    batch: ObjectId = field(default_factory=ObjectId)

    @property
    def right(self) -> int:
        """How many rows can be tasks."""
        return sum(task is not None for task in self.tasks)

    @property
    def wrong(self) -> int:
        """How many rows cannot."""
        return len(self.tasks) - self.right


@dataclass(frozen=True)
class BatchAccess:
    """Batches as one person may create and read them."""

    _engine: Engine
    _rights: Rights
    _quotas: Quotas
    _notifications: Notifications

    # Create

    def submit(self, asked: BatchRequest) -> tuple[Batch, bool]:
        """Create the tasks of a batch, or return the batch of the same key; and whether it is new.

        Raises Forbidden, QuotaExceeded, Conflict while another request creates it, Unavailable; and Invalid
        where rows are wrong and the mode is all or no row is right, by `tasks.`, the row and the field.
        """
        self._rights.require(Permission.TASK_CREATE)
        if known := self._engine.batches.settled(self._rights.person.id, asked.key):
            return known, False
        checked = self.checked(asked.rows)
        _require_right(checked, asked.mode)
        self._quotas.require_submit(self._rights.person, checked.right)
        new, tasks = self._new(asked, checked)
        batch, created = self._engine.batches.submit(new, tasks)
        if created:
            about = {"title": batch.title, "tasks": checked.right, "types": sorted(batch.types)[:20]}
            self._rights.record(Event.BATCH_CREATE, str(batch.id), after=about)
        return batch, created

    def checked(self, rows: Sequence[Row]) -> CheckedRows:
        """Check rows without creating anything. Raises Invalid for none, and for too many."""
        if not 1 <= len(rows) <= MOST_TASKS:
            raise Invalid(f"A batch takes from 1 to {MOST_TASKS:,} tasks, and these are {len(rows):,}.")
        files = KnownFiles(self._files())
        files.look_up(row.params for row in rows if isinstance(row, TaskRequest))
        tasks: list[NewTask | None] = []
        problems: list[RowProblem] = []
        checked = CheckedRows(tasks, problems)
        checker = _Checker(self._engine, self._rights, self._notifications, files, checked.batch)
        for number, row in enumerate(rows):
            try:
                tasks.append(checker.task(row))
            except TaskQueueError as error:
                tasks.append(None)
                problems += _of_row(number, error)
        return checked

    def _files(self) -> FileAccess:
        return FileAccess(self._engine, self._rights, self._quotas)

    def _new(self, asked: BatchRequest, checked: CheckedRows) -> tuple[NewBatch, dict[ObjectId, NewTask]]:
        owner = self._rights.person.id
        tasks = {ObjectId(): task for task in checked.tasks if task is not None}
        ids = iter(tasks)
        types = tuple(dict.fromkeys(task.type for task in tasks.values()))
        private = any(task.private for task in tasks.values())
        title = one_line(asked.title)[:MAX_TITLE] or self._title(types, len(tasks))
        new = NewBatch(
            id=checked.batch,
            owner=owner,
            title=title,
            mode=asked.mode,
            ids=tuple(next(ids) if task else None for task in checked.tasks),
            types=types,
            keywords=tuple(rights_keywords(owner, private=private)),
            private=private,
            problems=tuple(checked.problems[:MOST_PROBLEMS]),
            key=asked.key,
            hash=asked.hash,
            files=tuple(dict.fromkeys(file for task in tasks.values() for file in task.files)),
        )
        return new, tasks

    def _title(self, types: Sequence[str], count: int) -> str:
        """Return what a batch is called when nobody gave it a title."""
        if len(types) > 1:
            return plural(count, "task")
        return f"{self._engine.catalog.definition(types[0]).title}: {plural(count, 'task')}"

    # Read

    def get(self, batch_id: ObjectId | None) -> Batch:
        """Return a batch. Raises Forbidden, and NotFound also for one that the person may not know of."""
        self._rights.require(Permission.TASK_READ)
        batch = self._engine.batches.batches.get(batch_id) if batch_id else None
        if batch is None or not self._rights.may_know(batch.owner, private=batch.private):
            raise missing()
        return batch

    def known(self, key: str) -> Batch | None:
        """Return what the person has submitted with a key."""
        return self._engine.batches.batches.known(self._rights.person.id, key)

    def page(self, after: str = "") -> BatchesPage:
        """Return the last batches that the person may know of. Raises Forbidden, BadQuery."""
        return self._engine.batches.batches.page(self._rights.readable(), after)

    def export(self, batch: Batch, written_as: str) -> Callable[[], Iterator[Task]]:
        """Return what walks through the tasks of a batch, in the order of the rows, with their results.

        The export is recorded before.
        """
        self._rights.require(Permission.TASK_READ)
        about = {"filter": {"batch": str(batch.id)}}
        self._rights.record(Event.TASKS_EXPORT, written_as, after=about)
        return lambda: self._every(batch)

    def _every(self, batch: Batch) -> Iterator[Task]:
        ids = batch.task_ids
        for at in range(0, len(ids), EXPORTED_AT_ONCE):
            found = self._engine.queries.among(ids[at : at + EXPORTED_AT_ONCE])
            yield from (task for task in found if self._rights.sees(task))

    def summary(self, batch: Batch) -> Summary:
        """Return what has become of the tasks of a batch that the person got from here."""
        return summarized(self._engine.queries, batch)


@dataclass
class _Checker:
    """Checks rows; what rows of one type have in common is asked once."""

    engine: Engine
    rights: Rights
    notifications: Notifications
    files: KnownFiles
    batch: ObjectId
    kinds: dict[str, tuple[TaskType, list[Field]] | TaskQueueError] = field(default_factory=dict)
    told: dict[tuple[ObjectId, ...], tuple[ObjectId, ...]] = field(default_factory=dict)
    refused: Forbidden | None = None

    def task(self, row: Row) -> NewTask:
        """Raises Invalid, Forbidden, NotFound."""
        if isinstance(row, Invalid):
            raise row
        kind, fields = self._kind(row.type)
        new = checked_task(kind, fields, row, self.files)
        if holds_secret(new.params):
            self._require_secrets(kind)
        named = self._named(new)
        texts = found_by(self.rights.person.name, named, kind.schema, new.params)
        owner = self.rights.person.id
        return replace(new, owner=owner, batch=self.batch, found_by=texts, notify=self._told(new.notify))

    def _told(self, ids: tuple[ObjectId, ...]) -> tuple[ObjectId, ...]:
        """Raises Forbidden, Invalid."""
        if ids not in self.told:
            self.told[ids] = self.notifications.usable(ids)
        return self.told[ids]

    def _require_secrets(self, kind: TaskType) -> None:
        """Raises Forbidden; a refusal is recorded once."""
        if not self.rights.person.may(Permission.SECRET_USE):
            self.refused = self.refused or self.rights.refused(Permission.SECRET_USE, kind.name)
            raise self.refused

    def _named(self, new: NewTask) -> Mapping[str, StoredFile]:
        return self.files.usable([str(file) for file in new.files]) if new.files else {}

    def _kind(self, name: str) -> tuple[TaskType, list[Field]]:
        if name not in self.kinds:
            self.kinds[name] = self._asked(name)
        found = self.kinds[name]
        if isinstance(found, TaskQueueError):
            raise found
        return found

    def _asked(self, name: str) -> tuple[TaskType, list[Field]] | TaskQueueError:
        try:
            kind = self.engine.catalog.definition(name)
            self.rights.require_type(kind.name, kind.roles, kind.groups)
        except (NotFound, Forbidden) as error:
            return error
        return kind, kind.fields


def _of_row(number: int, error: TaskQueueError) -> list[RowProblem]:
    """Return what is wrong with a row; what concerns its type stands beside that."""
    if isinstance(error, Invalid) and error.fields:
        return [RowProblem(number, path, sentence) for path, sentence in error.fields.items()]
    return [RowProblem(number, "type" if isinstance(error, NotFound | Forbidden) else "", str(error))]


def _require_right(checked: CheckedRows, mode: Mode) -> None:
    """Raise Invalid where nothing is to be created."""
    if not checked.wrong or (mode is Mode.EACH and checked.right):
        return
    fields = {
        ".".join(filter(None, ("tasks", str(problem.row), problem.path))): problem.sentence
        for problem in checked.problems[:MOST_PROBLEMS]
    }
    more = (
        f" The first {MOST_PROBLEMS:,} problems are listed." if len(checked.problems) > MOST_PROBLEMS else ""
    )
    raise Invalid(
        f"{checked.wrong:,} of {plural(len(checked.tasks), 'task')} can't be created, so nothing was.{more}",
        fields,
    )
