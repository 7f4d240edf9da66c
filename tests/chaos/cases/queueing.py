"""Faults of the queue and of maintenance: Redis loses its data, a leader dies in mid-batch, two lead."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app.core.clock import utcnow
from app.core.queue.lost_leases import LeaseWatch
from app.core.services import connect
from app.core.tasks.task import Task
from app.local.servers import Server
from config import load
from tests.chaos.cases import Round, case, judged
from tests.chaos.rig import Rig, back, shoot, succeeded_once, until

WAITING = 100


def flush(rig: Rig) -> None:
    rig.services.queues.redis.flushall()


def _files(redis: Server) -> Path:
    return Path(redis.argv[redis.argv.index("--dir") + 1])


def cut_tail(rig: Rig) -> None:
    """Redis dies, and the end of its append-only file was not on the disk."""
    redis = rig.stores.redis
    assert redis
    redis.kill()
    for log in _files(redis).glob("appendonlydir/*.incr.aof"):
        size = log.stat().st_size
        with log.open("r+b") as tail:
            tail.truncate(max(0, size - rig.chance.randrange(1, max(2, size // 2))))
    back(redis)


def empty_restart(rig: Rig) -> None:
    redis = rig.stores.redis
    assert redis
    redis.kill()
    shutil.rmtree(_files(redis) / "appendonlydir", ignore_errors=True)
    back(redis)


def all_dispatched(rig: Rig, tasks: list[Task]) -> bool:
    """Whether each is marked as sent and its hint waits in Redis."""
    now = [rig.task(task) for task in tasks]
    return all(task.hint == "sent" for task in now) and not rig.services.queues.missing(now)


def seconds_until(look: Callable[[], bool], most: float) -> float:
    began = time.monotonic()
    until(look, most)
    return time.monotonic() - began


@case("C5", "FLUSHALL; AOF tail cut; empty restart", "all dispatched again within 20 s")
def redis_loses(rig: Rig, times: int) -> list[Round]:
    rig.start(1)
    busy = rig.running(rig.submit("mark", params={"seconds": 3600.0}, timeout_s=7200))
    waiting = [rig.submit("mark", ("high", "medium", "low")[number % 3]) for number in range(WAITING)]
    rounds = []
    for number in range(times):
        time.sleep(rig.chance.uniform(0, 3))
        fault = (flush, cut_tail, empty_restart)[number % 3]
        fault(rig)
        seconds = seconds_until(lambda: all_dispatched(rig, waiting), 40)
        rounds.append(judged(True, seconds, 20, fault.__name__))
    rig.services.dispatch.cancel(busy.id, "the rig")
    ended = rig.wait(waiting, 60)
    once = all(succeeded_once(task, rig.effects()) for task in ended)
    return rounds if once else [*rounds[:-1], Round(False, 0, "a task did not run once")]


def killed_in_mid_batch(rig: Rig) -> list[Task]:
    """The leader dies between queueing its scheduled tasks and pushing them."""
    rig.arm("staged", True)
    return _scheduled(rig, 20, 1.0)


def two_lead(rig: Rig) -> list[Task]:
    """Two processes do every repair at the same time, again and again."""
    tasks = _scheduled(rig, 20, 0.5)
    leaders = [connect(load(rig.env)) for _ in range(2)]
    watches = [LeaseWatch(leader.queries) for leader in leaders]
    stop = time.monotonic() + 3

    def repair(number: int) -> None:
        while time.monotonic() < stop:
            for one in ("stage", "push_due", "recover", "sweep"):
                getattr(leaders[number].recovery, one)()
            leaders[number].recovery.rescue(watches[number].lost())

    threads = [threading.Thread(target=repair, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for leader in leaders:
        leader.close()
    return tasks


def rescue_cut_off(rig: Rig) -> list[Task]:
    """A worker is lost with its task, and the leader dies after it took up the first of them."""
    tasks = [rig.new("mark", params={"seconds": 60.0}) for _ in range(3)]
    rig.push(tasks)
    held = [rig.running(task) for task in tasks]
    shoot(*{rig.worker_of(task) for task in held})
    rig.services.db.tasks.update_many(
        {"_id": {"$in": [task.id for task in tasks]}}, {"$set": {"params.seconds": 0.0}}
    )
    before = rig.fired().get("rescued")
    rig.arm("rescued")
    until(lambda: rig.fired().get("rescued") != before, 60)
    return tasks


def _scheduled(rig: Rig, count: int, after_s: float) -> list[Task]:
    when = utcnow() + timedelta(seconds=after_s)
    return [rig.new("mark", run_at=when) for _ in range(count)]


@case("C14", "maintenance killed in mid-batch; two of them", "no double effect")
def maintenance_dies(rig: Rig, times: int) -> list[Round]:
    rig.start(4)
    ways = (killed_in_mid_batch, two_lead, killed_in_mid_batch, two_lead, rescue_cut_off)
    rounds = []
    for number in range(times):
        began = time.monotonic()
        way = ways[number % len(ways)]
        tasks = rig.wait(way(rig), 60)
        done = rig.effects()
        bad = [task.status.value for task in tasks if not succeeded_once(task, done)]
        rounds.append(judged(not bad, time.monotonic() - began, 120, f"{way.__name__}: {bad}"))
        for point in ("staged", "rescued"):
            rig.disarm(point)
    return rounds
