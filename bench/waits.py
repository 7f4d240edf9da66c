"""`python -m bench.waits`: how far off the estimates of waits are, without any server.

    python -m bench.waits [--tasks 100] [--runs 20]

Tasks of six types, from 2 s to 5 min with a spread, come at random to three workers, which they keep busy,
with three priorities; two types tell their progress. Each estimate is made when its task is created, then the
tasks run as they do in the product: strictly by priority, also those that come later. The control is the
estimate without what runs: the place in the line times the mean duration, by the number of workers.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from app.core.listing.waits import left_s, start_s

WORKERS = 3
TYPES = {"ping": 2.0, "check": 8.0, "clean": 20.0, "convert": 45.0, "report": 120.0, "train": 300.0}
REPORTING = ("clean", "report")
"""These tell their progress, which is off by up to a tenth."""
SPREAD = 0.25
TIMEOUT_S = 3_600.0
RECENT = 20
GAP_S = 27.0


@dataclass(order=True)
class Job:
    """A task; ``estimate_s`` is from its creation on, as is ``control_s``."""

    priority: int
    created: float
    number: int
    kind: str = field(compare=False)
    seconds: float = field(compare=False)
    precision: float = field(compare=False)
    started: float = field(compare=False, default=0.0)
    estimate_s: float = field(compare=False, default=0.0)
    control_s: float = field(compare=False, default=0.0)


def durations(random_: random.Random, kind: str, count: int) -> list[float]:
    """Return so many durations of a type."""
    return [TYPES[kind] * random_.lognormvariate(0, SPREAD) for _ in range(count)]


def simulate(tasks: int, seed: int) -> list[Job]:
    """Return tasks that have run, with the estimates that were made of when they would start."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    recent = {kind: durations(dice, kind, RECENT) for kind in TYPES}
    jobs, at = [], 0.0
    for number in range(tasks):
        at += dice.expovariate(1 / GAP_S)
        kind = dice.choice(list(TYPES))
        seconds, precision = durations(dice, kind, 1)[0], dice.uniform(0.9, 1.1)
        jobs.append(Job(dice.choice((0, 1, 1, 1, 2)), at, number, kind, seconds, precision))
    waiting: list[Job] = []
    running: list[tuple[float, Job]] = []

    def run_until(moment: float) -> None:
        while running and running[0][0] <= moment:
            ended, _ = heapq.heappop(running)
            if waiting:
                begin(heapq.heappop(waiting), ended)

    def begin(job: Job, now: float) -> None:
        job.started = now
        heapq.heappush(running, (now + job.seconds, job))

    for job in jobs:
        run_until(job.created)
        ahead = sorted(other for other in waiting if other < job)
        _estimate(job, ahead, [each for _, each in running], recent)
        if len(running) < WORKERS:
            begin(job, job.created)
        else:
            heapq.heappush(waiting, job)
    run_until(float("inf"))
    return jobs


def _estimate(job: Job, ahead: list[Job], running: list[Job], recent: dict[str, list[float]]) -> None:
    means = {kind: fmean(found) for kind, found in recent.items()}
    free = [0.0] * (WORKERS - len(running))
    for each in running:
        ran = job.created - each.started
        said = min(1.0, ran / each.seconds * each.precision) if each.kind in REPORTING else None
        free.append(left_s(ran, recent[each.kind], TIMEOUT_S, said) or 0.0)
    job.estimate_s = start_s(free, [means[each.kind] for each in ahead])
    if len(running) == WORKERS:
        job.control_s = (len(ahead) + 1) * fmean(means.values()) / WORKERS


def errors(jobs: Sequence[Job]) -> tuple[list[float], list[float]]:
    """Return the relative errors of the estimates and of the control, of tasks that had to wait for 5 s."""
    waited = [job for job in jobs if job.started - job.created >= 5]
    actual = [job.started - job.created for job in waited]
    return (
        [abs(job.estimate_s - real) / real for job, real in zip(waited, actual, strict=True)],
        [abs(job.control_s - real) / real for job, real in zip(waited, actual, strict=True)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    ours: list[float] = []
    control: list[float] = []
    medians: list[float] = []
    for seed in range(given.runs):
        one, other = errors(simulate(given.tasks, seed))
        ours, control = ours + one, control + other
        medians.append(median(one) if one else 0.0)
    print(f"{len(ours):,} tasks waited in {given.runs} runs of {given.tasks}")
    print(f"median error: {median(ours):.0%} (worst run {max(medians):.0%}); control: {median(control):.0%}")


if __name__ == "__main__":
    main()
