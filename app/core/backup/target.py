"""The database that is imported into: what may be there, inserting, and whether it holds what it was given.

While an import is not finished, a document of the collection `imports` says so, and the leases of maintenance
are held: nothing is dispatched, rescued or pruned in a database that is not whole.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, cast

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, OperationFailure

from app.core import mongo as database
from app.core.backup import IMPORT
from app.core.backup.bson_stream import fields, split
from app.core.backup.manifest import FileContent
from app.core.backup.problems import BackupError, BackupProblem, Caution, CollectionProgress, Report, Warned
from app.core.backup.source import BATCH_TIMEOUT_S, EPHEMERAL, IMPORTS, BackupSource, within
from app.core.catalog import lately
from app.core.clock import utcnow
from app.core.mongo import Document, Mongo
from app.core.people.audit import Event
from app.core.people.users import LOCAL_NAME
from app.core.schema import version

DERIVED = ("task_types", "words")
"""What workers and web publish by themselves: where it is there already, it is as good or newer."""

OF_A_FIRST_START = ("audit", "users")
"""What the first start of a server for one person leaves: no reason not to import."""

SIGNING_IN = [
    event.value
    for event in (
        Event.SIGN_IN,
        Event.SIGN_OUT,
        Event.SESSION_END,
        Event.LINK_MAKE,
        Event.USER_ADD,
        Event.REFUSED,
    )
]

THIS = "import"
LEASES = ("maintenance", "rescue")
HELD = timedelta(days=1)
LOOKED_UP = 100  # Of many IDs in one query, some servers search each one anew.
LONG_S = 3600
DUPLICATE_KEY = 11000
EXAMPLES = 3


@dataclass(frozen=True)
class Begun:
    """An import that is not finished.

    ``merge``: into a database that held something before. ``compared``: everything is there, but for what
    was ``warned`` of.
    """

    export: str
    merge: bool
    compared: bool
    warned: list[Warned]


class Fate(Enum):
    """What became of a document that is not there as it was given."""

    MISSING = "missing"
    OTHER = "different"
    EXCLUDED = "excluded"
    """It cannot be there: another document has its unique key."""


@dataclass
class Difference:
    """What a collection does not hold as it was given: documents by their fate, and how many are too many."""

    counts: Counter[Fate] = field(default_factory=Counter)
    extra: int = 0
    examples: list[str] = field(default_factory=list)


class Target:
    """The database ``db``, written by one import."""

    def __init__(self, db: Mongo) -> None:
        self.db = db
        self._imports = db[IMPORTS]

    # Whether it may be written, and how far it has come

    @within(BATCH_TIMEOUT_S)
    def begun(self) -> Begun | None:
        """The import that is not finished here."""
        found = self._imports.find_one({"_id": THIS})
        if found is None:
            return None
        warned = [Warned(Caution(code), message) for code, message in found.get("warned", ())]
        return Begun(found["export"], found["merge"], "warned" in found, warned)

    @within(BATCH_TIMEOUT_S)
    def workers(self) -> int:
        """How many workers are online here."""
        return self.db.workers.count_documents({"seen_at": lately()})

    @within(BATCH_TIMEOUT_S)
    def occupied(self) -> list[str]:
        """The collections that hold what an import could get in the way of; a first start's are none."""
        found = (name for name in self.db.list_collection_names() if not name.startswith("system."))
        names = sorted({*found} - {*EPHEMERAL, *DERIVED, IMPORTS, version.COLLECTION})
        held = [name for name in names if self.db[name].find_one({}, {"_id": 1}) is not None]
        return [] if set(held) <= {*OF_A_FIRST_START} and self._first_start() else held

    def _first_start(self) -> bool:
        """Whether nobody but the local user was here, who did nothing but sign in and out."""
        users = list(self.db.users.find({}, {"name": 1}).limit(2))
        if len(users) != 1 or users[0].get("name") != LOCAL_NAME:
            return False
        return self.db.audit.find_one({"event": {"$nin": SIGNING_IN}}, {"_id": 1}) is None

    @within(BATCH_TIMEOUT_S)
    def forget_first_start(self) -> None:
        """Delete the local user of a first start and what they did: the export has users and records of its
        own. Who was signed in signs in again."""
        for name in (*OF_A_FIRST_START, "sessions", "links"):
            self.db[name].delete_many({})

    @within(BATCH_TIMEOUT_S)
    def lower_version(self, exported: int) -> None:
        """Give the database the version of what is imported, unless its own is lower.

        Raises UnsupportedDatabase where its own is one of the future.
        """
        version.write(self.db, min(version.require_not_newer(self.db), exported))

    @within(BATCH_TIMEOUT_S)
    def begin(self, export: str, merge: bool) -> None:
        """Say that an import is under way, and keep maintenance from working meanwhile."""
        values = {"export": export, "merge": merge, "at": utcnow()}
        self._imports.update_one({"_id": THIS}, {"$setOnInsert": values}, upsert=True)
        self.hold()

    @within(BATCH_TIMEOUT_S)
    def hold(self) -> None:
        """Take the leases of maintenance from whichever worker has them."""
        held = {"$set": {"holder": IMPORT, "until": utcnow() + HELD}}
        for lease in LEASES:
            self.db.leases.update_one({"_id": lease}, held, upsert=True)

    @within(BATCH_TIMEOUT_S)
    def compared(self, warned: Sequence[Warned]) -> None:
        """Say that everything is there as it was given, but for these warnings."""
        found = [[one.caution.value, one.message] for one in warned]
        self._imports.update_one({"_id": THIS}, {"$set": {"warned": found}})

    @within(BATCH_TIMEOUT_S)
    def finish(self) -> None:
        """The import is whole: give the leases back, and forget it."""
        self.db.leases.delete_many({"_id": {"$in": list(LEASES)}, "holder": IMPORT})
        self._imports.drop()

    @within(BATCH_TIMEOUT_S)
    def inserted(self, collection: str) -> int:
        """How many documents of the file are known to be inserted, from its start."""
        found = self._imports.find_one({"_id": f"of {collection}"})
        return int(found["inserted"]) if found else 0

    @within(BATCH_TIMEOUT_S)
    def note_inserted(self, collection: str, count: int) -> None:
        """Say how many documents of the file are inserted."""
        values = {"$set": {"inserted": count}}
        self._imports.update_one({"_id": f"of {collection}"}, values, upsert=True)

    # Writing

    @within(LONG_S)
    def create(self, collection: str, options: Document) -> bool:
        """Create a collection with its options; False where the server refuses them."""
        if collection in self.db.list_collection_names():
            return True
        return self._accepted({"create": collection, **{**options, "create": collection}})

    @within(BATCH_TIMEOUT_S)
    def insert(self, collection: str, documents: Sequence[bytes]) -> None:
        """Insert documents; those whose ID is there already stay as they are. Raises BackupError."""
        raw = [RawBSONDocument(document) for document in documents]
        try:
            self.db[collection].insert_many(raw, ordered=False)
        except BulkWriteError as error:
            wrong = [one for one in error.details["writeErrors"] if one["code"] != DUPLICATE_KEY]
            if wrong:
                raise _refused(collection, documents[wrong[0]["index"]], wrong[0]["code"]) from error
            if error.details.get("writeConcernErrors"):
                raise
        except DocumentTooLarge as error:
            raise _refused(collection, max(documents, key=len), 0) from error

    @within(LONG_S)
    def create_index(self, collection: str, index: Document) -> bool:
        """Create an index from its metadata unless its name exists; return False if the server refuses it."""
        if index["name"] in self.db[collection].index_information():
            return True
        options = {name: value for name, value in index.items() if name not in ("v", "ns", "background")}
        return self._accepted({"createIndexes": collection, "indexes": [options]})

    def _accepted(self, command: Document) -> bool:
        try:
            self.db.command(command)
        except OperationFailure as error:
            if database.is_away(error):
                raise
            return False
        return True

    # Comparing

    def is_equal(self, collection: str, content: FileContent, report: Report) -> bool:
        """Whether the collection holds exactly these documents: read back in the order of `_id`."""
        if self.count(collection) != content.count:
            return False
        digest, size, count = hashlib.sha256(), 0, 0
        for batch in BackupSource(self.db).batches(collection):
            digest.update(batch)
            size += len(batch)
            count += sum(1 for _ in split(batch))
            report(CollectionProgress("Comparing", collection, count, size))
        return (digest.hexdigest(), size) == (content.sha256, content.bytes)

    @within(LONG_S)
    def count(self, collection: str) -> int:
        """How many documents there are, counted."""
        return self.db[collection].count_documents({})

    def difference(self, collection: str, documents: Iterable[bytes], count: int) -> Difference:
        """What is not as it was given, looked up document by document, in whatever order it is kept."""
        found = Difference()
        for batch in some(documents, LOOKED_UP):
            there = self._there(collection, batch)
            for document in batch:
                self._note(found, collection, document, there.get(_id(document)))
        absent = found.counts[Fate.MISSING] + found.counts[Fate.EXCLUDED]
        found.extra = max(0, self.count(collection) - (count - absent))
        return found

    def _note(self, found: Difference, collection: str, document: bytes, there: bytes | None) -> None:
        if there == document:
            return
        found.counts[self._fate(collection, document) if there is None else Fate.OTHER] += 1
        if len(found.examples) < EXAMPLES:
            found.examples.append(id_text(document))

    @within(BATCH_TIMEOUT_S)
    def _fate(self, collection: str, document: bytes) -> Fate:
        """Why a document is not there, by another try to insert it."""
        try:
            self.db[collection].insert_one(RawBSONDocument(document))
        except DuplicateKeyError as error:
            key = (error.details or {}).get("keyPattern", {"_id": 1})
            return Fate.OTHER if "_id" in key else Fate.EXCLUDED
        return Fate.MISSING

    @within(BATCH_TIMEOUT_S)
    def _there(self, collection: str, documents: Sequence[bytes]) -> dict[bytes, bytes]:
        """The documents of the same IDs, by ID."""
        ids = [fields(document).get("_id") for document in documents]
        found = cast("Iterator[bytes]", self.db[collection].find_raw_batches({"_id": {"$in": ids}}))
        return {_id(document): document for batch in found for document in split(batch)}

    @within(BATCH_TIMEOUT_S)
    def unknown(self, collection: str, ids: Sequence[Any]) -> set[Any]:
        """Those of the IDs under which there is no document."""
        known = {found["_id"] for found in self.db[collection].find({"_id": {"$in": list(ids)}}, {"_id": 1})}
        return set(ids) - known

    @within(BATCH_TIMEOUT_S)
    def leave_notes(self, collection: str, ids: Iterable[Any]) -> None:
        """Leave maintenance a note for each ID, as a deletion or an upload does."""
        note = {"$setOnInsert": {"at": utcnow()}}
        updates = [UpdateOne({"_id": one}, note, upsert=True) for one in ids]
        if updates:
            self.db[collection].bulk_write(updates, ordered=False)


def _id(document: bytes) -> bytes:
    """The ID as bytes that are the same for the same ID of the same type."""
    return bson.encode({"": fields(document).get("_id")})


def id_text(document: bytes) -> str:
    """The ID as people read it."""
    return str(fields(document).get("_id"))[:100]


def some(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Lists of at most so many items."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, most)):
        yield batch


def _refused(collection: str, document: bytes, code: int) -> BackupError:
    return BackupError(
        BackupProblem.REFUSED,
        f"The server refused document {id_text(document)} of {collection} (error {code}).",
    )
