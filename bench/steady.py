"""Whether the rate holds: load at one rate for half an hour, while somebody has the list and Home open.

    python -m bench.steady [--minutes 30] [--rate 50] [--store NAME]

The core accepts tasks that do nothing, two workers run them, and a browser's polls go to the web server.
Minute by minute: tasks accepted and finished per second (from the documents, after the run), the backlog,
queue time and duration of tasks, answers of the list, what the MongoDB server holds. Exits with 1 when
the tasks finished per second in the last sixth differ by more than a fifth from those in the first sixth
after a warm-up of a minute, when the backlog has grown, or when a task is missing.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

from app.core.clock import utcnow
from app.core.mongo import Document
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from bench import fill, report, rig
from bench.rig import Customer, Repeated, Rig
from bench.samples import MB, resident
from tests.rig.person import Answer

SUBMITTERS = 4
WARM_UP = 1
"""In minutes."""
TOLERANCE = 0.2
BACKLOG_S = 5.0
"""The backlog may be what arrives in so many seconds."""
DRAIN_S = 120.0
SEED = 20261126
POLLED_ROWS = re.compile(r'class="rows-poll" hx-get="([^"]+)"')
POLLS = {"/tasks/counts": 10.0, "/pulse": 5.0, "/home/live": 3.0}
"""What an open list and an open Home ask for, and how often in seconds."""
LIST_EVERY_S = 2.0


@dataclass
class Submitter:
    """Gives tasks to the core, as the form's view does; not to be shared between threads."""

    running: Rig
    chance: random.Random
    at: list[datetime] = field(default_factory=list)

    def submit(self) -> None:
        words = [self.chance.choice(kind) for kind in (fill.VERBS, fill.THINGS, fill.PLACES)]
        priority = Priority(self.chance.randrange(3))
        new = NewTask("nothing", {}, " ".join(words).capitalize(), priority, max_attempts=5, timeout_s=60)
        self.running.services.dispatch.submit(new)
        self.at.append(utcnow())


@dataclass
class Viewer:
    """Asks for one page again and again; ``answers`` with the moment of each."""

    person: Customer
    path: str
    answers: list[tuple[datetime, Answer]] = field(default_factory=list)

    def look(self) -> None:
        """Ask for the page, and for the rows that an open list would then poll."""
        answer = self.person.get(self.path)
        self.answers.append((utcnow(), answer))
        for path in POLLED_ROWS.findall(answer.text):
            self.person.get(unescape(path))


@dataclass(frozen=True)
class Minute:
    """The state at the end of a minute."""

    at: datetime
    backlog: int
    resident_mb: float
    data_mb: float


def folder_mb(folder: Path) -> float:
    """Return the size of what a folder holds, in megabytes; files may vanish meanwhile."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_blocks * 512)
        except OSError:
            continue
    return sum(sizes) / MB


def watch(running: Rig, began: datetime, minutes: float) -> list[Minute]:
    """Look at the end of each minute, until the time is over."""
    seen: list[Minute] = []
    mongo = running.stores.mongo
    for number in range(1, round(minutes) + 1):
        time.sleep(max(0.0, (began + timedelta(minutes=number) - utcnow()).total_seconds()))
        backlog = sum(running.services.queues.depths().values())
        held = resident(mongo.pid) / MB if mongo else 0.0
        data = folder_mb(mongo.kind.data(running.folder)) if mongo else 0.0
        seen.append(Minute(utcnow(), backlog, held, data))
        report.say(f"minute {number}: backlog {backlog}, server {held:.0f} MB, data {data:.0f} MB")
    return seen


def drained(running: Rig, count: int) -> list[Document]:
    """Wait for the queues to be empty and for all to end; return the documents. Raises BenchError."""
    depths = running.services.queues.depths
    rig.wait(lambda: not sum(depths().values()), DRAIN_S, "the queues to be empty", running.workers)
    fields = {"queued_at": 1, "started_at": 1, "finished_at": 1, "status": 1}
    rig.wait(lambda: _running(running) == 0, DRAIN_S, "the last tasks to end", running.workers)
    found = list(running.services.db.tasks.find({}, fields))
    ended = [task for task in found if task["status"] == "succeeded"]
    if len(ended) != count:
        raise report.BenchError(f"{count:,} tasks were accepted and {len(ended):,} have succeeded.")
    return ended


def _running(running: Rig) -> int:
    query = {"status": {"$in": ["queued", "running"]}, "priority": {"$in": [0, 1, 2]}}
    return running.services.db.tasks.count_documents(query, limit=1)


@dataclass(frozen=True)
class Row:
    """The figures of one minute; times in milliseconds."""

    minute: Minute
    accepted: float
    finished: float
    queue_ms: list[float]
    duration_ms: list[float]
    list_ms: list[float]

    def cells(self, number: int) -> list[str]:
        times = [_both(values) for values in (self.queue_ms, self.duration_ms, self.list_ms)]
        seen = self.minute
        return [
            str(number),
            f"{self.accepted:.1f}",
            f"{self.finished:.1f}",
            f"{seen.backlog:,}",
            *times,
            f"{seen.resident_mb:,.0f}",
            f"{seen.data_mb:,.0f}",
        ]


def _both(values: list[float]) -> str:
    if not values:
        return ""
    return " / ".join(report.rounded(report.percentile(values, percent)) for percent in (50, 95))


def rows(
    minutes: list[Minute], accepted: list[datetime], tasks: list[Document], lists: Viewer
) -> Iterator[Row]:
    """Each minute's figures, from what was seen and from the documents."""
    for seen in minutes:
        since = seen.at - timedelta(minutes=1)
        ended = [task for task in tasks if since <= task["finished_at"] < seen.at]
        yield Row(
            seen,
            sum(since <= at < seen.at for at in accepted) / 60,
            len(ended) / 60,
            [_ms(task["started_at"] - task["queued_at"]) for task in ended],
            [_ms(task["finished_at"] - task["started_at"]) for task in ended],
            [answer.seconds * 1000 for at, answer in lists.answers if since <= at < seen.at],
        )


