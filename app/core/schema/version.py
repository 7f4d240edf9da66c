"""The version of a database's format: where it is stored, and which versions this program works with.

A database without a version that holds tasks or files is of version 0, the format before there were versions.
An empty one gets the current version from the first process that asks. What changes from one version to the
next is in `app.core.migrations.steps`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from app.core.errors import UnsupportedDatabase

Mongo = Database[dict[str, Any]]  # As in `app.core.mongo`, which asks here before it makes indexes.
CURRENT = 1
COLLECTION, SCHEMA = "meta", "schema"
"""Where the version is: the field `version` of this document."""

USED = ("tasks", "files.files")
"""A database that holds none of these has nothing that a migration would change."""


def read(db: Mongo) -> int:
    """Return the version of a database; an empty one without a version gets the current one.

    Raises UnsupportedDatabase where the stored version is damaged.
    """
    found = stored(db)
    if found is not None:
        return found
    if not any(db[name].find_one({}, {"_id": 1}) for name in USED):
        write(db, CURRENT, unless_there=True)
    # Another process may have written the version, and then the first task, since it was asked for.
    return stored(db) or 0


def stored(db: Mongo) -> int | None:
    """Return the version as it is stored, None where there is none. Raises UnsupportedDatabase."""
    found = db.meta.find_one({"_id": SCHEMA})
    return None if found is None else version_in(found.get("version"))


def version_in(value: object) -> int:
    """Return a version from the field that holds it. Raises UnsupportedDatabase."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
        raise UnsupportedDatabase(
            f"The version of this database's format is damaged: document {SCHEMA} of collection "
            f"{COLLECTION} has no whole number in its field version. Restore it from a backup."
        )
    return int(value)


def write(db: Mongo, version: int, *, unless_there: bool = False) -> None:
    """Store a version; with ``unless_there``, only where none is stored."""
    values = {"$setOnInsert" if unless_there else "$set": {"version": version}}
    with suppress(DuplicateKeyError):  # Another process stores the same.
        db.meta.update_one({"_id": SCHEMA}, values, upsert=True)


def require_not_newer(db: Mongo) -> int:
    """Return the version. Raises UnsupportedDatabase for one that this program does not know."""
    version = read(db)
    if version > CURRENT:
        raise UnsupportedDatabase(newer(version))
    return version


def require(db: Mongo) -> None:
    """Raise UnsupportedDatabase for any version but the current one, with what to do."""
    version = require_not_newer(db)
    if version < CURRENT:
        raise UnsupportedDatabase(
            f"This database was written by an older version: it has format {version}, and this version needs "
            f"format {CURRENT}. Stop the web server and all workers, back it up, and run `flask migrate`."
        )


def newer(version: int, what: str = "database") -> str:
    """Return what is said of a database, or an export, that a newer version wrote."""
    return (
        f"This {what} was written by a newer version: it has format {version}, and this version knows "
        f"formats up to {CURRENT}. Install that version."
    )
