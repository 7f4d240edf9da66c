"""Indexes that a stand-in for MongoDB needs and MongoDB does not.

The Rust server of the SecantusDB wheel uses an index only when the index covers the whole filter. Guarded
writes of a task name its ID and then its status, attempt, dispatch or lease; without these indexes such a
write reads the whole collection (54 to 70 claims a second at 10,000 tasks instead of 758). MongoDB finds the
document by its ID. So they are made here, for that server alone.
"""

from __future__ import annotations

GUARDS = (
    ("_id", "attempt", "dispatch", "status"),
    ("_id", "dispatch", "status"),
    ("_id", "attempt", "lease.worker", "status", "cancel"),
    ("_id", "status"),
)


def create_guard_indexes(mongodb_uri: str, database: str) -> None:
    """Create them in a database of the server; quick where they exist. Raises PyMongoError."""
    from pymongo import ASCENDING, MongoClient  # Takes longer to import than `up` takes to start a server.

    with MongoClient[dict[str, object]](mongodb_uri, w="majority", journal=True) as client:
        tasks = client[database].tasks
        for fields in GUARDS:
            name = "_".join(("guard", *(field.strip("_") for field in fields)))
            tasks.create_index([(field, ASCENDING) for field in fields], name=name)
