"""Indexes that a stand-in for MongoDB needs and MongoDB does not.

The Rust server of the SecantusDB wheel uses an index only when the index covers the whole filter: fields that
equal a value first, in any order, then at most one field with a range or `$in`. Otherwise it reads the whole
collection. Guarded writes of a task name its ID and then its status, attempt, dispatch or lease; without
these indexes there are 54 to 70 claims per second at 10,000 tasks instead of 758. What maintenance, Home and
logs ask again and again takes 10 to 200 times longer without theirs (`bench.queries`). MongoDB finds the
document by its ID, or reads a part of an index. So they are made here, for that server alone.

Questions with two ranges (tasks that ended lately, in three priorities) have no index that it would use.

An index that it made after its last checkpoint comes back from kill -9 without `unique`, `sparse` and its
filter, because the log that it recovers from leaves them out. So it makes a checkpoint, which is a
restart, before anybody works with a database whose indexes are new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.core.errors import UnsupportedDatabase
from app.local.children import ChildError

if TYPE_CHECKING:
    from app.core.mongo import Mongo

Guard = tuple[str, tuple[str, ...], dict[str, Any]]
"""A collection, the fields, and options of the index."""

_QUEUED = {"partialFilterExpression": {"status": "queued"}}
_SCHEDULED = {"partialFilterExpression": {"status": "scheduled"}}

GUARDS: tuple[Guard, ...] = (
    # Writes to one task.
    ("tasks", ("_id", "attempt", "dispatch", "status"), {}),
    ("tasks", ("_id", "dispatch", "status"), {}),
    ("tasks", ("_id", "attempt", "lease.worker", "status", "cancel"), {}),
    ("tasks", ("_id", "status"), {}),
    # Maintenance and bulk actions: those of some tasks that still wait, those whose time has come.
    ("tasks", ("status", "_id"), _QUEUED),
    ("tasks", ("status", "hint", "_id"), _QUEUED),
    ("tasks", ("status", "run_at"), _SCHEDULED),
    # Every page: how long the oldest of each queue has waited.
    ("tasks", ("status", "priority", "hint", "queued_at"), _QUEUED),
    # A part of an attempt's log, unless a longer one is there.
    ("logs", ("_id", "size"), {}),
    # Words that begin with some letters, and those that maintenance looks through.
    ("words", ("_id", "at"), {}),
    # Files that no task came to own.
    ("files.files", ("metadata.pending_at",), {"sparse": True}),
)


MIGRATING: tuple[Guard, ...] = (
    ("tasks", ("owner", "_id"), {}),
    ("tasks", ("cancel.by", "_id"), {}),
    ("files.files", ("metadata.owner", "_id"), {}),
)
"""What a migration writes by, in batches; nothing else asks for these, so they go with it."""


@contextmanager
def while_migrating(db: Mongo) -> Iterator[None]:
    """Have the indexes that a migration needs where MongoDB would find its documents by ID."""
    from pymongo import ASCENDING

    names = [
        (collection, db[collection].create_index([(field, ASCENDING) for field in fields]))
        for collection, fields, _ in MIGRATING
    ]
    try:
        yield
    finally:
        for collection, name in names:
            db[collection].drop_index(name)


def create_indexes(mongodb_uri: str, database: str) -> bool:
    """Create the product's indexes and these in a database of the server; return whether any was new.

    Raises PyMongoError, and ChildError for a database that a newer version wrote.
    """
    from pymongo import ASCENDING, IndexModel, MongoClient  # `up` starts its servers before it needs these.

    from app.core import mongo as core
    from app.core.schema import indexes

    with MongoClient[core.Document](mongodb_uri, w="majority", journal=True) as client:
        db = client[database]
        before = _indexes(db)
        try:
            indexes.create_indexes(db)
        except UnsupportedDatabase as error:
            raise ChildError(str(error)) from None
        for collection, fields, options in GUARDS:
            name = "_".join(("guard", *(field.strip("_") for field in fields)))
            keys = [(field, ASCENDING) for field in fields]
            indexes.create_index(db[collection], IndexModel(keys, name=name, **options))
        return _indexes(db) != before


def _indexes(db: Mongo) -> dict[str, Any]:
    return {name: db[name].index_information() for name in db.list_collection_names()}
