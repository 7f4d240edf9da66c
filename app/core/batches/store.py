"""The collections `batches` and `batch_parts`, and every write to them; changes of state compare and set.

A part is some rows of a batch as the documents of its tasks, complete and with their IDs, compressed. So
any process that finds a part can insert its tasks, once or again, with the same outcome.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.batches.batch import (
    LEASE,
    MOST_BYTES,
    Batch,
    NewBatch,
    State,
    from_document,
    missing,
    to_document,
)
from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.listing.cursors import beyond, encode
from app.core.mongo import Document, Mongo
from app.core.tasks.task import batch_keyword

PAGE_SIZE = 25
TAKEN_AT_ONCE = 5
LOOKED_AT_ONCE = 50
PART_TASKS = 1_000
PART_BYTES = 4 * 2**20
LOOK_AGAIN = timedelta(days=1)
PRUNE_S = 2.0
TOO_LARGE = (
    f"The tasks of a batch take at most {MOST_BYTES >> 20} MB together in the database. "
    "Send fewer rows, or large content as a file."
)
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=timezone.utc)
_LISTED = {"ids": 0, "problems": 0, "files": 0}


class LostBatch(Exception):  # noqa: N818 - an outcome, not a fault
    """Another process has the batch now, or it was cleaned up; nothing was written."""


@dataclass(frozen=True)
class BatchesPage:
    """Batches without their rows, the newest first; ``next`` is empty where there is nothing further."""

    batches: list[Batch]
    next: str = ""


def parts_of(documents: Sequence[Document]) -> Iterator[list[Document]]:
    """Yield tasks some at a time: at most `PART_TASKS` of `PART_BYTES` together, or one that is larger.

    Raises Invalid where they are larger than `MOST_BYTES` together.
    """
    part: list[Document] = []
    size = whole = 0
    for document in documents:
        length = len(bson.encode(document))
        whole += length
        if whole > MOST_BYTES:
            raise Invalid(TOO_LARGE)
        if part and (len(part) == PART_TASKS or size + length > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(document)
        size += length
    if part:
        yield part


class Batches:
    """The batches of ``db``; ``retention`` is how long one stays at least."""

    def __init__(self, db: Mongo, retention: timedelta) -> None:
        self._batches, self._parts, self._tasks = db.batches, db.batch_parts, db.tasks
        self._retention = retention

    # People

    def get(self, batch_id: ObjectId) -> Batch:
        """Raises NotFound, also for one that is still open."""
        found = self._only(self._batches.find_one({"_id": batch_id}))
        if found is None or found.state is State.OPEN:
            raise missing()
        return found

    def known(self, owner: str, key: str | None) -> Batch | None:
        """Return what an owner has submitted with a key, in any state."""
        return self._only(self._batches.find_one({"owner": owner, "submission_key": key})) if key else None

    def page(self, keywords: Sequence[str], after: str = "", size: int = PAGE_SIZE) -> BatchesPage:
        """Return batches that have one of these keywords; without any, all. Raises BadQuery for a cursor."""
        query: Document = {"keywords": {"$in": list(keywords)}} if keywords else {}
        if after:
            query.update(beyond("created_at", True, after, {}))
        order = [("created_at", -1), ("_id", -1)]
        found = list(self._batches.find(query, _LISTED).sort(order).limit(size + 1))
        whole = [{**one, "ids": []} for one in found[:size] if one.get("state") != State.OPEN.value]
        read = list(stored.readable("batch", from_document, whole))
        more = len(found) > size and bool(read)
        return BatchesPage(read, encode(read[-1], "created_at") if more else "")

    def _only(self, document: Document | None) -> Batch | None:
        return next(stored.readable("batch", from_document, [document] if document else []), None)

    # Creation

    def open(self, new: NewBatch, parts: int) -> Batch | None:
        """Insert an open batch; None where its owner has submitted one with the same key."""
        document = to_document(new, parts, utcnow() + self._retention)
        try:
            self._batches.insert_one(document)
        except DuplicateKeyError:
            return None
        return from_document(document)

    def write_part(self, batch: Batch, number: int, documents: Sequence[Document]) -> None:
        """Store a part of an open batch."""
        packed = zlib.compress(bson.encode({"tasks": list(documents)}), 1)
        self._parts.insert_one({"batch": batch.id, "n": number, "tasks": packed})

    def part(self, batch: Batch, number: int) -> list[Document]:
        """Return the tasks of a part; none where it is gone, as the batch is ready by then."""
        found = self._parts.find_one({"batch": batch.id, "n": number})
        if found is None:
            return []
        tasks: list[Document] = bson.decode(zlib.decompress(found["tasks"]), _AWARE)["tasks"]
        return tasks

    def reloaded(self, batch: Batch) -> Batch:
        """Return a batch as it is now. Raises LostBatch where it is gone."""
        if found := self._only(self._batches.find_one({"_id": batch.id})):
            return found
        raise LostBatch

    def save(self, batch: Batch, **values: Any) -> Batch:
        """Write how far it is and renew the lease. Raises LostBatch."""
        values = {"lease": {"until": utcnow() + LEASE}, **values, "step": batch.step + 1}
        guard = {"_id": batch.id, "state": batch.state.value, "step": batch.step}
        written = {name: value.value if isinstance(value, State) else value for name, value in values.items()}
        if not self._batches.update_one(guard, {"$set": written}).matched_count:
            raise LostBatch
        return replace(batch, **values)

    def finish(self, batch: Batch) -> Batch:
        """Say that every task exists and was announced, and drop the rows. Raises LostBatch."""
        ready = self.save(batch, state=State.READY, lease={})
        self._parts.delete_many({"batch": batch.id})
        return ready

    def drop_parts(self, batch: Batch) -> None:
        """Remove the rows of a batch that was cleaned up."""
        self._parts.delete_many({"batch": batch.id})

    def drop(self, batch: Batch) -> bool:
        """Remove an open batch with its rows; False where it is not open any more.

        The batch goes last: what is interrupted in between is still found.
        """
        guard = {"_id": batch.id, "state": State.OPEN.value}
        taken = {"$set": {"step": batch.step + 1_000_000}}  # From here on its creator writes nothing more.
        if not self._batches.update_one({**guard, "step": batch.step}, taken).matched_count:
            return False
        self._parts.delete_many({"batch": batch.id})
        return bool(self._batches.delete_one(guard).deleted_count)

    # Maintenance

    def unfinished(self) -> list[Batch]:
        """Return the first batches that are not ready and that no process is at work on."""
        states = [State.OPEN.value, State.WHOLE.value, State.MADE.value]
        order = [("created_at", 1), ("_id", 1)]
        found = [
            batch
            for state in states
            for batch in self._batches.find({"state": state}).sort(order).limit(TAKEN_AT_ONCE)
        ]
        return [batch for batch in stored.readable("batch", from_document, found) if not batch.held]

    def prune(self) -> int:
        """Delete batches that have no task any more, once they are older than the retention of tasks."""
        until, gone = time.monotonic() + PRUNE_S, 0
        while time.monotonic() < until:
            past = {"look_at": {"$gte": stored.EARLIEST, "$lte": utcnow()}}
            found = list(self._batches.find(past, {"_id": 1}).sort([("look_at", 1)]).limit(LOOKED_AT_ONCE))
            gone += sum(self._pruned(batch["_id"]) for batch in found)
            if len(found) < LOOKED_AT_ONCE:
                break
        self._prune_parts()
        return gone

    def _prune_parts(self) -> None:
        """Delete rows of batches that were cleaned up while their creator stood still and then wrote on."""
        old = {"_id": {"$lt": ObjectId.from_datetime(utcnow() - LOOK_AGAIN)}}
        left = {part["batch"] for part in self._parts.find(old, {"batch": 1}).limit(LOOKED_AT_ONCE)}
        there = {batch["_id"] for batch in self._batches.find({"_id": {"$in": list(left)}}, {"_id": 1})}
        if left - there:
            self._parts.delete_many({"batch": {"$in": list(left - there)}})

    def _pruned(self, batch_id: ObjectId) -> bool:
        ready = {"_id": batch_id, "state": State.READY.value}
        if self._tasks.find_one({"keywords": batch_keyword(batch_id)}, {"_id": 1}):
            self._batches.update_one({"_id": batch_id}, {"$set": {"look_at": utcnow() + LOOK_AGAIN}})
            return False
        if self._batches.delete_one(ready).deleted_count:
            self._parts.delete_many({"batch": batch_id})
            return True
        self._batches.update_one({"_id": batch_id}, {"$set": {"look_at": utcnow() + LOOK_AGAIN}})
        return False
