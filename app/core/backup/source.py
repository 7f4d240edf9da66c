"""The database that is exported: its collections in the order in which they are read, and a snapshot.

Whether the server has snapshots is tried, and not asked: some accept a session for one and answer with
what is written later. So there is a write to try it with, on a document of `leases` that is removed again.

Without a snapshot the collections are read one after another, so each shows a later moment. `ORDER` makes
what that can leave over harmless (docs/how-to/production.md): what refers to something is read before it.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

import pymongo
from bson import json_util
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError, OperationFailure

from app.core.backup.manifest import Activity, LeftOut, Snapshot, is_collection
from app.core.catalog import lately
from app.core.clock import utcnow
from app.core.mongo import Mongo, is_away
from app.core.schema import version

ORDER = (
    version.COLLECTION,  # First: what is read afterwards may be newer, which a migration passes over.
    "batches",
    "batch_parts",
    "tasks",
    "deletions",
    "logs",
    "files.uploads",
    "files.files",
    "files.chunks",
    "words",
    "task_types",
    "pauses",
    "saved_views",
    "list_preferences",
    "users",
    "passkeys",
    "tokens",
    "subscriptions",
    "audit",
)
EPHEMERAL = (
    *("workers", "leases", "sessions", "links", "challenges", "bulk_operations", "deliveries"),
    *("minutes", "ten_minutes", "figures"),
)
"""Who is online, who leads, who is signed in, which bulk actions there are, what is being delivered, and
samples: of this moment and this server only. An imported bulk action would go on by itself, on tasks of
another moment; the audit has them. Imported deliveries would reach receivers that have had them already."""

IMPORTS = "imports"
"""How far an import has come, while it is not finished."""

PROBE = "snapshot-probe"
BATCH = 100  # A server sends at most 16 MB at once, of which several copies are made: less is enough.
CHUNKS = 32  # Of files, 256 KB each.
FIRST_TIMEOUT_S = 6 * 3600  # It is also what the server may spend on the whole collection.
BATCH_TIMEOUT_S = 120
UNAUTHORIZED = 13
SNAPSHOT_GONE = frozenset({239, 246})  # SnapshotTooOld, SnapshotUnavailable

Given = ParamSpec("Given")
Result = TypeVar("Result")


def within(seconds: float) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Let MongoDB take so long, rather than what a page would wait."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @functools.wraps(function)
        def patient(*args: Given.args, **given: Given.kwargs) -> Result:
            with pymongo.timeout(seconds):
                return function(*args, **given)

        return patient

    return decorate


@dataclass(frozen=True)
class Collection:
    """A collection as the server lists it; ``uuid`` is empty where the server has none."""

    name: str
    options: dict[str, Any]
    uuid: str


class SnapshotExpiredError(RuntimeError):
    """The server no longer has the moment that the snapshot is of."""


class BackupSource:
    """The database ``db``, read and but for the probe not written."""

    def __init__(self, db: Mongo) -> None:
        self.db = db
        self._session: ClientSession | None = None
        self._most = Activity(workers=0, running=0)

    @within(BATCH_TIMEOUT_S)
    def collections(self) -> tuple[list[Collection], list[LeftOut]]:
        """What is exported, in the order of reading, and what is not."""
        found, left_out = [], []
        for about in self.db.list_collections():
            name, kind = about["name"], about.get("type", "collection")
            if kind == "collection" and is_collection(name) and name != IMPORTS:
                uuid = about.get("info", {}).get("uuid")
                found.append(Collection(name, about.get("options", {}), bytes(uuid).hex() if uuid else ""))
            elif not name.startswith("system."):
                left_out.append(LeftOut(name=name, type=kind))
        return sorted(found, key=_turn), sorted(left_out, key=lambda item: item.name)

    @within(BATCH_TIMEOUT_S)
    def metadata(self, collection: Collection) -> bytes:
        """Options and indexes as `mongodump` writes them: canonical Extended JSON."""
        indexes = [dict(index) for index in self.db[collection.name].list_indexes()]
        document = {
            "options": collection.options,
            "indexes": indexes,
            **({"uuid": collection.uuid} if collection.uuid else {}),
            "collectionName": collection.name,
            "type": "collection",
        }
        return json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()

    def batches(self, collection: str) -> Iterator[bytes]:
        """The documents in the order of `_id`, as the server has them, several at a time.

        Raises SnapshotExpiredError.
        """
        size = CHUNKS if collection.endswith(".chunks") else BATCH
        found = self.db[collection].find_raw_batches({}, batch_size=size, session=self._session)
        # What pymongo says of its type is wrong: a raw cursor gives bytes.
        cursor = cast("Iterator[bytes]", iter(found.sort([("_id", 1)])))
        timeout_s = FIRST_TIMEOUT_S
        while True:
            try:
                with pymongo.timeout(timeout_s):
                    batch = next(cursor, None)
            except OperationFailure as error:
                if self._session and error.code in SNAPSHOT_GONE:
                    raise SnapshotExpiredError from error
                raise
            if batch is None:
                return
            yield batch
            timeout_s = BATCH_TIMEOUT_S

    # The snapshot

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read under one snapshot as long as the block lasts, where the server keeps its word."""
        with contextlib.ExitStack() as stack:
            try:
                session = stack.enter_context(self.db.client.start_session(snapshot=True))
                kept = self._probe(session)
            except (ConfigurationError, OperationFailure) as error:
                if is_away(error):
                    raise
                kept = Snapshot.REFUSED
            self._session = session if kept in (Snapshot.HELD, Snapshot.UNTESTED) else None
            try:
                yield kept
            finally:
                self._session = None

    def give_up_snapshot(self) -> None:
        """Read what is there now from here on."""
        self._session = None

    @within(BATCH_TIMEOUT_S)
    def _probe(self, session: ClientSession) -> Snapshot:
        """Whether a write is invisible to a session that began before it."""
        leases = self.db.leases
        try:
            self._write_probe()
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            leases.find_one({"_id": PROBE}, session=session)
            return Snapshot.UNTESTED
        before = leases.find_one({"_id": PROBE}, session=session)
        self._write_probe()
        after = leases.find_one({"_id": PROBE}, session=session)
        leases.delete_one({"_id": PROBE})
        return Snapshot.HELD if before and before == after else Snapshot.IGNORED

    def _write_probe(self) -> None:
        token = {"$set": {"holder": secrets.token_hex(16), "until": utcnow()}}
        self.db.leases.update_one({"_id": PROBE}, token, upsert=True)

    # What else there is to say

    @within(BATCH_TIMEOUT_S)
    def activity(self) -> Activity:
        """Workers online and tasks under a lease: the most since this was first asked."""
        now = utcnow()
        workers = self.db.workers.count_documents({"seen_at": lately()})
        running = self.db.tasks.count_documents({"lease.until": {"$gt": now}})
        most = self._most
        self._most = Activity(workers=max(workers, most.workers), running=max(running, most.running))
        return self._most

    @within(BATCH_TIMEOUT_S)
    def half_imported(self) -> bool:
        """Whether an import into this database has not finished."""
        return self.db[IMPORTS].find_one({}) is not None

    @within(BATCH_TIMEOUT_S)
    def server(self) -> dict[str, str]:
        """What the server says of itself: never an address, it may hold a password."""
        hello = self.db.client.admin.command("hello")
        sharded, member = hello.get("msg") == "isdbgrid", hello.get("setName")
        kind = "sharded cluster" if sharded else "replica set" if member else "single server"
        return {"version": str(self.db.client.server_info()["version"]), "kind": kind}


def _turn(collection: Collection) -> tuple[int, str]:
    """The place in `ORDER`; others come after them, and what is of this moment only last."""
    turns = {name: turn for turn, name in enumerate(ORDER)} | dict.fromkeys(EPHEMERAL, len(ORDER) + 1)
    return turns.get(collection.name, len(ORDER)), collection.name
