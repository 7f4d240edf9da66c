"""Taking a database to the current version: step by step, batch by batch, resumed where it was interrupted.

A batch is noted when it is written, so a run that was killed repeats one at most, which changes nothing.
When a step has seen everything it looks once more from the start; only where nothing is left to change does
the database get the step's version. A document that a step cannot read stays as it is and is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import Any

import bson
import pymongo
from pymongo.errors import DuplicateKeyError

from app.core.catalog import lately
from app.core.errors import TaskQueueError
from app.core.failpoints import reach
from app.core.migrations.step import Edit, Step
from app.core.migrations.steps import STEPS
from app.core.mongo import Document, Mongo
from app.core.schema import indexes, version

BATCH = 500
IMPORTS = "imports"
"""The collection of an import that is not finished, which `app.core.backup` writes."""

LONG_S = 3600
"""How long MongoDB may take for a batch: indexes are built in it, and stand-ins sort whole collections."""

LOOKS = 5
"""How often a step looks at everything again; a database that nobody else writes to needs one."""

MOST_NAMED = 1_000
PROGRESS = "migration"
"""The document of the collection `meta` that says how far a migration has come."""


class Reason(Enum):
    """Why a migration was not begun, or not brought to its end."""

    WORKERS = "workers"
    HALF_IMPORTED = "half_imported"
    CHANGING = "changing"
    """Somebody else writes what the migration changes."""


class MigrationError(TaskQueueError):
    """The database does not have the current version; what was migrated stays so."""

    status = 422
    title = "The migration is not complete"

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class Tally:
    """What came of a collection: documents seen, changes made (in a dry run: to be made), and documents
    passed over, by ID with why."""

    collection: str
    seen: int = 0
    changed: int = 0
    passed_over: int = 0
    named: list[str] = field(default_factory=list)

    def pass_over(self, document_id: object, why: str) -> None:
        self.passed_over += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(f"{str(document_id)[:100]}: {why}")


@dataclass(frozen=True)
class Done:
    """What came of a step, or would come of it."""

    version: int
    title: str
    tallies: tuple[Tally, ...]
    notes: tuple[str, ...]

    @property
    def passed_over(self) -> int:
        return sum(tally.passed_over for tally in self.tallies)


Report = Callable[[Tally], None]


def unheard(tally: Tally) -> None:
    """Tell nobody."""


class Migration:
    """The migration of ``db``; ``report`` hears of every batch."""

    def __init__(self, db: Mongo, report: Report = unheard) -> None:
        self._db = db
        self._meta = db.meta
        self._report = report

    def plan(self) -> list[Done]:
        """Return what each step would do now, and change nothing. Raises UnsupportedDatabase."""
        return [self._planned(make(self._db, True)) for make in self._due()]

    def run(self, *, with_workers: bool = False) -> list[Done]:
        """Take every step that is due. Raises MigrationError, UnsupportedDatabase."""
        due = self._due()
        if not due:
            return []
        self._require_quiet(with_workers)
        with pymongo.timeout(LONG_S):
            indexes.create_indexes(self._db)
        return [self._taken(make(self._db, False)) for make in due]

    def _due(self) -> tuple[Callable[[Mongo, bool], Step], ...]:
        return STEPS[version.require_not_newer(self._db) :]

    def _require_quiet(self, with_workers: bool) -> None:
        workers = 0 if with_workers else self._db.workers.count_documents({"seen_at": lately()})
        if workers:
            raise MigrationError(
                Reason.WORKERS,
                f"Workers online on this database: {workers:,}. Stop them and run this again (killed ones "
                "count for 30 s), or add --with-workers.",
            )
        if self._db[IMPORTS].find_one({}):
            raise MigrationError(
                Reason.HALF_IMPORTED,
                "An import into this database has not finished. Finish it first, by the same command.",
            )

    def _planned(self, step: Step) -> Done:
        tallies = [Tally(name) for name in step.collections]
        for tally in tallies:
            for batch in self._batches(step, tally.collection):
                tally.changed += sum(1 for _ in _judged(step, tally, batch))
                self._report(tally)
        return _done(step, tallies)

    def _taken(self, step: Step) -> Done:
        changed = Counter(self._resumed(step))
        for _ in range(LOOKS):
            tallies = [self._sweep(step, Tally(name)) for name in step.collections]
            settled = not any(tally.changed for tally in tallies)
            changed.update({tally.collection: tally.changed for tally in tallies})
            if settled:
                break
        else:
            raise MigrationError(
                Reason.CHANGING,
                "Another program writes to this database while it is migrated. Stop the web server and all "
                "workers, and run `flask migrate` again.",
            )
        reach("migrated")
        version.write(self._db, step.version)
        self._meta.delete_one({"_id": PROGRESS})
        return _done(step, [replace(tally, changed=changed[tally.collection]) for tally in tallies])

    def _resumed(self, step: Step) -> dict[str, int]:
        """Go through everything once, from where an interrupted run has come to; return the edits made."""
        begun = self._meta.find_one({"_id": PROGRESS, "version": step.version}) or {}
        collections = list(step.collections)
        reached = begun.get("collection")
        if reached in collections:
            collections = collections[collections.index(reached) :]
        after = {reached: begun.get("after")}
        swept = [self._sweep(step, Tally(name), after.get(name), note=True) for name in collections]
        return {tally.collection: tally.changed for tally in swept}

    def _sweep(self, step: Step, tally: Tally, after: Any = None, *, note: bool = False) -> Tally:
        """Change what a step has to change in a collection, from the document behind ``after`` on."""
        for batch in self._batches(step, tally.collection, after):
            for edit, ids in _grouped(_judged(step, tally, batch)):
                tally.changed += self._edit(tally, edit, ids)
            reach("migrating", tally.collection)
            if note:
                values = {"version": step.version, "collection": tally.collection, "after": batch[-1]["_id"]}
                self._meta.update_one({"_id": PROGRESS}, {"$set": values}, upsert=True)
            self._report(tally)
        return tally

    def _batches(self, step: Step, collection: str, after: Any = None) -> Iterator[list[Document]]:
        """Yield the documents by ID. Those behind an ID are only those of its type; the look from the start
        that follows sees them all."""
        query = {} if after is None else {"_id": {"$gt": after}}
        found = self._db[collection].find(query, step.fields(collection)).sort([("_id", 1)]).batch_size(BATCH)
        documents = iter(found)
        while batch := _next(documents):
            yield batch

    def _edit(self, tally: Tally, edit: Edit, ids: list[Any]) -> int:
        """Return how many documents were changed, one by one where a unique key is in the way of some."""
        try:
            with pymongo.timeout(LONG_S):
                wanted = {"_id": {"$in": ids}, **edit.guard}
                return self._db[tally.collection].update_many(wanted, edit.update).modified_count
        except DuplicateKeyError:
            if len(ids) == 1:
                tally.pass_over(ids[0], "another document has its unique key")
                return 0
        return sum(self._edit(tally, edit, [document_id]) for document_id in ids)


def _next(documents: Iterator[Document]) -> list[Document]:
    with pymongo.timeout(LONG_S):
        return list(islice(documents, BATCH))


def _judged(step: Step, tally: Tally, batch: Iterable[Document]) -> Iterator[tuple[Any, Edit]]:
    for document in batch:
        tally.seen += 1
        judged = step.judge(tally.collection, document)
        if judged.problem:
            tally.pass_over(document["_id"], judged.problem)
        yield from ((document["_id"], edit) for edit in judged.edits)


def _grouped(edits: Iterable[tuple[Any, Edit]]) -> Iterator[tuple[Edit, list[Any]]]:
    """Yield each edit once, with the IDs of all documents that it is for."""
    groups: dict[bytes, tuple[Edit, list[Any]]] = {}
    for document_id, edit in edits:
        key = bson.encode({"guard": edit.guard, "update": edit.update})
        groups.setdefault(key, (edit, []))[1].append(document_id)
    yield from groups.values()


def _done(step: Step, tallies: Iterable[Tally]) -> Done:
    return Done(step.version, step.title, tuple(tallies), tuple(step.notes()))
