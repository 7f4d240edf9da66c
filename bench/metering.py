"""What it costs a worker to count an attempt for `/metrics`, beside a control that counts nothing.

    python -m bench.metering [--attempts N]

CPU time of this process, the median of five rounds, in microseconds per attempt (started, ended, task ended).
Then the one line a second at most that hands the figures to the supervisor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import fakeredis
from bson import ObjectId

from app.core.clock import utcnow
from app.core.statistics.meter import Meter
from app.core.statistics.task_counts import TaskCounts
from app.core.tasks.document import new_document
from app.core.tasks.observer import Counting, NotCounted
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import NewTask, Task

ROUNDS = 5


def attempt() -> Task:
    """Return a task whose attempt has started."""
    now = utcnow()
    new = NewTask(type="noop", params={}, title="Nothing", priority=Priority.HIGH, max_attempts=3)
    return Task.from_document({**new_document(new, ObjectId(), now), "queued_at": now, "started_at": now})


def per_attempt_us(counting: Counting, attempts: int) -> float:
    """Return the CPU time of counting one attempt, in microseconds."""
    task, began = attempt(), time.process_time()
    for _ in range(attempts):
        counting.started(task)
        counting.attempt_ended(task, Ending.SUCCEEDED)
        counting.ended(task, Status.SUCCEEDED)
    return (time.process_time() - began) / attempts * 1e6


def handing_on_us(meter: Meter, lines: int = 2_000) -> float:
    """Return the CPU time of counting an attempt and writing the line with it, in microseconds."""
    began = time.process_time()
    for _ in range(lines):
        per_attempt_us(TaskCounts(meter), 1)
        json.dumps({"counted": meter.drain()})
    return (time.process_time() - began) / lines * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--attempts", type=int, default=20_000, metavar="N")
    attempts = parser.parse_args().attempts
    meter = Meter(fakeredis.FakeRedis())
    for title, counting in (("control", NotCounted()), ("counted", TaskCounts(meter))):
        times = [per_attempt_us(counting, attempts) for _ in range(ROUNDS)]
        print(f"{title}: {statistics.median(times):.1f} µs per attempt")
    print(f"a line to the supervisor: {handing_on_us(meter):.1f} µs, once a second at most")


if __name__ == "__main__":
    main()
