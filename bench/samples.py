"""What a running program uses, sampled; and whether it grew."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from app.core.tasks.states import Status
from bench import report
from bench.rig import Rig

MB = 2**20
WARM_UP = 1 / 12
"""Of the run: caches, pools and arenas fill first."""
GROWTH = 0.05
FEW_MB = 1.0
FEW = 3

Value = Callable[["Sample"], float | None]


@dataclass(frozen=True)
class Used:
    """One process at one moment; memory in bytes."""

    role: str
    pid: int
    uss: int
    rss: int
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Sample:
    """Everything at one moment; None where a store did not answer just then."""

    at_s: float
    processes: list[Used]
    zombies: int
    left_over: int
    redis_keys: int | None
    redis_members: int | None
    redis_memory: int | None
    statuses: dict[str, int] | None
    stores: dict[str, int]


def take(running: Rig, at_s: float) -> Sample:
    """Look at everything once."""
    keys, members, memory = _of_redis(running)
    return Sample(
        at_s,
        list(_processes(running)),
        _zombies(running),
        sum(1 for _ in (running.folder / "tmp").iterdir()),
        keys,
        members,
        memory,
        _statuses(running),
        {server.name: resident(server.pid) for server in running.stores.servers},
    )


def _processes(running: Rig) -> Iterator[Used]:
    for role, processes in running.roles().items():
        for process in processes:
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                yield Used(
                    role, process.pid, memory.uss, memory.rss, process.num_fds(), process.num_threads()
                )


def _zombies(running: Rig) -> int:
    count = 0
    for child in (running.web, running.workers):
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(child.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    count += process.status() == psutil.STATUS_ZOMBIE
    return count


def _of_redis(running: Rig) -> tuple[int | None, int | None, int | None]:
    """Keys, members of RQ's register of workers (it would grow inside one key), and memory."""
    redis = running.services.queues.redis
    try:
        members = redis.scard("rq:workers")
        return redis.dbsize(), int(members), int(redis.info("memory")["used_memory"])
    except (RedisError, OSError):
        return None, None, None


def _statuses(running: Rig) -> dict[str, int] | None:
    tasks = running.services.db.tasks
    every = {"$in": [0, 1, 2]}
    try:
        return {
            each.value: tasks.count_documents({"status": each.value, "priority": every}) for each in Status
        }
    except PyMongoError:
        return None


def resident(pid: int | None) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    return 0


@dataclass(frozen=True)
class Row:
    """A line of the table: ``grew`` is None for what is told and not judged."""

    name: str
    first: float
    last: float
    unit: str
    grew: bool | None

    def cells(self) -> list[str]:
        change = f"{(self.last / self.first - 1) * 100:+.1f} %" if self.first else ""
        verdict = "" if self.grew is None else "**grew**" if self.grew else "flat"
        return [
            self.name,
            *(f"{value:,.1f}{self.unit}" for value in (self.first, self.last)),
            change,
            verdict,
        ]


def judge(samples: list[Sample]) -> tuple[str, list[Row]]:
    """The table of the whole run, and the rows that grew."""
    end = samples[-1].at_s
    warm = end * WARM_UP
    first = [each for each in samples if warm <= each.at_s <= warm + end / 6]
    last = [each for each in samples if each.at_s >= end * 5 / 6]
    rows = [*_of_processes(first, last), *_of_the_rest(first, last)]
    headings = ["", "first sixth, median", "last sixth, median", "change", "verdict"]
    return report.markdown(headings, [row.cells() for row in rows]), [row for row in rows if row.grew]


def _of_processes(first: list[Sample], last: list[Sample]) -> Iterator[Row]:
    """The eldest of each role: one that lived from the first of the samples to the last."""
    for role, pid in _eldest(first, last):

        def middle(of: list[Sample], value: Callable[[Used], float], pid: int = pid) -> float:
            return report.median([value(used) for each in of for used in each.processes if used.pid == pid])

        uss, rss = (lambda used: used.uss / MB), (lambda used: used.rss / MB)
        before, after = middle(first, uss), middle(last, uss)
        grew = after > before * (1 + GROWTH) and after > before + FEW_MB
        yield Row(f"{role}: memory (USS)", before, after, " MB", grew)
        yield Row(f"{role}: resident (RSS)", middle(first, rss), middle(last, rss), " MB", None)
        for name, value in (
            ("descriptors", lambda used: used.descriptors),
            ("threads", lambda used: used.threads),
        ):
            before, after = middle(first, value), middle(last, value)
            yield Row(f"{role}: {name}", before, after, "", after > before + FEW)


def _eldest(first: list[Sample], last: list[Sample]) -> Iterator[tuple[str, int]]:
    everywhere = set.intersection(*({used.pid for used in each.processes} for each in [*first, *last]))
    found: dict[str, int] = {}
    for used in first[0].processes:
        if used.pid in everywhere:
            found.setdefault(used.role, used.pid)
    yield from found.items()


def _of_the_rest(first: list[Sample], last: list[Sample]) -> Iterator[Row]:
    judged: dict[str, Value] = {
        "Redis: keys": lambda each: each.redis_keys,
        "Redis: workers registered": lambda each: each.redis_members,
        "zombies": lambda each: each.zombies,
        "temporary folder: entries": lambda each: each.left_over,
    }
    for name, value in judged.items():
        before, after = _middle(first, value), _middle(last, value)
        yield Row(name, before, after, "", after > before + FEW)
    yield _told(first, last, "Redis: memory by its own count", lambda each: each.redis_memory)
    for store in first[0].stores:
        yield _told(first, last, f"{store} server: resident", _of_store(store))


def _of_store(name: str) -> Value:
    return lambda each: each.stores[name]


def _told(first: list[Sample], last: list[Sample], name: str, value: Callable[[Sample], float | None]) -> Row:
    return Row(name, _middle(first, value) / MB, _middle(last, value) / MB, " MB", None)


def _middle(of: list[Sample], value: Value) -> float:
    known = [found for each in of if (found := value(each)) is not None]
    return report.median(known) if known else float("nan")
