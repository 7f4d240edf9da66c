"""Creating the tasks of a batch: all of them or none, whenever a process is killed.

In this order: the batch, open; its rows, in parts; the batch is *whole*, which is the moment that counts;
the tasks, part by part, the hints of a part in one pipeline; the batch is ready. What ends before that moment
leaves nothing but an open batch, which maintenance removes. What ends after it is finished by a request with
the same key or by maintenance: rows are tasks with their IDs, so to insert them again is the same as once.
While a batch is whole, none of its tasks can be deleted, so none can come back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bson import ObjectId
from pymongo.errors import BulkWriteError

from app.core.batches.batch import LEASE, Batch, NewBatch, State
from app.core.batches.store import Batches, LostBatch, parts_of
from app.core.clock import utcnow
from app.core.errors import Conflict, QueueUnavailable, TaskQueueError, Unavailable
from app.core.failpoints import reach
from app.core.mongo import Document, is_away
from app.core.queue.dispatcher import Dispatcher
from app.core.queue.rq import Hint
from app.core.tasks.document import new_document, require_room
from app.core.tasks.queries import Queries
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, Task

WAIT_S = 20.0
"""How long a request with the key of a batch that is being created waits for it: longer than a lease."""
LOOK_EVERY_S = 0.1
MOST_TOLD = 20
"""How many tasks of a part open pages are told of; lists are counted again in any case."""
MADE = frozenset({State.MADE, State.READY})
"""The states in which every task exists."""
DUPLICATE = 11000
STILL = "This batch is being created by an earlier request. Send it again with the same key in a moment."
TOO_LATE = "The database answered too slowly, so the batch was given up and nothing was created. Try again."

log = logging.getLogger("app.core.batches.creation")


@dataclass(frozen=True)
class Creation:
    """Creates batches, and finishes or removes what a process has left behind."""

    batches: Batches
    dispatch: Dispatcher
    queries: Queries

    def submit(self, new: NewBatch, tasks: Mapping[ObjectId, NewTask]) -> tuple[Batch, bool]:
        """Create a batch, or return the one of the same key; and whether it is new.

        Raises Invalid where the tasks take too much room or a file is gone, Conflict while another request is
        at it, Unavailable.
        """
        deadline = time.monotonic() + WAIT_S
        while True:
            documents = [self._document(task_id, task) for task_id, task in tasks.items()]
            parts = list(parts_of(documents))
            batch = self.batches.open(new, len(parts))
            if batch:
                return self._create(batch, tasks, parts), True
            if (known := self.settled(new.owner, new.key, deadline)) is not None:
                return known, False

    def settled(self, owner: str, key: str | None, deadline: float | None = None) -> Batch | None:
        """Return the batch of a key once it is ready, finished here where nobody is at it; None without one.

        Raises Conflict where another request is at it for too long.
        """
        deadline = deadline or time.monotonic() + WAIT_S
        while batch := self.batches.known(owner, key):
            if batch.state in MADE:
                return batch
            if not batch.held:
                self._take_over(batch)
            elif time.monotonic() > deadline:
                raise Conflict(STILL)
            else:
                time.sleep(LOOK_EVERY_S)
        return None

    def recover(self) -> int:
        """Finish or remove what no process is at work on any more; returns how many batches."""
        left = self.batches.unfinished()
        for batch in left:
            try:
                self._take_over(batch)
            except Exception as error:
                if isinstance(error, TaskQueueError) or is_away(error):
                    raise
                log.exception("Batch %s is passed over: it could not be finished.", batch.id)
        return len(left)

    def _take_over(self, batch: Batch) -> None:
        try:
            if batch.state is State.OPEN and self.queries.among(batch.task_ids[:1]):
                self._told(self.batches.save(batch, state=State.MADE))  # as an import may leave it
            elif batch.state is State.OPEN:
                self.batches.drop(batch)
            else:
                self._make(self.batches.save(batch))
        except LostBatch:
            return

    # Before the moment

    def _document(self, task_id: ObjectId, new: NewTask) -> Document:
        """Return a task as it is inserted. Its hint counts as sent: that it is due is said of the batch."""
        sealed = self.dispatch.vault.sealed(new.params, task_id)
        require_room(sealed)
        now = utcnow()
        document = {**new_document(new, task_id, now), "params": sealed}
        if document["status"] == Status.QUEUED.value:
            document.update(hint="sent", dispatched_at=now)
        return document

    def _create(
        self,
        batch: Batch,
        tasks: Mapping[ObjectId, NewTask],
        parts: Sequence[Sequence[Document]],
    ) -> Batch:
        try:
            whole = self._write(batch, tasks, parts)
        except LostBatch:
            self.batches.drop_parts(batch)
            raise Unavailable(TOO_LATE) from None
        except TaskQueueError:
            self.batches.drop(self.batches.reloaded(batch))
            raise
        reach("batch_whole", batch.id)
        try:
            return self._make(whole, parts)
        except LostBatch:  # somebody else finishes it
            return self.batches.get(batch.id)

    def _write(
        self,
        batch: Batch,
        tasks: Mapping[ObjectId, NewTask],
        parts: Sequence[Sequence[Document]],
    ) -> Batch:
        """Write everything that the tasks need, and then that it is whole. Raises LostBatch, Invalid."""
        self.dispatch.words.learn(_words_in(parts))
        self.dispatch.files.attach_many(_naming(tasks))
        saved = time.monotonic()
        for number, part in enumerate(parts):
            self.batches.write_part(batch, number, part)
            reach("batch_part", batch.id)
            if time.monotonic() - saved > LEASE.total_seconds() / 3:
                batch, saved = self.batches.save(batch), time.monotonic()
        return self.batches.save(batch, state=State.WHOLE)

    # After it

    def _make(self, batch: Batch, known: Sequence[Sequence[Document]] = ()) -> Batch:
        """Insert what are no tasks yet, and announce them. Raises LostBatch: another process is at it."""
        saved = time.monotonic()
        if batch.state is State.WHOLE:
            for number in range(batch.made, batch.parts):
                part = known[number] if known else self.batches.part(batch, number)
                if time.monotonic() - saved > LEASE.total_seconds() / 2:
                    raise LostBatch  # The process stood still, so another one may have taken over.
                self._insert(part)
                reach("batch_inserted", batch.id)
                told = number == batch.pushed and self._announced(part, anew=not known)
                batch = self.batches.save(batch, made=number + 1, pushed=batch.pushed + told)
                saved = time.monotonic()
            self.dispatch.files.confirm(batch.files)
            batch = self.batches.save(batch, state=State.MADE)
        return self._told(batch)

    def _told(self, batch: Batch) -> Batch:
        """Announce what could not be while its tasks were inserted; without Redis it stays due."""
        for number in range(batch.pushed, batch.parts):
            if not self._announced(self.batches.part(batch, number), anew=True):
                return self.batches.save(batch, lease={})
            batch = self.batches.save(batch, pushed=number + 1)
        return self.batches.finish(batch)

    def _insert(self, part: Sequence[Document]) -> None:
        """Insert tasks; one that is there already is left as it is."""
        try:
            self.dispatch.tasks.insert_all(part)
        except BulkWriteError as error:
            if any(problem.get("code") != DUPLICATE for problem in error.details.get("writeErrors", ())):
                raise

    def _announced(self, part: Sequence[Document], *, anew: bool) -> bool:
        """Push the hints of a part, ``anew`` those that do not wait; False without Redis."""
        due = [document for document in part if document["status"] == Status.QUEUED.value]
        told = list(map(Task.from_document, due[:MOST_TOLD]))
        try:
            if anew:
                tasks = self.dispatch.queues.missing(list(map(Task.from_document, due)))
                told = self.queries.still_waiting(tasks)
                self.dispatch.queues.push(told)
            else:  # What is known to be right need not be checked again, which takes a while.
                self.dispatch.queues.push(list(map(Hint.of, due)))
        except QueueUnavailable:
            return False
        self.dispatch.tasks.observer.changed(told[:MOST_TOLD])
        return True


def _words_in(parts: Sequence[Sequence[Document]]) -> list[str]:
    """Return the words by which tasks are found: of what stands among keywords, only words hold no colon."""
    found = (word for part in parts for document in part for word in document["keywords"])
    return list(dict.fromkeys(word for word in found if ":" not in word))


def _naming(tasks: Mapping[ObjectId, NewTask]) -> dict[ObjectId, list[ObjectId]]:
    """Return the files that tasks name, each with its tasks."""
    named: dict[ObjectId, list[ObjectId]] = {}
    for task_id, task in tasks.items():
        for file_id in task.files:
            named.setdefault(file_id, []).append(task_id)
    return named
