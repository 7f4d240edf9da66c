"""The indexes of each collection, and making them: the one place that says which there are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, OperationFailure

from app.core.mongo import Document, Mongo, creating_indexes, explained
from app.core.schema import version


def _keys(*names: str) -> list[tuple[str, int]]:
    return [(name, ASCENDING) for name in names[:-2]] + [(name, DESCENDING) for name in names[-2:]]


# Each list of the pages is served by one of these: the fields it fixes, then the sort, then `_id`,
# so that MongoDB stops at the limit. A list that fixes only some of `status` and `priority` names
# every value of the other, which MongoDB merges in order ("explode for sort").
LISTS = tuple(
    _keys(*fixed, order, "_id")
    for order in ("created_at", "finished_at")
    for fixed in (
        (),
        *((*first, "status", "priority") for first in ((), ("type",), ("keywords",))),
    )
)

# Pages of the audit, likewise: `outcome` is always named where another field is. A target has few entries,
# so its index does without the other fields.
AUDIT_LISTS = tuple(
    _keys(*fixed, "at", "_id")
    for fixed in (
        (),
        ("outcome",),
        ("event", "outcome"),
        ("who", "outcome"),
        ("who", "event", "outcome"),
        ("target", "outcome"),
    )
)

WORK = (
    IndexModel(
        [("owner", ASCENDING), ("submission_key", ASCENDING)],
        name="submission",
        unique=True,
        partialFilterExpression={"submission_key": {"$exists": True}},
    ),
    IndexModel(
        [("hint", ASCENDING), ("priority", ASCENDING), ("queued_at", ASCENDING), ("_id", ASCENDING)],
        name="hint",
        partialFilterExpression={"status": "queued"},
    ),
    IndexModel([("id_end", ASCENDING)], name="id_end", sparse=True),
    IndexModel([("run_at", ASCENDING)], name="run_at", sparse=True),
    IndexModel([("notice", ASCENDING)], name="notice", sparse=True),
    # Not a TTL index: MongoDB would delete the task without its log and files (see `Recovery.prune`).
    IndexModel([("expire_at", ASCENDING)], name="retention", sparse=True),
)

DELETED_AT = IndexModel([("at", ASCENDING)], name="at")


def _list_index(keys: list[tuple[str, int]]) -> IndexModel:
    """Return the index of a list. Those by when tasks finished leave out the others: every such list asks for
    a `finished_at`, and most of what a task's life writes is written before it has one."""
    fields = [name for name, _ in keys[:-1]]
    only = {"partialFilterExpression": ENDED_ONLY} if "finished_at" in fields else {}
    return IndexModel(keys, name="list_" + "_".join(fields), **only)


ENDED_ONLY = {"finished_at": {"$exists": True}}

