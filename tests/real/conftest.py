"""Real servers: one MongoDB and one Redis for each process of pytest, an empty database for each test."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from app.core import mongo as database
from app.core.mongo import Document, Mongo
from app.core.queue import connection
from app.core.schema import indexes
from app.core.services import Services, assemble
from app.local.children import ChildError
from app.local.kinds import ServerKind
from app.local.servers import LocalStores, stores
from bench.report import store
from config import Settings
from tests.core.conftest import clock, document, redis_away, rescue, running, task_in, waiting
from tests.rig.fleet import Fleet
from tests.rig.web import Web

__all__ = ["clock", "document", "redis_away", "rescue", "running", "task_in", "waiting"]


@pytest.fixture(scope="session")
def mongo(request: pytest.FixtureRequest) -> str | ServerKind:
    """The server of `--mongo`; without it the one that `make up` would choose here."""
    name = request.config.getoption("--mongo")
    return "auto" if name == "auto" else store(name)


@pytest.fixture(scope="session")
def real_stores(tmp_path_factory: pytest.TempPathFactory, mongo: str | ServerKind) -> Iterator[LocalStores]:
    """One MongoDB and one Redis for all."""
    try:
        with stores(tmp_path_factory.mktemp("stores"), mongo=mongo) as started:
            yield started
    except ChildError as error:
        pytest.skip(f"A MongoDB and a Redis are needed, see requirements-local.txt. {error}")


@pytest.fixture
def servers(tmp_path: Path, mongo: str | ServerKind) -> Iterator[LocalStores]:
    """Servers of a test's own, which it may kill."""
    with stores(tmp_path / "stores", mongo=mongo) as started:
        yield started


@pytest.fixture(scope="module")
def usual_ports() -> Iterator[None]:
    """27017, 6379 and 8000 for one module at a time: two programs that look for free ones find the same."""
    path = Path(tempfile.gettempdir()) / f"dtq-tests-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def mongo_client(real_stores: LocalStores) -> Iterator[MongoClient]:
    client: MongoClient = MongoClient(real_stores.mongodb_uri, **_options())
    yield client
    client.close()


def _options() -> dict:
    from config import load

    return database.client_options(
        dataclasses.replace(load({"ENVIRONMENT": "local"}), mongodb_timeout_ms=10_000)
    )


@pytest.fixture(scope="session")
def databases(real_stores: LocalStores, mongo_client: MongoClient) -> Databases:
    return Databases(real_stores, mongo_client)


class Databases:
    """Empty databases with their indexes; one that a test has left usable is emptied for the next.

    To create all indexes takes ten times as long as to delete a test's documents.
    """

    def __init__(self, servers: LocalStores, client: MongoClient) -> None:
        self._servers, self._client = servers, client
        self._numbers = itertools.count(1)
        self._empty: list[Mongo] = []
        self._indexes: dict[str, Any] = {}
        self._documents: dict[str, list[Document]] = {}

    def take(self) -> Mongo:
        return self._empty.pop() if self._empty else self._new()

    def give_back(self, db: Mongo) -> None:
        """Make it as it was, or drop it where a test has changed the indexes."""
        found = _indexes_of(db)
        if {name: found.get(name) for name in self._indexes} != self._indexes:
            self._client.drop_database(db)
            return
        for name in found:
            db[name].delete_many({}) if name in self._indexes else db.drop_collection(name)
        for name, documents in self._documents.items():
            db[name].insert_many(documents)
        self._empty.append(db)

    def _new(self) -> Mongo:
        db = self._client.get_database(f"tests_{next(self._numbers)}")
        indexes.create_indexes(db)
        self._servers.prepare(db.name)
        self._indexes = _indexes_of(db)
        self._documents = {name: found for name in self._indexes if (found := list(db[name].find()))}
        return db


def _indexes_of(db: Mongo) -> dict[str, Any]:
    return {name: db[name].index_information() for name in db.list_collection_names()}


@pytest.fixture
def services(settings: Settings, real_stores: LocalStores, databases: Databases) -> Iterator[Services]:
    """The core over the real servers: an empty database with its indexes, an empty Redis."""
    redis = connection.connect(real_stores.redis_url, timeout_ms=5_000)
    redis.flushdb()
    db = databases.take()
    yield assemble(settings, db, redis)
    redis.close()
    databases.give_back(db)


@pytest.fixture
def web(crew: Fleet, tmp_path: Path) -> Iterator[Web]:
    """The web server of a fleet that the test module names ``crew``."""
    made = Web(crew.env, tmp_path / "web.log")
    try:
        made.start()
        yield made
    finally:
        made.stop()
