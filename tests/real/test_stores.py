"""The servers of `app.local`: durable, given the data of earlier ones, with the indexes that they need."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from redis import Redis

from app.core.schema.indexes import create_indexes
from app.local.__main__ import take_over
from app.local.children import ChildError
from app.local.guard_indexes import GUARDS
from app.local.kinds import BUILT, MONGO, PYTHON, REDIS, WHEEL
from app.local.servers import LocalStores, Server, stores

pytestmark = pytest.mark.real

INSTALLED_MONGO = sorted({kind.name for kind in (*MONGO, BUILT) if kind.find()})
INSTALLED_REDIS = sorted({kind.name for kind in REDIS if kind.find()})


def test_data_that_the_new_server_cannot_open_stays_with_the_old_one(tmp_path: Path) -> None:
    with stores(tmp_path, mongo="python", redis="wheel"):
        pass
    old = PYTHON.data(tmp_path)
    broken = tmp_path / "broken"
    old.rename(broken)
    old.mkdir()
    (old / "WiredTiger.turtle").write_bytes(b"not a turtle")
    assert take_over(WHEEL, tmp_path) == "python"
    assert not WHEEL.data(tmp_path).exists()
    assert [path.name for path in old.iterdir()] == ["WiredTiger.turtle"]


@pytest.mark.parametrize("kind", INSTALLED_MONGO)
def test_only_a_server_that_needs_them_gets_more_indexes(tmp_path: Path, kind: str) -> None:
    with stores(tmp_path, mongo=kind, redis="wheel") as found:
        with MongoClient[dict[str, str]](found.mongodb_uri) as client:
            db = client.get_default_database()
            made = [name for each in db.list_collection_names() for name in db[each].index_information()]
        assert found.mongo
        wanted = len(GUARDS) if found.mongo.kind.covered_only else 0
        assert len([name for name in made if name.startswith("guard_")]) == wanted


@pytest.mark.parametrize("kind", INSTALLED_MONGO)
def test_an_acknowledged_write_outlives_kill_9_of_mongodb(tmp_path: Path, kind: str) -> None:
    with stores(tmp_path, mongo=kind, redis="wheel") as found:
        assert found.mongo
        with MongoClient[dict[str, int]](found.mongodb_uri) as client:
            notes = client.get_default_database().notes
            for number in range(50):
                notes.insert_one({"number": number})
            found.mongo.kill()
            found.mongo.start()
            found.mongo.wait_ready(30)
            assert notes.count_documents({}) == 50


@pytest.mark.parametrize("store", ["MongoDB", "Redis"])
def test_a_server_that_was_faster_to_take_the_port_is_not_taken_for_ours(tmp_path: Path, store: str) -> None:
    with stores(tmp_path / "theirs") as theirs:
        other = next(server for server in theirs.servers if server.kind.store == store)
        ours = Server(other.kind, tmp_path / "ours", other.port)
        ours.start()
        with pytest.raises(ChildError):
            ours.wait_ready(3)
        ours.kill()


@pytest.mark.parametrize("kind", INSTALLED_REDIS)
def test_a_queue_outlives_kill_9_of_redis(tmp_path: Path, kind: str) -> None:
    with stores(tmp_path, mongo="wheel", redis=kind) as found:
        assert found.redis
        with contextlib.closing(Redis.from_url(found.redis_url)) as redis:
            redis.rpush("queue", "a", "b")
            found.redis.kill()
        found.redis.start()
        found.redis.wait_ready(30)
        with contextlib.closing(Redis.from_url(found.redis_url)) as redis:
            assert redis.lrange("queue", 0, -1) == [b"a", b"b"]


@pytest.mark.parametrize("kind", INSTALLED_MONGO)
def test_every_index_outlives_kill_9_right_after_the_first_start(tmp_path: Path, kind: str) -> None:
    with stores(tmp_path, mongo=kind, redis="wheel") as found:
        assert found.mongo
        if not found.mongo.kind.covered_only:  # The others keep an index from the moment they have it.
            with MongoClient[dict[str, Any]](found.mongodb_uri) as client:
                create_indexes(client.get_default_database())
        before = indexes(found)
        found.mongo.kill()
        found.mongo.start()
        found.mongo.wait_ready(30)
        assert indexes(found) == before
    submission = before["tasks"]["submission"]
    assert submission["unique"] and submission["partialFilterExpression"]


def indexes(found: LocalStores) -> dict[str, Any]:
    with MongoClient[dict[str, Any]](found.mongodb_uri) as client:
        db = client.get_default_database()
        return {name: db[name].index_information() for name in db.list_collection_names()}
