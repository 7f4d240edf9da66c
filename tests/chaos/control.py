"""The control: the same storm over plain RQ, its own `rq worker` on three queues and its own `enqueue`."""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from app.core.queue import connection
from app.local.children import LocalProcess, free_port
from app.local.servers import REDIS, Server, choose
from tests.chaos import effects
from tests.chaos.clients import QUEUES, Book, Crowd, Wish, wishes
from tests.chaos.keeper import Keeper
from tests.chaos.plan import Fault, Size, faults
from tests.chaos.rig import ROOT, children_of, shoot

WORKERS, PATIENCE_S = 4, 60.0


@dataclass
class Loss:
    """What became of the tasks that plain RQ had taken."""

    acknowledged: int
    lost: int
    failed: int
    extra: int
    kills: int
    struck: dict[str, int] = field(default_factory=dict)


class Enqueue:
    """A program that enqueues as RQ's documentation does; a name for each job, so that again is not twice."""

    def __init__(self, url: str) -> None:
        self._queues = {
            queue: Queue(queue, connection=Redis.from_url(url), serializer=JSONSerializer) for queue in QUEUES
        }

    def __call__(self, wish: Wish, key: str) -> str | None:
        try:
            job = self._queues[wish.priority].enqueue(
                "tests.chaos.control_job.mark", f"storm-{wish.number}", wish.seconds,
                job_id=f"storm-{wish.number}", result_ttl=3600,
            )  # fmt: skip
        except (RedisError, OSError):
            return None
        return str(job.id)


class Control:
    """Stock workers, kept alive by the same keeper, under the same faults."""

    def __init__(self, size: Size, seed: int, folder: Path) -> None:
        self.size, self.folder, self.chance = size, folder, random.Random(seed)
        self.keeper, self.struck = Keeper(), dict[str, int]()
        self.redis_server = Server(choose(REDIS, "auto", folder), folder, free_port(0))
        self.url = f"redis://127.0.0.1:{self.redis_server.port}/0"

    def run(self) -> Loss:
        folder = self.folder
        env = {**os.environ, effects.LEDGER: str(folder / "effects"), "PYTHONPATH": str(ROOT)}
        self.keeper.start("redis", self.redis_server)
        options = ["--quiet", "--serializer", "json", "--url", self.url]
        for number in range(WORKERS):
            command = [sys.executable, "-m", "rq.cli", "worker", *options, *QUEUES]
            worker = LocalProcess(f"rq-{number}", command, log=folder / f"rq-{number}.log", env=env, cwd=ROOT)
            self.keeper.start(worker.name, worker)
        book = Book(folder / "acks")
        wanted = wishes(self.size.tasks, self.size.seconds * 0.95, self.chance)
        try:
            self._storm(faults(self.size, self.chance), Crowd(wanted, [Enqueue(self.url)] * 3, book))
            return self._loss(book, self._calm())
        finally:
            self.keeper.stop()

    def _storm(self, planned: list[Fault], crowd: Crowd) -> None:
        began = time.monotonic()
        while planned or not crowd.over:
            self.keeper.check()
            while planned and planned[0].at_s <= time.monotonic() - began and self._strike(planned[0]):
                planned.pop(0)
            time.sleep(0.05)

    def _strike(self, fault: Fault) -> bool:
        """There is no web, no MongoDB and no maintenance here: kills of those strike a worker."""
        if fault.what == "mongo":
            return True
        done = (
            self._of_redis(fault)
            if fault.what in ("flush", "redis", "both")
            else self._of_a_worker(fault.what)
        )
        if done:
            self.struck[fault.what] = self.struck.get(fault.what, 0) + 1
        return done

    def _of_redis(self, fault: Fault) -> bool:
        if fault.what != "flush":
            self.keeper.down("redis", fault.down_s)
            return True
        try:
            with closing(connection.connect(self.url, 500)) as redis:
                return bool(redis.flushall())
        except (RedisError, OSError):
            return False

    def _of_a_worker(self, what: str) -> bool:
        workers = [each.pid for name, each in self.keeper.children.items() if name != "redis" and each.alive]
        found = [pid for pid in workers if pid]
        if not found:
            return False
        horses = [horse for pid in found for horse in children_of(pid)] if what == "child" else []
        shoot(self.chance.choice(horses or found))
        return True

    def _calm(self) -> set[str]:
        """Until every job is there or nothing has moved for as long as ours may take; the ids that failed."""
        redis = Redis.from_url(self.url, socket_timeout=5)
        queues = [Queue(queue, connection=redis, serializer=JSONSerializer) for queue in QUEUES]
        before, moved = -1, time.monotonic()
        while time.monotonic() - moved < PATIENCE_S:
            self.keeper.check()
            time.sleep(0.5)
            try:
                now = len(effects.read(self.folder / "effects")) + sum(map(len, queues))
            except (RedisError, OSError):
                continue
            if now != before:
                before, moved = now, time.monotonic()
            elif not sum(map(len, queues)) and time.monotonic() - moved > PATIENCE_S / 4:
                break
        failed = (FailedJobRegistry(queue=queue).get_job_ids(cleanup=False) for queue in queues)
        return {str(job) for ids in failed for job in ids}

    def _loss(self, book: Book, failed: set[str]) -> Loss:
        done = effects.read(self.folder / "effects")
        ran, promised = {effect.task for effect in done}, {ack.task for ack in book.acks()}
        kills = sum(count for what, count in self.struck.items() if what not in ("flush", "redis", "both"))
        return Loss(
            acknowledged=len(promised),
            lost=len(promised - ran - failed),
            failed=len(failed - ran),
            extra=len(done) - len(ran),
            kills=kills,
            struck=self.struck,
        )


def weather(size: Size, seed: int, folder: Path) -> Loss:
    """The storm over plain RQ. A job that failed and is listed as failed was not lost."""
    folder.mkdir(parents=True, exist_ok=True)
    return Control(size, seed, folder).run()
