"""Databases of version 0, from documents as the program wrote them before there were versions."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from bson import ObjectId

from app.core.mongo import Mongo
from app.core.services import Services

Document = dict[str, Any]
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def old_task(owner: Any = "local", **values: Any) -> Document:
    """Return a task of version 0, literally."""
    task_id = ObjectId()
    return {
        "_id": task_id, "id_end": str(task_id)[-8:], "title": "Count", "type": "count_slowly",
        "params": {"steps": 1}, "priority": 1, "owner": owner, "tags": ["t"], "created_at": NOW, "attempt": 0,
        "max_attempts": 1, "attempts_chosen": 1, "crashes": 0, "losses": 0, "timeout_s": 600, "history": [],
        "keywords": ["count", "count_slowly", "t", "tag:t"], "status": "queued", "status_at": NOW,
        "queued_at": NOW, "dispatch": 1, "hint": "due", **values,
    }  # fmt: skip


def old_file(owner: Any = "local") -> Document:
    about = {"content_type": "text/csv", "owner": owner, "role": "input", "sha256": "0" * 64, "tasks": []}
    return {
        "_id": ObjectId(), "filename": "a.csv", "length": 1, "chunkSize": 261120, "uploadDate": NOW,
        "metadata": about,
    }  # fmt: skip


def canceled(by: Any, owner: str = "local") -> Document:
    ended = {"status": "canceled", "finished_at": NOW, "cancel": {"by": by, "at": NOW}}
    return old_task(owner, **ended)


def contents(db: Mongo) -> dict[str, list[Document]]:
    return {name: list(db[name].find().sort([("_id", 1)])) for name in sorted(db.list_collection_names())}


@pytest.fixture
def old(services: Services) -> Mongo:
    """A database of version 0: no version, tasks and files of three names."""
    db = services.db
    db.drop_collection("meta")
    db.tasks.insert_many(
        [
            *(old_task(submission_key=str(number)) for number in range(5)),
            *(old_task("bob", submission_key=str(number)) for number in range(5)),
            *(old_task("Bob", submission_key=str(number)) for number in range(5)),
            canceled("local"),
            canceled("carol", owner="bob"),
        ]
    )
    db["files.files"].insert_many([old_file(), old_file("bob"), old_file("dave")])
    return db