INDEXES: Mapping[str, list[IndexModel]] = {
    "tasks": [*map(_list_index, LISTS), *WORK],
    "logs": [IndexModel(_keys("task", "attempt", "part"), name="log")],
    "files.files": [
        IndexModel([("metadata.tasks", ASCENDING), ("uploadDate", ASCENDING)], name="owner"),
        IndexModel(
            [("metadata.pending_at", ASCENDING)],
            name="pending",
            partialFilterExpression={"metadata.pending_at": {"$exists": True}},
        ),
    ],
    "files.chunks": [  # As GridFS itself makes it.
        IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], name="files_id_1_n_1", unique=True)
    ],
    "files.uploads": [IndexModel([("at", ASCENDING)], name="at")],
    "deletions": [DELETED_AT],
    "workers": [IndexModel([("seen_at", ASCENDING)], name="seen")],
    "users": [
        IndexModel([("name_key", ASCENDING)], name="name", unique=True),
        IndexModel([("name_shape", ASCENDING)], name="shape", unique=True, sparse=True),
        IndexModel([("identity_key", ASCENDING)], name="identity", unique=True, sparse=True),
    ],
    "sessions": [
        IndexModel([("user", ASCENDING)], name="user"),
        IndexModel([("expires_at", ASCENDING)], name="expires"),
        IndexModel([("seen_at", ASCENDING)], name="seen"),
    ],
    "links": [IndexModel([("expires_at", ASCENDING)], name="expires")],
    "passkeys": [IndexModel([("user", ASCENDING)], name="user")],
    "challenges": [IndexModel([("expires_at", ASCENDING)], name="expires")],
    "tokens": [
        IndexModel([("hash", ASCENDING)], name="hash", unique=True),
        IndexModel(_keys("user", "expires_at", "_id"), name="user"),
        IndexModel([("expires_at", ASCENDING)], name="expires"),
    ],
    "bulk_operations": [
        IndexModel([("who", ASCENDING), ("key", ASCENDING)], name="key", unique=True),
        IndexModel(_keys("created_at", "_id"), name="created"),
        IndexModel(_keys("who", "created_at", "_id"), name="who_created"),
        IndexModel([("state", ASCENDING), ("created_at", ASCENDING), ("_id", ASCENDING)], name="state"),
        IndexModel([("over_at", ASCENDING)], name="over"),
    ],
    "subscriptions": [IndexModel([("owner", ASCENDING), ("_id", ASCENDING)], name="owner")],
    "deliveries": [
        IndexModel([("state", ASCENDING), ("next_at", ASCENDING), ("subscription", ASCENDING)], name="due"),
        IndexModel([("subscription", ASCENDING), ("state", ASCENDING)], name="subscription_state"),
        IndexModel(_keys("created_at", "_id"), name="created"),
        IndexModel(_keys("owner", "created_at", "_id"), name="owner_created"),
        IndexModel(_keys("subscription", "created_at", "_id"), name="subscription_created"),
        IndexModel([("over_at", ASCENDING)], name="over"),
    ],
    "saved_views": [
        IndexModel([("owner", ASCENDING), ("name_key", ASCENDING)], name="name", unique=True),
        IndexModel([("owner", ASCENDING), ("slot", ASCENDING)], name="slot", unique=True),
        IndexModel([("shared", ASCENDING), ("name_key", ASCENDING), ("_id", ASCENDING)], name="shared"),
    ],
    "batches": [
        IndexModel(
            [("owner", ASCENDING), ("submission_key", ASCENDING)],
            name="submission",
            unique=True,
            partialFilterExpression={"submission_key": {"$exists": True}},
        ),
        IndexModel(_keys("created_at", "_id"), name="created"),
        IndexModel(_keys("keywords", "created_at", "_id"), name="keywords_created"),
        IndexModel([("state", ASCENDING), ("created_at", ASCENDING), ("_id", ASCENDING)], name="state"),
        IndexModel([("look_at", ASCENDING)], name="look_at"),
    ],
    "batch_parts": [IndexModel([("batch", ASCENDING), ("n", ASCENDING)], name="part", unique=True)],
    "audit": [IndexModel(keys, name="_".join(name for name, _ in keys[:-1])) for keys in AUDIT_LISTS],
}
"""The indexes of each collection."""


def create_indexes(db: Mongo) -> None:
    """Create what is missing, and anew what is defined otherwise; quick where everything is there.

    Raises what went wrong with the first that cannot be made, when all others are, and UnsupportedDatabase,
    with nothing changed, where a newer version defines them.
    """
    version.require_not_newer(db)
    failures = []
    for collection, models in INDEXES.items():
        for model in models:
            try:
                create_index(db[collection], model)
            except OperationFailure as error:
                failures.append(error)
    if failures:
        raise failures[0]


def create_index(collection: Collection[Document], model: IndexModel) -> None:
    """Create an index; one of its name that an older version defined otherwise makes room for it."""
    options = dict(model.document)
    keys, name = list(options.pop("key").items()), options["name"]
    try:
        collection.create_index(keys, **options)
    except OperationFailure:
        there = collection.index_information().get(name)
        if there is None or _same(there, {"key": keys, **options}):
            raise
        collection.drop_index(name)
        collection.create_index(keys, **options)


def _same(index: Mapping[str, Any], wanted: Document) -> bool:
    return all(
        index.get(name) == wanted.get(name) for name in ("key", "unique", "sparse", "partialFilterExpression")
    )


TRIED = "tried"


def require_usable(db: Mongo) -> None:
    """Try, without a trace, what every process needs: to write, to delete and to create an index.

    Raises DatabaseUnavailable with the cause.
    """
    with explained(db):
        with suppress(DuplicateKeyError):  # another process tries it, too
            db.leases.update_one({"_id": TRIED}, {"$set": {"until": None}}, upsert=True)
        db.leases.delete_one({"_id": TRIED})
    with creating_indexes(db):
        create_index(db.deletions, DELETED_AT)
