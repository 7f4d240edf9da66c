"""The MongoDB client: how it is made, which indexes there are, whether it answers and can be used.

Every write is acknowledged by a majority and journalled: a task is durable when the page says so.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WriteError,
)

from app.core.errors import Cause, DatabaseUnavailable, Unavailable
from app.core.store_errors import causes
from app.core.store_errors.advice import unusable
from app.core.store_errors.causes import mongodb_codes
from config import Settings, SettingsError

Document = dict[str, Any]
Mongo = Database[Document]

LISTENING_WITHIN_S = 0.3
"""A server that takes longer to answer may still be there; then it has its full time."""


def client_options(settings: Settings) -> dict[str, Any]:
    """What every client is made with; times in milliseconds."""
    return {
        "tz_aware": True,
        # What no version of ours writes is a damaged document, not an error of the whole batch it comes in.
        "datetime_conversion": "DATETIME_AUTO",
        "unicode_decode_error_handler": "replace",
        "w": "majority",
        "journal": True,
        "appname": "distributed-task-queue",
        "serverSelectionTimeoutMS": settings.mongodb_timeout_ms,
        "connectTimeoutMS": settings.mongodb_timeout_ms,
        "timeoutMS": settings.mongodb_timeout_ms,
    }


def connect(settings: Settings) -> Mongo:
    """A database of its own client; make it once in each process, after any fork."""
    with parsed():
        client: MongoClient[Document] = MongoClient(settings.mongodb_uri, **client_options(settings))
        return client.get_default_database("taskqueue")


@contextmanager
def parsed() -> Iterator[None]:
    """Turn what the driver finds wrong with an address into SettingsError, which never repeats it."""
    try:
        yield
    except (ConfigurationError, ValueError) as error:
        raise SettingsError([ADDRESS]) from error


ADDRESS = (
    "MONGODB_URI: use an address that MongoDB's driver can use: user and password percent-encoded, "
    "options that it knows, and for mongodb+srv:// a name that DNS knows."
)


@contextmanager
def explained(db: Mongo, instead: Mapping[Cause, Cause] = {}) -> Iterator[None]:
    """Turn what pymongo says of the server into :class:`DatabaseUnavailable` with the cause.

    ``instead`` is what a cause means in this place. Any other error passes as it is.
    """
    try:
        yield
    except PyMongoError as error:
        cause = causes.of_mongodb(error, db.client)
        if cause is None:
            raise
        cause = instead.get(cause, cause)
        raise DatabaseUnavailable(unusable("MONGODB_URI", cause), cause) from error


def answers(db: Mongo) -> bool:
    """Return whether MongoDB answers a ping within its time; at once where nothing listens at its address."""
    with suppress(PyMongoError), pymongo.timeout(LISTENING_WITHIN_S):
        db.client.admin.command("ping")
        return True
    if _nothing_listens(db.client):
        return False
    try:
        db.client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def why_away(db: Mongo) -> Cause:
    """Return why a MongoDB that did not answer a moment ago cannot be used, without waiting for it again."""
    if isinstance(db.client, MongoClient) and _nothing_listens(db.client):
        return Cause.CONNECTION_REFUSED
    cause = causes.of_mongodb(AutoReconnect("It did not answer."), db.client)
    if cause not in (None, Cause.NO_ANSWER):
        return cause
    try:
        with pymongo.timeout(LISTENING_WITHIN_S):
            db.client.admin.command("ping")
    except OperationFailure as error:  # it answers by now
        return causes.of_mongodb(error, db.client) or Cause.OTHER
    except PyMongoError:
        return Cause.NO_ANSWER
    return Cause.NO_ANSWER


def creating_indexes(db: Mongo) -> AbstractContextManager[None]:
    """Like :func:`explained`, where what is forbidden is an index."""
    return explained(db, {Cause.FORBIDDEN: Cause.INDEX_FORBIDDEN})


def _nothing_listens(client: MongoClient[Document]) -> bool:
    """Return whether every server refuses a connection: the driver would wait for one to be started."""
    addresses = list(client.topology_description.server_descriptions())
    return bool(addresses) and all(_refuses(host, port) for host, port in addresses)


def _refuses(host: str, port: int | None) -> bool:
    try:
        socket.create_connection((host, port or 0), timeout=LISTENING_WITHIN_S).close()
    except ConnectionRefusedError:
        return port is not None
    except OSError:
        pass
    return False


AWAY = (AutoReconnect, NetworkTimeout, ExecutionTimeout, WriteConcernError)
# What `mongos` answers for a shard that does not: HostUnreachable, HostNotFound, NetworkTimeout,
# FailedToSatisfyReadPreference.
SHARD_AWAY = frozenset({6, 7, 89, 133})
# InternalError, a hosted MongoDB over its quota, OutOfDiskSpace.
CANNOT_WRITE = frozenset({1, 8000, 14031})
UNWRITABLE = (BSONError, OverflowError, UnicodeEncodeError)


def is_away(error: BaseException) -> bool:
    """Whether an error of pymongo means that the server did not answer, rather than that it refused."""
    late = isinstance(error, PyMongoError) and error.timeout
    return isinstance(error, AWAY) or late or not SHARD_AWAY.isdisjoint(mongodb_codes(error))


def cannot_write(error: BaseException) -> bool:
    """Whether MongoDB answers, but is broken or has no room: no fault of what was asked of it."""
    return not CANNOT_WRITE.isdisjoint(mongodb_codes(error))


def is_refusal(error: BaseException) -> bool:
    """Whether what was to be written is itself at fault, so that no later try of it can succeed.

    Everything else that pymongo raises says something of the server: worth another try, if there is time.
    """
    if isinstance(error, WriteError | BulkWriteError):
        return any(True for _ in mongodb_codes(error)) and not (is_away(error) or cannot_write(error))
    return isinstance(error, UNWRITABLE)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn MongoDB's absence, and a full disk, into :class:`Unavailable`, with what was being done.

    Raises DatabaseUnavailable where it did not answer, else Unavailable; any other error of pymongo is a
    defect and passes as it is.
    """
    try:
        yield
    except PyMongoError as error:
        if cannot_write(error):
            raise Unavailable(
                f"The database could not write while {doing}. It may be out of disk space. "
                "Contact your administrator."
            ) from error
        if not is_away(error):
            raise
        raise DatabaseUnavailable(
            f"The database did not answer while {doing}. Please try again in a moment.",
            causes.of_mongodb(error),
        ) from error
