"""Real servers: one MongoDB and one Redis for the whole run, a fresh database for each test."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from app.core import mongo as database
from app.core.queue import connection
from app.core.schema import indexes
from app.core.services import Services, assemble
from app.local.children import ChildError
from app.local.kinds import ServerKind
from app.local.servers import LocalStores, stores
from bench.report import store
from config import Settings
from tests.core.conftest import clock, document, redis_away, rescue, running, task_in, waiting

__all__ = ["clock", "document", "redis_away", "rescue", "running", "task_in", "waiting"]

_numbers = itertools.count(1)


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


@pytest.fixture
def services(settings: Settings, real_stores: LocalStores, mongo_client: MongoClient) -> Iterator[Services]:
    """The core over the real servers: an empty database with its indexes, an empty Redis."""
    redis = connection.connect(real_stores.redis_url, timeout_ms=5_000)
    redis.flushdb()
    db = mongo_client.get_database(f"tests_{next(_numbers)}")
    indexes.create_indexes(db)
    real_stores.prepare(db.name)
    yield assemble(settings, db, redis)
    redis.close()
    mongo_client.drop_database(db)
