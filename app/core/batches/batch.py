"""What a batch is: the values of its document. Writing it is in `store`, creating its tasks in `creation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from bson import ObjectId

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.mongo import Document

MOST_TASKS = 10_000
MOST_BYTES = 64 * 2**20
"""As BSON, of all tasks of a batch together."""
MOST_PROBLEMS = 1_000
"""So many of the problems of rows are kept with a batch, and told when none is created."""
MAX_TITLE = 200
LEASE = timedelta(seconds=15)


class State(str, Enum):
    """How far the creation is; the value is what MongoDB holds."""

    OPEN = "open"
    """Its rows are being written. None of its tasks exists, and none will if this ends here."""
    WHOLE = "whole"
    """All of its rows are durable: every task will exist, whatever happens now."""
    MADE = "made"
    """Every task exists. Redis did not take all of the hints yet."""
    READY = "ready"
    """Every task exists, and the workers were told."""


class Mode(str, Enum):
    """Which rows become tasks where some are wrong; the value is what MongoDB holds."""

    ALL = "all"
    """None."""
    EACH = "each"
    """Those that are right."""


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with a row, counted from 0: a sentence, by the path of a field (empty for the row)."""

    row: int
    path: str
    sentence: str


@dataclass(frozen=True)
class NewBatch:
    """A batch whose rows were checked; ``ids`` has None for a row that is left out.

    The same ``key`` of the same owner again is the same batch; ``hash`` tells whether it was sent with the
    same rows. ``keywords`` say who may know of it.
    """

    id: ObjectId
    owner: str
    title: str
    mode: Mode
    ids: tuple[ObjectId | None, ...]
    types: tuple[str, ...]
    keywords: tuple[str, ...]
    private: bool = False
    problems: tuple[RowProblem, ...] = ()
    key: str | None = None
    hash: str = ""
    files: tuple[ObjectId, ...] = ()


@dataclass(frozen=True)
class Batch:
    """A batch as MongoDB holds it. Times are aware UTC.

    ``made`` is how many parts of its rows are tasks by now, of ``parts``, and of ``pushed`` the workers were
    told. ``files`` are those that its tasks name; ``private``: the batch is for its owner and operators only.
    """

    id: ObjectId
    owner: str
    title: str
    mode: Mode
    types: tuple[str, ...]
    ids: tuple[ObjectId | None, ...]
    created_at: datetime
    state: State
    step: int
    private: bool = False
    problems: tuple[RowProblem, ...] = ()
    submission_hash: str = ""
    files: tuple[ObjectId, ...] = ()
    parts: int = 0
    made: int = 0
    pushed: int = 0
    lease: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task_ids(self) -> list[ObjectId]:
        """The tasks that it has created, in the order of the rows."""
        return [task_id for task_id in self.ids if task_id]

    @property
    def rejected(self) -> int:
        """How many rows were left out."""
        return len(self.ids) - len(self.task_ids)

    @property
    def held(self) -> bool:
        """Whether a process is at work on it, which has not lost its lease."""
        until, now = self.lease.get("until"), utcnow()
        return isinstance(until, datetime) and now < until <= now + 2 * LEASE


_PROBLEM = stored.shaped({"row": stored.is_count, "path": stored.is_text, "sentence": stored.is_text}, {})
_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    "owner": stored.is_text,
    "title": stored.is_text,
    "mode": stored.one_of(*(mode.value for mode in Mode)),
    "types": stored.list_of(stored.is_text),
    "ids": stored.list_of(stored.maybe(stored.is_id)),
    "created_at": stored.is_time,
    "state": stored.one_of(*(state.value for state in State)),
    "step": stored.is_count,
}
_OPTIONAL: dict[str, stored.Check] = {
    "private": stored.is_flag,
    "problems": stored.list_of(_PROBLEM),
    "submission_hash": stored.is_text,
    "files": stored.list_of(stored.is_id),
    "parts": stored.is_count,
    "made": stored.is_count,
    "pushed": stored.is_count,
    "lease": stored.is_document,
}


def from_document(document: Document) -> Batch:
    """Read a batch. Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    problems = values.pop("problems", ())
    values |= {name: tuple(values.get(name, ())) for name in ("types", "ids", "files")}
    values |= {"mode": Mode(values["mode"]), "state": State(values["state"])}
    read = (RowProblem(int(one["row"]), one["path"], one["sentence"]) for one in problems)
    return Batch(id=values.pop("_id"), problems=tuple(read), **values)


def to_document(new: NewBatch, parts: int, look_at: datetime) -> Document:
    """Return an open batch as it is inserted; from ``look_at`` on, it goes once it has no task any more."""
    now = utcnow()
    document: Document = {
        "_id": new.id,
        "owner": new.owner,
        "title": new.title,
        "mode": new.mode.value,
        "types": list(new.types),
        "ids": list(new.ids),
        "keywords": list(new.keywords),
        "private": new.private,
        "problems": [vars(problem) for problem in new.problems[:MOST_PROBLEMS]],
        "files": list(new.files),
        "created_at": now,
        "look_at": look_at,
        "state": State.OPEN.value,
        "step": 0,
        "parts": parts,
        "made": 0,
        "pushed": 0,
        "lease": {"until": now + LEASE},
    }
    if new.key:
        document |= {"submission_key": new.key, "submission_hash": new.hash}
    return document


def missing() -> NotFound:
    """Return what is said of a batch that does not exist, or that a person may not know of."""
    return NotFound("This batch doesn't exist. Batches go when the last of their tasks has been deleted.")
