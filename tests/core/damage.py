"""The space of damaged documents: each field of a task with each value that no version of ours writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId

from app.core.tasks.states import Status

Document = dict[str, Any]
MISSING = object()
WRONG: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "text": "x",
    "empty text": "",
    "a number": 7,
    "a negative number": -1,
    "a huge number": 2**62,
    "a fraction": 1.5,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "true": True,
    "an empty list": [],
    "a list": ["x", 7, None],
    "a list of lists": [[1], [{}]],
    "an empty document": {},
    "a document": {"a": {"b": 1}, "until": "x", "at": 5},
    "an ID": ObjectId("0" * 24),
    "bytes": b"\xff",
    "the first moment": datetime.min.replace(tzinfo=timezone.utc),
    "the last moment": datetime.max.replace(tzinfo=timezone.utc),
}
IN_ALL = (
    "type title params priority owner tags created_at attempt max_attempts attempts_chosen crashes timeout_s "
    "history keywords status run_at queued_at hint dispatched_at started_at finished_at lease lease.until "
    "lease.worker cancel cancel.by cancel.at progress progress.done progress.at result result_file "
    "result_kind error error.kind error.message error.traceback parent put_offs losses expire_at "
    "dispatch params.columns history.0.attempt history.0.started_at history.0.outcome "
    "history.0.message submission_key"
)
FIELDS = tuple(IN_ALL.split())
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def whole(status: Status) -> Document:
    """A document of each field that a task of ours can have, so that damage is done to all of them."""
    past = {"attempt": 1, "worker": "w1", "queued_at": NOW, "started_at": NOW, "finished_at": NOW,
            "outcome": "crash", "message": "It died."}  # fmt: skip
    return {
        "_id": ObjectId(), "title": "Count", "type": "count_slowly", "params": {"columns": ["a"]},
        "priority": 1, "owner": "alice", "tags": ["t"], "created_at": NOW, "attempt": 1, "max_attempts": 3,
        "attempts_chosen": 3, "crashes": 0, "timeout_s": 600, "dispatch": 1, "history": [past],
        "keywords": ["count"], "status": status.value, "run_at": NOW, "queued_at": NOW, "hint": "due",
        "dispatched_at": NOW, "started_at": NOW, "finished_at": NOW, "cancel": None, "put_offs": 0,
        "lease": {"worker": "w1", "until": NOW}, "progress": {"done": 1, "total": 2, "at": NOW},
        "result": {"rows": 1}, "result_kind": "auto", "parent": ObjectId(),
        "error": {"kind": "error", "type": "E", "message": "No.", "traceback": ""},
    }  # fmt: skip


def damaged(status: Status, field: str, wrong: Any) -> Document:
    """A document of this status with one field damaged; a field may lie inside another."""
    document = whole(status)
    place: Any = document
    *path, last = (int(part) if part.isdigit() else part for part in field.split("."))
    for part in path:
        if place[part] is None:
            place[part] = {}
        place = place[part]
    if wrong is MISSING:
        place.pop(last, None)
    else:
        place[last] = wrong
    return document


def every(wrong: Any) -> Iterator[Document]:
    """Each field damaged so, in the status in which most depends on it: what a list or a repair looks at."""
    for status in (Status.SCHEDULED, Status.QUEUED, Status.RUNNING, Status.FAILED):
        for field in FIELDS:
            yield damaged(status, field, wrong)