def _ms(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)


def judge(found: list[Row], rate: float) -> tuple[str, bool]:
    """Return a sentence about first and last minutes, and whether the rate held."""
    judged = found[WARM_UP:] or found
    share = max(1, len(found) // 6)
    first, last = judged[:share], judged[-share:]
    before, after = (report.median([row.finished for row in part]) for part in (first, last))
    backlog = report.median([row.minute.backlog for row in last])
    holds = abs(after / before - 1) <= TOLERANCE and backlog <= rate * BACKLOG_S if before else False
    verdict = "The rate holds" if holds else "**The rate does not hold**"
    return (
        f"{verdict}: {before:.1f} tasks finished per second in the first {share} minutes after the warm-up, "
        f"{after:.1f} in the last {share} ({after / before - 1:+.1%}); {backlog:,.0f} waiting then."
        if before
        else "**No task finished.**"
    ), holds


def load(running: Rig, given: argparse.Namespace) -> tuple[list[Minute], list[datetime], dict[str, Viewer]]:
    """The run itself."""
    submitters = [Submitter(running, random.Random(SEED + number)) for number in range(SUBMITTERS)]
    viewers = {path: Viewer(running.person(), path) for path in ("/tasks", *POLLS)}
    began = utcnow()
    threads = [Repeated(submitter.submit, SUBMITTERS / given.rate) for submitter in submitters]
    threads += [Repeated(viewer.look, POLLS.get(path, LIST_EVERY_S)) for path, viewer in viewers.items()]
    minutes = watch(running, began, given.minutes)
    for thread in threads:
        thread.stop()
    return minutes, [at for submitter in submitters for at in submitter.at], viewers


def pages(viewers: Iterable[Viewer]) -> str:
    """Return how each page answered over the whole run."""
    parts = []
    for viewer in viewers:
        times = [answer.seconds * 1000 for _, answer in viewer.answers]
        wrong = sum(answer.status != 200 for _, answer in viewer.answers)
        parts.append(f"`{viewer.path}` {_both(times)} ms" + (f", {wrong} without an answer" if wrong else ""))
    return "Pages, p50 / p95: " + "; ".join(parts) + "."


HEADINGS = [
    "minute",
    "accepted/s",
    "finished/s",
    "waiting",
    "queue time, ms",
    "duration, ms",
    "list, ms",
    "server, MB",
    "data, MB",
]


def run(given: argparse.Namespace) -> bool:
    """Load, print and write; returns whether the rate held."""
    with rig.running(given.store, workers=2, WORKER_RECYCLE_TASKS="1000000") as running:
        minutes, accepted, viewers = load(running, given)
        tasks = drained(running, len(accepted))
        redis = str(running.services.queues.redis.info("server")["redis_version"])
        about = report.machine(running.stores, redis)
    found = list(rows(minutes, accepted, tasks, viewers["/tasks"]))
    sentence, holds = judge(found, given.rate)
    table = report.markdown(HEADINGS, [row.cells(number) for number, row in enumerate(found, 1)])
    told = f"{len(accepted):,} tasks accepted, all succeeded. {sentence} {pages(viewers.values())}"
    report.publish(f"{table}\n\nTimes are p50 / p95. {told}\n\n{about}", f"steady {given.store}", given.write)
    return holds


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=50.0, help="tasks per second (%(default)s)")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
