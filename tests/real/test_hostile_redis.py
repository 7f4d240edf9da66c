"""A hostile Redis under a running worker: no queue is silent for long, and the log stays short."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from app.core.queue.rq import ASIDE, WAKE
from app.core.tasks.states import Status
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until

pytestmark = pytest.mark.real
SILENT_S = 30.0


@pytest.fixture(scope="module")
def crew(real_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(real_stores, "hostile_redis", tmp_path_factory.mktemp("hostile_redis")) as made:
        made.start()
        until(lambda: made.services.queues.epoch.exists())
        yield made


@pytest.fixture(autouse=True)
def every_queue_goes_on(crew: Fleet) -> Iterator[None]:
    """Whatever was done to Redis, a task of each priority ends in time, and nothing is a traceback."""
    before = crew.log.stat().st_size
    yield
    began = time.monotonic()
    tasks = [crew.submit("echo", priority=priority) for priority in ("high", "medium", "low")]
    for task in tasks:
        left = max(1.0, SILENT_S - (time.monotonic() - began))
        assert crew.ended(task, left).status is Status.SUCCEEDED
    assert b"Traceback" not in crew.log.read_bytes()[before:]
    assert crew.log.stat().st_size - before < 20_000


@pytest.mark.parametrize("key", ["rq:queue:high", WAKE])
def test_a_key_of_a_wrong_type(crew: Fleet, key: str) -> None:
    redis = crew.services.queues.redis
    redis.delete(key)
    redis.set(key, "x")
    until(lambda: redis.exists(ASIDE + key), SILENT_S)
