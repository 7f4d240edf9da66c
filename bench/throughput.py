"""No-op tasks a second with their status in MongoDB: our worker, stock RQ as control, and the floor.

    python -m bench.throughput [--store NAME ...] [--rounds 5] [--seconds 6 | --tasks N]

A round: the workers are started and idle, the tasks are inserted, then all hints are released at once;
it counts from the first `started_at` to the last `finished_at` that MongoDB holds. Rounds are
interleaved (A B C, A B C, ...), so that a machine that slows down slows all of them. With several stores
the turns of each contender follow one another, and a further table compares the first store with each
other one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.core.clock import utcnow
from app.core.schema.indexes import create_indexes
from app.core.services import Services, connect
from app.core.tasks.task import Task
from app.local import LocalStores, stores
from app.local.children import LocalProcess
from bench import fill, report
from bench.contenders import ALL, FLOOR, OURS, STOCK, Contender
from bench.report import BenchError
from config import load
from workers.store_timeouts import patient

WORKERS = (1, 2)
SETTLE_S = 3.0
READY_S = 60.0
END_S = 120.0


@dataclass
class Series:
    """One contender with so many workers, over all rounds."""

    contender: Contender
    workers: int
    found: LocalStores
    folder: Path
    tasks: int = 0
    rates: list[float] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, int]:
        return self.contender.name, self.workers


def measure(series: Series, tasks: int) -> float:
    """One round; returns tasks a second. Raises BenchError when a task did not end as it should."""
    env = {
        "MONGODB_TIMEOUT_MS": "60000",  # A slow server is to be measured, not to be given up.
        **series.found.addresses,
        "RQ_REDIS_URL": series.found.redis_url,
        "ENVIRONMENT": "local",
        "TASK_MODULES": "bench.noop",
    }
    services = connect(patient(load({**os.environ, **env})))
    _empty(services, series.found)
    with _started(series, env, series.folder) as children:
        _wait(children, READY_S, lambda: series.contender.ready(services, series.workers))
        time.sleep(SETTLE_S)
        waiting = _insert(services, tasks)
        released = utcnow()
        series.contender.push(services, waiting)
        _wait(children, END_S, lambda: _ended(services, series.contender.queues))
    return tasks / _elapsed_s(services, tasks, released)


def _empty(services: Services, found: LocalStores) -> None:
    """Empty stores with the product's indexes, as a worker finds them that runs for a while."""
    services.queues.redis.flushall()
    services.queues.epoch.begin("bench")
    services.db.client.drop_database(services.db.name)
    create_indexes(services.db)
    found.prepare(services.db.name)


def _insert(services: Services, tasks: int) -> list[Task]:
    """Tasks that wait as if they had been submitted; only now, or the sweep would find their hints lost."""
    documents = fill.waiting(tasks)
    for batch in fill.batches(documents):
        services.db.tasks.insert_many(batch)
    return [Task.from_document(document) for document in documents]


@contextlib.contextmanager
def _started(series: Series, env: dict[str, str], folder: Path) -> Iterator[list[LocalProcess]]:
    children = series.contender.start(series.workers, env, folder / "log")
    try:
        yield children
    finally:
        for child in children:
            child.stop()


