"""Who is measured: our worker, two stock ones as controls, and the floor.

Each knows how its processes are started, when they are idle and ready, and how it is told of tasks:
of all of them in one Redis transaction, so that every worker begins at the same moment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rq import Queue, Worker
from rq.serializers import JSONSerializer

from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import Task
from app.local.children import LocalProcess
from bench import floor, stock

ROOT = Path(__file__).resolve().parent.parent
QUEUES = [priority.word for priority in Priority]


@dataclass(frozen=True)
class Contender:
    """One way to run the same tasks."""

    name: str
    title: str
    pilot: int
    """Tasks of the first, unmeasured round, from which the size of the others is found."""
    commands: Callable[[int], list[list[str]]]
    """What to start for so many workers."""
    ready: Callable[[Services, int], bool]
    push: Callable[[Services, list[Task]], None]
    queues: list[str]
    """The Redis lists that are empty when the end is near."""

    def start(self, workers: int, env: Mapping[str, str], logs: Path) -> list[LocalProcess]:
        """Its processes, started and not yet ready."""
        commands = self.commands(workers)
        children = [
            LocalProcess(
                f"{self.name}-{number}",
                [sys.executable, "-m", *command],
                log=logs / f"{self.name}-{number}.log",
                env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
            )
            for number, command in enumerate(commands)
        ]
        for child in children:
            child.start()
        return children


def _ours(workers: int) -> list[list[str]]:
    return [["workers", "-n", str(workers)]]


def _ours_ready(services: Services, workers: int) -> bool:
    return sum(bool(worker.types) for worker in services.catalog.workers()) == workers


def _stock(kind: str) -> Callable[[int], list[list[str]]]:
    """The real command line of RQ; quiet, as ours says nothing for a task either."""
    options = ["--quiet", "--serializer", "json", "--worker-class", kind, "--config", "bench.stock"]
    return lambda workers: [["rq.cli", "worker", *options, *QUEUES]] * workers


def _stock_ready(services: Services, workers: int) -> bool:
    known = Worker.all(connection=services.queues.redis)
    return len([worker for worker in known if worker.get_state() == "idle"]) == workers


def _stock_push(services: Services, tasks: list[Task]) -> None:
    """Without results and failures to keep, as our messages: two writes less for it."""
    redis = services.queues.redis
    with redis.pipeline() as pipe:
        for priority in Priority:
            jobs = [
                Queue.prepare_data(
                    stock.FUNCTION,
                    (str(task.id),),
                    job_id=task.job_id,
                    timeout=60,
                    result_ttl=0,
                    failure_ttl=0,
                )
                for task in tasks
                if task.priority is priority
            ]
            queue = Queue(priority.word, connection=redis, serializer=JSONSerializer)
            queue.enqueue_many(jobs, pipeline=pipe)
        pipe.execute()


def _floor_ready(services: Services, workers: int) -> bool:
    return int(services.queues.redis.get(floor.READY) or 0) == workers


def _floor_push(services: Services, tasks: list[Task]) -> None:
    services.queues.redis.rpush(floor.QUEUE, *(str(task.id) for task in tasks))


RQ_QUEUES = [f"rq:queue:{queue}" for queue in QUEUES]

OURS = Contender(
    "ours",
    "`python -m workers`",
    300,
    _ours,
    _ours_ready,
    lambda services, tasks: services.queues.push(tasks),
    RQ_QUEUES,
)
STOCK = Contender(
    "stock",
    "stock `rq worker` (a fork for each job)",
    60,
    _stock("rq.Worker"),
    _stock_ready,
    _stock_push,
    RQ_QUEUES,
)
SIMPLE = Contender(
    "simple",
    "stock `rq worker -w rq.SimpleWorker` (no fork, no isolation)",
    300,
    _stock("rq.SimpleWorker"),
    _stock_ready,
    _stock_push,
    RQ_QUEUES,
)
FLOOR = Contender(
    "floor",
    "floor: a bare loop",
    300,
    lambda workers: [["bench.floor"]] * workers,
    _floor_ready,
    _floor_push,
    [floor.QUEUE],
)
ALL = (OURS, STOCK, SIMPLE, FLOOR)
