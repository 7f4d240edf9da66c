"""What a round of maintenance costs with few tasks waiting and with a thousand times as many.

    python -m bench.maintenance [--sizes 1000 1000000] [--store NAME]

A round does everything that is ever due: lead, stage, push, rescue, sweep, prune, the clock. It is counted
twice: with nothing to repair, and with `REPAIRS` of each kind to repair. Every command to MongoDB and
Redis is counted, and the documents that come back; the counts of all sizes must be equal. Times are
told and not judged: the local servers read every candidate of a range, where MongoDB stops at the limit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from bson import ObjectId

from app.core.clock import utcnow
from app.core.listing.search_index import FORGOTTEN
from app.core.mongo import Document
from app.core.queue.recovery import OLDEST
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from app.core.tasks.document import new_document
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask, Task
from app.local import stores
from bench import fill, report
from bench.counted import Asked, Counted, connected
from config import Settings, load
from workers.maintenance import Maintenance
from workers.store_timeouts import patient

REPAIRS = 3
LEAST = 3 * (OLDEST + REPAIRS) + 3
"""So many must wait that the sweep sees as many as it ever looks at."""
TIMEOUT_MS = 60_000
ROUNDS = 5
BEGAN = utcnow()


def prepare(counted: Counted, waiting: int) -> None:
    """Empty stores, then so many tasks that wait; hints for the oldest of each queue, which are looked at."""
    services = counted.services
    services.db.client.drop_database(services.db.name)
    services.queues.redis.flushall()
    create_indexes(services.db)
    counted.servers.prepare(services.db.name)
    services.queues.epoch.begin("bench")
    began = utcnow() - timedelta(hours=1)
    for start in range(0, waiting, fill.BATCH):
        batch = fill.waiting(min(fill.BATCH, waiting - start))
        for number, document in enumerate(batch, start):
            document["queued_at"] = began + timedelta(milliseconds=number)
        services.db.tasks.insert_many(batch, ordered=False)
        if start < LEAST * 2:
            services.queues.push([Task.from_document(document) for document in batch])
        if start and start % 100_000 == 0:
            report.say(f"{start:,} of {waiting:,} tasks inserted")


def damage(services: Services) -> None:
    """`REPAIRS` of everything that maintenance repairs."""
    now = utcnow()
    long_ago, worker = now - timedelta(days=1), {"worker": "gone.1", "until": now - timedelta(minutes=1)}
    kinds: list[Document] = [
        {"status": Status.SCHEDULED.value, "run_at": long_ago},
        {"status": Status.RUNNING.value, "lease": worker, "attempt": 1, "started_at": long_ago},
        {"status": Status.SUCCEEDED.value, "finished_at": long_ago, "expire_at": long_ago, "attempt": 1},
        {"hint": "due"},
    ]
    new = NewTask(type="noop", params={}, title="Nothing", priority=Priority.HIGH, max_attempts=3)
    for values in kinds:
        for _ in range(REPAIRS):
            document = {**new_document(new, ObjectId(), now), **values}
            if document["status"] != Status.QUEUED.value:
                document.pop("hint")
            services.db.tasks.insert_one(document)
    services.db.words.insert_many([{"_id": f"gone{at}", "at": now - FORGOTTEN * 2} for at in range(REPAIRS)])
    for priority in Priority:
        for task in services.queries.oldest_dispatched(priority, REPAIRS):
            services.queues.remove([task])


def whole_round(services: Services) -> None:
    """Everything that is ever due, at once."""
    maintenance = Maintenance(services, "bench")
    maintenance._answered = time.monotonic()  # It would wait for a lease first, ...
    maintenance._leases_seen.unrenewed_s = 0.0  # ... and look twice.
    with patch("app.core.statistics.minutes.utcnow", lambda: BEGAN):  # Else some rounds have one minute more.
        maintenance.round()
    maintenance.resign()


def measure(counted: Counted, waiting: int, rounds: int = ROUNDS) -> tuple[Asked, Asked, float]:
    """A round with nothing to repair, one with repairs, and the usual seconds of the former."""
    prepare(counted, waiting)
    whole_round(counted.services)
    with counted.count() as quiet:
        whole_round(counted.services)
    times = []
    for _ in range(rounds):
        with counted.count() as again:
            whole_round(counted.services)
        times.append(again.seconds)
    damage(counted.services)
    with counted.count() as busy:
        whole_round(counted.services)
    return quiet, busy, report.median(times)


def patient_settings(addresses: dict[str, str]) -> Settings:
    """A slow store is to be measured, not to be given up."""
    settings = patient(load({**os.environ, **addresses, "ENVIRONMENT": "local"}))
    return replace(settings, mongodb_timeout_ms=TIMEOUT_MS, redis_timeout_ms=TIMEOUT_MS)


def run(given: argparse.Namespace) -> bool:
    """Measure each size, print and write; returns whether the counts are equal."""
    found: dict[int, tuple[Asked, Asked, float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        stores(Path(name), mongo=given.store) as servers,
        connected(patient_settings(servers.addresses), servers) as counted,
    ):
        for size in given.sizes:
            found[size] = measure(counted, size)
            report.say(f"{size:,} waiting: {found[size][2]:.2f} s a round")
        about = report.machine(servers, str(counted.services.queues.redis.info("server")["redis_version"]))
    apart = differing(list(found.values()))
    verdict = f"**The counts differ**: {apart}." if apart else "The counts are equal, command by command."
    report.publish(f"{table(found)}\n\n{verdict}\n\n{about}", f"maintenance {given.store}", given.write)
    return not apart


def differing(measured: list[tuple[Asked, Asked, float]]) -> str:
    """The commands whose number is not the same in all sizes, with their numbers."""
    apart = []
    for title, rounds in zip(("nothing to repair", "repairs"), zip(*measured, strict=True), strict=False):
        figures = [asked.figures for asked in rounds if isinstance(asked, Asked)]
        for name in sorted(set().union(*figures)):
            if len({each[name] for each in figures}) > 1:
                apart.append(f"{title}, {name}: {', '.join(str(each[name]) for each in figures)}")
    return "; ".join(apart)


def table(found: dict[int, tuple[Asked, Asked, float]]) -> str:
    headings = [
        "tasks waiting",
        "a round",
        "MongoDB commands",
        "documents returned",
        "Redis commands",
        "seconds",
    ]
    rows = []
    for size, (quiet, busy, seconds) in found.items():
        for title, asked, took in (("nothing to repair", quiet, seconds), ("repairs", busy, busy.seconds)):
            rows.append(
                [
                    f"{size:,}",
                    title,
                    f"{sum(asked.mongo.values()):,}",
                    f"{asked.documents:,}",
                    f"{sum(asked.redis.values()):,}",
                    report.rounded(took),
                ]
            )
    return report.markdown(headings, rows)


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 1_000_000], metavar="N")
    given = parser.parse_args()
    if min(given.sizes) < LEAST:
        parser.error(f"at least {LEAST:,} tasks must wait")
    sys.exit(0 if run(given) else 1)


if __name__ == "__main__":
    main()