def _wait(children: list[LocalProcess], timeout_s: float, until: Callable[[], bool]) -> None:
    """Look five times a second, which costs the measured ones nothing to speak of."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline or not any(child.alive for child in children):
            words = "\n".join(child.last_words() for child in children)
            raise BenchError(f"{children[0].name} did not do its part. {words}")
        time.sleep(0.2)


def _ended(services: Services, queues: list[str]) -> bool:
    """The queues first: MongoDB is asked only when they are empty."""
    if any(services.queues.redis.llen(queue) for queue in queues):
        return False
    going = {"status": {"$in": ["queued", "running"]}, "priority": {"$in": [0, 1, 2]}}
    return services.db.tasks.find_one(going, {"_id": 1}) is None


def _elapsed_s(services: Services, tasks: int, released: datetime) -> float:
    fields = {"status": 1, "attempt": 1, "started_at": 1, "finished_at": 1, "result": 1}
    found = list(services.db.tasks.find({}, fields))
    right = [
        each for each in found if (each["status"], each["attempt"]) == ("succeeded", 1) and each["result"]
    ]
    if len(right) != tasks:
        raise BenchError(f"{tasks} tasks were inserted and {len(right)} have succeeded at the first attempt.")
    began: datetime = min(each["started_at"] for each in found)
    if began < released:
        raise BenchError("A task began before the hints were released.")
    ended: datetime = max(each["finished_at"] for each in found)
    return (ended - began).total_seconds()


Races = dict[tuple[str, int], Series]
"""All series of one store, by contender and workers."""


def race(servers: dict[str, tuple[LocalStores, Path]], given: argparse.Namespace) -> dict[str, Races]:
    """Every contender in every round on each store, after a pilot that finds how many tasks to give it."""
    races = [
        (name, Series(contender, workers, found, folder))
        for workers in WORKERS
        for contender in ALL
        for name, (found, folder) in servers.items()
    ]
    for _, series in races:
        series.tasks = given.tasks
        if not given.tasks:
            pilot = measure(series, series.contender.pilot)
            series.tasks = max(50, int(pilot * given.seconds / 10) * 10)
    for number in range(given.rounds):
        for name, series in races:
            series.rates.append(measure(series, series.tasks))
            title = f"{series.contender.name} x{series.workers} on {name}"
            report.say(f"round {number + 1}: {title} {series.rates[-1]:.0f}/s")
    return {name: {series.key: series for of, series in races if of == name} for name in servers}


def table(races: Races) -> str:
    """Ratios first. A ratio is the median of the ratios of each round."""
    rounds = len(next(iter(races.values())).rates)
    headings = [
        "",
        "workers",
        "to stock",
        "to the floor",
        f"tasks/s, median of {rounds}",
        "min to max",
        "tasks",
    ]
    rows = [
        [
            f"**{series.contender.title}**" if series.contender is OURS else series.contender.title,
            str(series.workers),
            _ratio(series, races[STOCK.name, series.workers]),
            _ratio(series, races[FLOOR.name, series.workers]),
            report.rounded(report.median(series.rates)),
            f"{report.rounded(min(series.rates))} to {report.rounded(max(series.rates))}",
            f"{series.tasks:,}",
        ]
        for series in races.values()
    ]
    return report.markdown(headings, rows)


def _ratio(ours: Series, theirs: Series) -> str:
    ratios = [mine / other for mine, other in zip(ours.rates, theirs.rates, strict=True)]
    return f"{report.rounded(report.median(ratios))} ×"


def compared(first: str, other: str, races: dict[str, Races]) -> str:
    """Return a table of ratios; each is the median of the ratios of each round."""
    headings = ["", "workers", f"{first} to {other}", f"tasks/s on {first}", f"tasks/s on {other}"]
    rows = [
        [
            series.contender.title,
            str(series.workers),
            _ratio(series, races[other][key]),
            *(report.rounded(report.median(races[name][key].rates)) for name in (first, other)),
        ]
        for key, series in races[first].items()
    ]
    return report.markdown(headings, rows)


def run(given: argparse.Namespace) -> None:
    """Start fresh servers, race, print and write."""
    with contextlib.ExitStack() as stack:
        servers: dict[str, tuple[LocalStores, Path]] = {}
        for kind in given.store:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            servers[kind.name] = stack.enter_context(stores(folder, mongo=kind)), folder
        races = race(servers, given)
        about = {name: _about(found) for name, (found, _) in servers.items()}
    for name, each in races.items():
        report.publish(f"{table(each)}\n\n{about[name]}", f"throughput {name}", given.write)
    first, *others = servers
    for other in others:
        text = f"{compared(first, other, races)}\n\n{about[first]}\n{other}: {about[other]}"
        report.publish(text, f"throughput {first} to {other}", given.write)


def _about(found: LocalStores) -> str:
    redis = connect(load({**found.addresses, "ENVIRONMENT": "local"})).queues.redis
    return report.machine(found, str(redis.info("server")["redis_version"]))


def main() -> None:
    parser = report.arguments(__doc__, several=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="about how long a round shall be")
    parser.add_argument("--tasks", type=int, default=0, help="tasks of a round, instead of its seconds")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
