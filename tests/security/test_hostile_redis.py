"""A Redis that somebody else writes to, below real workers: no code runs, and no queue is silent for long."""

from __future__ import annotations

import json
import os
import pickle
import time
from datetime import datetime, timezone

import pytest

from app.core.tasks.states import Status
from app.local.servers import stores
from tests.rig.fleet import fleet
from tests.rig.processes import until

pytestmark = pytest.mark.real

SILENT_S = 30.0


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def crew(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with stores(folder / "stores") as servers, fleet(servers, "hostile", folder) as made:
        made.start()
        yield made


def forge(redis, queue, job_id, data):
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    redis.hset(
        f"rq:job:{job_id}",
        mapping={"data": data, "origin": queue, "created_at": now, "enqueued_at": now, "status": "queued"},
    )
    redis.rpush(f"rq:queue:{queue}", job_id)


ATTACKS = ("pickle", "zlib", "function", "garbage", "type", "loss", "persist", "name")


def attack(redis, how, folder, queue="high"):
    """Do one of the known kinds of harm."""
    bomb = pickle.dumps(Bomb(folder / "ran"))
    if how == "pickle":
        forge(redis, queue, "forged-1", bomb)
    elif how == "zlib":
        import zlib

        forge(redis, queue, "forged-2", zlib.compress(bomb))
    elif how == "function":
        forge(redis, queue, "forged-3", json.dumps(["os.mkdir", None, [str(folder / "ran")], {}]).encode())
    elif how == "garbage":
        for number in range(500):
            redis.rpush(f"rq:queue:{queue}", f"nothing-{number}")
    elif how == "type":
        redis.delete(f"rq:queue:{queue}")
        redis.set(f"rq:queue:{queue}", "x")
    elif how == "loss":
        redis.delete("dtq:loss")
        redis.set("dtq:loss", b"\xff{garbled")
    elif how == "persist":
        for key in redis.scan_iter("rq:job:*"):
            redis.persist(key)
    else:
        redis.sadd("rq:workers", b"rq:worker:\xff bad name", "no worker at all")


@pytest.mark.parametrize("how", ATTACKS)
def test_a_hostile_redis_runs_no_code_and_silences_no_queue(how, crew, tmp_path, figure):
    attack(crew.services.queues.redis, how, tmp_path)
    began = time.monotonic()
    tasks = [crew.submit("echo", priority=priority) for priority in ("high", "medium", "low")]
    for task in tasks:
        left = max(1.0, SILENT_S - (time.monotonic() - began))
        until(lambda task=task: crew.task(task).status.ended, left)
        assert crew.task(task).status is Status.SUCCEEDED
    took = time.monotonic() - began
    ran = (tmp_path / "ran").exists()
    assert not ran
    figure(
        attacks_through_redis=1,
        code_run_from_redis=int(ran),
        queues_silent_for_over_30_s=int(took > SILENT_S),
    )
