"""Whether anything grows while the program runs: an hour of tasks through the pages, a fault a minute.

    python -m bench.soak [--minutes 60] [--rate 5] [--fault-every 60] [--store NAME]

Two web processes and two workers on real servers. Of each role the youngest process is the victim of
the faults, so that the eldest lives through the whole run, and it is the one whose memory is judged: the
median of the last sixth against that of the first sixth after a warm-up. Memory is what a process
would give back if it ended (USS). Exits with 1 when something grew, or a task was lost.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bson import ObjectId

from app.core.tasks.states import ENDED, Priority, Status
from app.local.servers import Server
from bench import report, rig
from bench.rig import Customer, Repeated, Rig
from bench.samples import Sample, judge, take
from bench.workload import MIX

SAMPLE_EVERY_S = 10.0
PAGES = ("/", "/tasks", "/tasks?status=failed", "/pulse", "/tasks/counts", "/tasks/new", "/tasks?q=nap")
DRAIN_S = 120.0
SEED = 20261124


@dataclass
class Customers:
    """Who creates tasks and looks at pages; ``accepted`` is what the pages promised."""

    person: Customer
    watcher: Customer
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    accepted: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    pages: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def create(self) -> None:
        kind = self.chance.choices(list(MIX), weights=list(MIX.values()))[0]
        priority = Priority(self.chance.randrange(3)).word
        answer = self.person.create(kind, priority)
        self.answers[answer.status] += 1
        if answer.task:
            self.accepted.append(answer.task)

    def look(self) -> None:
        latest = [f"/tasks/{self.accepted[-1]}"] if self.accepted else []
        answer = self.watcher.get(self.chance.choice([*PAGES, *latest]))
        self.pages[answer.status] += 1
        self.slowest_s = max(self.slowest_s, answer.seconds)


def kill_youngest(role: str) -> Callable[[Rig], None]:
    def kill(running: Rig) -> None:
        if len(processes := running.roles()[role]) > 1:
            processes[-1].kill()

    return kill


def restart(server: Server | None) -> None:
    """As after a crash. Raises ChildError when it does not come back."""
    if server:
        server.kill()
        server.start()
        server.wait_ready(30)


FAULTS: dict[str, Callable[[Rig], object]] = {
    "a worker's child killed": kill_youngest("child"),
    "a worker killed": kill_youngest("supervisor"),
    "a web process killed": kill_youngest("web worker"),
    "Redis killed and restarted": lambda running: restart(running.stores.redis),
    "MongoDB killed and restarted": lambda running: restart(running.stores.mongo),
    "FLUSHALL": lambda running: running.services.queues.redis.flushall(),
}


def soak(running: Rig, customers: Customers, given: argparse.Namespace) -> tuple[list[Sample], Counter[str]]:
    """The run itself: faults and samples here, as servers must be started from a thread that stays."""
    began = time.monotonic()
    samples: list[Sample] = []
    done: Counter[str] = Counter()
    faults = itertools.cycle(FAULTS.items())
    next_fault, next_sample = began + given.fault_every, began
    while time.monotonic() - began < given.minutes * 60:
        now = time.monotonic()
        if now >= next_sample:
            next_sample = now + min(SAMPLE_EVERY_S, given.minutes)
            samples.append(take(running, now - began))
            _keep(samples[-1], given.samples)
        if now >= next_fault:
            name, do = next(faults)
            next_fault = now + given.fault_every
            do(running)
            done[name] += 1
            report.say(f"{(now - began) / 60:.1f} min: {name}; accepted {len(customers.accepted):,}")
        time.sleep(0.2)
    return samples, done


def _keep(sample: Sample, path: Path | None) -> None:
    if path:
        with path.open("a") as kept:
            kept.write(json.dumps(asdict(sample)) + "\n")


def reconcile(running: Rig, accepted: list[str]) -> tuple[int, int]:
    """How many of the promised tasks are not there, and how many have not ended in time."""
    ids = {ObjectId(each) for each in accepted}
    tasks = running.services.db.tasks
    going = {"status": {"$nin": [status.value for status in ENDED]}}
    deadline = time.monotonic() + DRAIN_S
    while tasks.count_documents(going, limit=1) and time.monotonic() < deadline:
        time.sleep(0.5)
    found = {each["_id"]: each["status"] for each in tasks.find({}, {"status": 1})}
    stuck = [each for each in ids if each in found and not Status(found[each]).ended]
    return len(ids - found.keys()), len(stuck)


def run(given: argparse.Namespace) -> bool:
    """Soak, print and write; returns whether all is well."""
    with rig.running(given.store, workers=2, WORKER_RECYCLE_TASKS="1000000") as running:
        customers = Customers(running.person(), running.person())
        customers.person.take_token()
        threads = [Repeated(customers.create, 1 / given.rate), Repeated(customers.look, 1.0)]
        samples, faults = soak(running, customers, given)
        for thread in threads:
            thread.stop()
        lost, stuck = reconcile(running, customers.accepted)
        redis = str(running.services.queues.redis.info("server")["redis_version"])
        about = report.machine(running.stores, redis)
    table, grown = judge(samples)
    lines = [
        table,
        "",
        f"{given.minutes:g} minutes, {given.rate:g} forms a second: {len(customers.accepted):,} accepted, "
        f"{lost} lost, {stuck} stuck; forms by answer {_told(customers.answers)}; "
        f"pages by answer {_told(customers.pages)}, the slowest took {customers.slowest_s:.1f} s.",
        f"Faults: {', '.join(f'{name} {count} ×' for name, count in faults.items())}.",
        "",
        about,
    ]
    report.publish("\n".join(lines), f"soak {given.store}", given.write)
    return not (grown or lost or stuck)


def _told(counts: Counter[int]) -> str:
    return ", ".join(f"{status or 'none'}: {count:,}" for status, count in sorted(counts.items()))


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5.0, help="forms sent each second (%(default)s)")
    parser.add_argument("--fault-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="keep each sample, as JSON Lines")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
