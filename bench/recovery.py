"""How long until a task runs again when the worker that ran it is killed.

    python -m bench.recovery [--kills 100] [--holding 10] [--store NAME]

So many workers hold a task each and two more are idle. Each holder is killed (SIGKILL) at a random moment:
first the worker itself, with nobody left to say so, and its child with it; then only its child, which
the worker sees. It counts from the kill to the start of the next attempt, as MongoDB holds it. Exits with 1
when one took longer than promised.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import psutil
from bson import ObjectId

from app.core.clock import utcnow
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask
from bench import report, rig
from bench.rig import Rig

IDLE = 2
HOLD_S = 3_000.0
SPREAD_S = 10.0
PROMISED_S = {"the worker is killed": 45.0, "its child is killed": 2.0}
"""Lease 30 s, rescue every 5 s, sweep every 10 s; and two seconds where the worker lives to see it."""
PATIENCE_S = 180.0
SEED = 20261124


def hold(running: Rig, count: int) -> list[ObjectId]:
    """So many tasks that run, each held by a worker of its own."""
    new = NewTask("nap", {"seconds": HOLD_S}, "Nap", Priority.HIGH, max_attempts=9, timeout_s=4_000)
    ids = [running.services.dispatch.submit(new).task.id for _ in range(count)]
    rig.wait(lambda: len(pids(running, ids)) == count, PATIENCE_S, "tasks to run", running.workers)
    return ids


def pids(running: Rig, ids: list[ObjectId]) -> dict[ObjectId, int]:
    """The worker process of each task that runs; its name ends with its process id."""
    wanted = {"_id": {"$in": ids}, "status": Status.RUNNING.value}
    found = running.services.db.tasks.find(wanted, {"lease.worker": 1})
    return {each["_id"]: int(each["lease"]["worker"].rpartition(".")[2]) for each in found}


def kill_worker(pid: int) -> None:
    psutil.Process(pid).send_signal(signal.SIGKILL)


def kill_child(pid: int) -> None:
    for child in psutil.Process(pid).children():
        child.send_signal(signal.SIGKILL)


KILLS: dict[str, Callable[[int], None]] = {
    "the worker is killed": kill_worker,
    "its child is killed": kill_child,
}


def batch(running: Rig, kill: Callable[[int], None], count: int, chance: random.Random) -> list[float]:
    """Kill all holders of some tasks; the seconds until each task ran again."""
    workers = running.ready_workers
    rig.wait(lambda: workers() >= count + IDLE, PATIENCE_S, "idle workers", running.workers)
    ids = hold(running, count)
    killed: dict[ObjectId, datetime] = {}
    for task_id, pid in pids(running, ids).items():
        time.sleep(chance.uniform(0, 2 * SPREAD_S / count))
        killed[task_id] = utcnow()
        kill(pid)
    rig.wait(lambda: len(_again(running, ids)) == count, PATIENCE_S, "all to run again", running.workers)
    again = _again(running, ids)
    for task_id in ids:
        running.services.dispatch.cancel(task_id, "bench")
    rig.wait(lambda: not pids(running, ids), PATIENCE_S, "the tasks to end", running.workers)
    return [(again[task_id] - killed[task_id]) / timedelta(seconds=1) for task_id in ids]


def _again(running: Rig, ids: list[ObjectId]) -> dict[ObjectId, datetime]:
    """When the second attempt of each began, of those where it has."""
    wanted = {"_id": {"$in": ids}, "status": Status.RUNNING.value, "attempt": 2}
    found = running.services.db.tasks.find(wanted, {"started_at": 1})
    return {each["_id"]: each["started_at"] for each in found}


def table(times: dict[str, list[float]]) -> str:
    rows = [
        [
            name,
            str(len(taken)),
            *(f"{report.percentile(taken, percent):.2f}" for percent in (50, 95, 100)),
            f"{PROMISED_S[name]:g}",
            "kept" if max(taken) <= PROMISED_S[name] else "**broken**",
        ]
        for name, taken in times.items()
    ]
    return report.markdown(
        ["seconds until it runs again", "kills", "p50", "p95", "p100", "promised", ""], rows
    )


def run(given: argparse.Namespace) -> bool:
    """Kill, print and write; returns whether what is promised was kept."""
    chance = random.Random(SEED)
    times: dict[str, list[float]] = {name: [] for name in KILLS}
    with rig.running(given.store, workers=given.holding + IDLE) as running:
        for name, kill in KILLS.items():
            while len(times[name]) < given.kills:
                count = min(given.holding, given.kills - len(times[name]))
                times[name] += batch(running, kill, count, chance)
                report.say(f"{name}: {len(times[name])}, at most {max(times[name]):.2f} s")
        redis = str(running.services.queues.redis.info("server")["redis_version"])
        about = report.machine(running.stores, redis)
    report.publish(f"{table(times)}\n\n{about}", f"recovery {given.store}", given.write)
    return all(max(taken) <= PROMISED_S[name] for name, taken in times.items())


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each kind (%(default)s)")
    parser.add_argument("--holding", type=int, default=10, help="workers with a task (%(default)s)")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
