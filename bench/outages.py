"""What people see, and what becomes of their tasks, while Redis, MongoDB or both are away.

    python -m bench.outages [--seconds 60] [--store NAME]

A store is gone (killed, and started again afterwards) or hangs (SIGSTOP, SIGCONT), while tasks run, are
created through the pages, and pages are looked at. Exits with 1 when an answer took longer than
`ANSWER_S` or did not say what is wrong, when an accepted task is not there or does not end, or when a
worker is not the same process as before.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from bson import ObjectId

from app.core.tasks.states import ENDED, Priority
from app.local.servers import Server
from bench import report, rig
from bench.report import BenchError
from bench.rig import Customer, Repeated, Rig
from tests.rig.person import Answer

STORES = {"Redis": ("redis",), "MongoDB": ("mongo",), "both": ("mongo", "redis")}
WAYS = ("gone", "hangs")
PAGES = ("/", "/tasks", "/tasks?status=failed", "/tasks/new", "/tasks/new/nap", "/tasks?q=nap")
ANSWER_S = 3.0
HOME_S = 15.0
END_S = 120.0
KINDS = ("nothing", "nap", "talk")
MONGODB_AWAY = "did not answer"
REDIS_AWAY = "The queue (Redis) does not answer."
SAVED = "starts when it is back"
SEEN_S = 2.5
"""What was known of the stores is shown for so long at most (`app.web.platform.pulse`)."""


@dataclass
class Outage:
    """One outage as it was seen; times in seconds."""

    store: str
    way: str
    seconds: float
    pages: list[Answer] = field(default_factory=list)
    forms: list[Answer] = field(default_factory=list)
    missing: int = 0
    unended: int = 0
    rescued: int = 0
    home_s: float = 0.0
    ended_s: float = 0.0
    same_workers: bool = True

    @property
    def title(self) -> str:
        return f"{self.store} {'hang' if (self.store, self.way) == ('both', 'hangs') else self.way}"

    def problems(self) -> list[str]:
        """Everything that is not as it must be."""
        found = [
            f"{what} took {answer.seconds:.1f} s"
            for what, answers in (("a page", self.pages), ("a form", self.forms))
            for answer in answers
            if answer.seconds > ANSWER_S
        ]
        found += [f"answer {each.status}: {each.text[:200]!r}" for each in self._unclear()]
        if not self.pages or not self.forms:
            found.append("nothing was asked")
        if self.missing or self.unended:
            found.append(f"{self.missing} accepted tasks are not there, {self.unended} did not end")
        if self.rescued:
            found.append(f"{self.rescued} tasks were taken from workers that live")
        if not self.same_workers:
            found.append("a worker is another process than before")
        if self.home_s > HOME_S:
            found.append(f"home was well only after {self.home_s:.1f} s")
        return found

    def _unclear(self) -> list[Answer]:
        """Answers that neither are what was asked for nor say which store is away."""
        if "mongo" in STORES[self.store]:
            return [each for each in (*self.pages, *self.forms) if not _refused_clearly(each)]
        silent = [each for each in self.pages if each.status != 200 or REDIS_AWAY not in each.text]
        return silent + [each for each in self.forms if each.status != 303]


def _refused_clearly(answer: Answer) -> bool:
    return answer.status == 503 and MONGODB_AWAY in answer.text


@contextlib.contextmanager
def away(stores: list[Server], way: str) -> Iterator[None]:
    """A block without these servers. Raises ChildError when one does not come back."""
    for server in stores:
        if way == "gone":
            server.kill()
        elif server.pid:
            psutil.Process(server.pid).send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for server in stores:
            if way == "gone":
                server.start()
            elif server.pid:
                psutil.Process(server.pid).send_signal(signal.SIGCONT)
            server.wait_ready(30)


def servers(running: Rig, store: str) -> list[Server]:
    return [server for name in STORES[store] if (server := getattr(running.stores, name))]


class People:
    """Somebody who creates tasks, and two who look at pages, each again and again until `leave`."""

    def __init__(self, running: Rig) -> None:
        self.forms: list[Answer] = []
        self.pages: list[Answer] = []
        self._pages = itertools.cycle(PAGES)
        self._chooses = threading.Lock()
        self._customer = running.person()
        self._customer.take_token()
        self._guest = running.person()
        self._guest.take_token()
        self.looker = running.person()
        watchers = [running.person(), running.person()]
        self._all = [Repeated(self._create, 0.3), *(self._watching(each) for each in watchers)]

    def _create(self) -> None:
        number = len(self.forms)
        kind, priority = KINDS[number % len(KINDS)], Priority(number % 3).word
        self.forms.append(self._customer.create(kind, priority))

    def runs_for(self, seconds: float) -> ObjectId:
        """Create a task that runs so long, with high priority. Raises BenchError."""
        answer = self._guest.create("nap", "high", seconds=seconds)
        if not answer.task:
            raise BenchError(f"A form was answered with {answer.status}.")
        return ObjectId(answer.task)

    def is_told_when_it_starts(self) -> ObjectId:
        """Create a task while Redis is away, and read its page. Raises BenchError."""
        answer = self._guest.create("nothing", "low")
        if not answer.task or SAVED not in self._guest.get(answer.location).text:
            raise BenchError("The page of a task that was created without Redis does not say when it starts.")
        return ObjectId(answer.task)

    def _watching(self, person: Customer) -> Repeated:
        def look() -> None:
            with self._chooses:
                page = next(self._pages)
            self.pages.append(person.get(page))

        return Repeated(look, 0.5)

    @property
    def accepted(self) -> list[ObjectId]:
        return [ObjectId(answer.task) for answer in self.forms if answer.task]

    def leave(self) -> None:
        for each in self._all:
            each.stop()


def suffer(running: Rig, store: str, way: str, seconds: float) -> Outage:
    """One outage from its begin to the end of every task. Raises BenchError when home is never well."""
    outage = Outage(store, way, seconds)
    before = {process.pid for process in running.roles()["supervisor"]}
    people = People(running)
    accepted = [people.runs_for(seconds + SEEN_S), people.runs_for(seconds / 2)]
    rig.wait(lambda: _running(running, accepted), 30, "two tasks to run", running.workers)
    with away(servers(running, store), way):
        time.sleep(SEEN_S)
        began = len(people.pages), len(people.forms)
        time.sleep(seconds - SEEN_S)
        outage.pages, outage.forms = people.pages[began[0] :], people.forms[began[1] :]
        if "mongo" not in STORES[store]:
            accepted.append(people.is_told_when_it_starts())
    back = time.monotonic()
    rig.wait(lambda: is_well(people.looker), 60, "home to be well again", running.web)
    outage.home_s = time.monotonic() - back
    people.leave()
    accepted += people.accepted
    outage.missing, outage.unended = settle(running, accepted)
    outage.ended_s = time.monotonic() - back
    taken = {"_id": {"$in": accepted}, "crashes": {"$gt": 0}}
    outage.rescued = running.services.db.tasks.count_documents(taken)
    outage.same_workers = {process.pid for process in running.roles()["supervisor"]} == before
    return outage


def _running(running: Rig, ids: list[ObjectId]) -> bool:
    return running.services.db.tasks.count_documents({"_id": {"$in": ids}, "status": "running"}) == len(ids)


def is_well(looker: Customer) -> bool:
    """Whether home answers and says of nothing that it is away."""
    answer = looker.get("/")
    return (
        answer.status == 200 and "does not answer" not in answer.text and "not answering" not in answer.text
    )


def settle(running: Rig, accepted: list[ObjectId]) -> tuple[int, int]:
    """Wait for the end of all; how many of them are not there, and how many do not end."""
    tasks = running.services.db.tasks
    ended = {"_id": {"$in": accepted}, "status": {"$in": [status.value for status in ENDED]}}
    deadline = time.monotonic() + END_S
    while tasks.count_documents(ended) < len(accepted) and time.monotonic() < deadline:
        time.sleep(0.2)
    there = tasks.count_documents({"_id": {"$in": accepted}})
    return len(accepted) - there, there - tasks.count_documents(ended)


def table(outages: list[Outage]) -> str:
    headings = [
        f"for {outages[0].seconds:g} s",
        "pages, by answer",
        "slowest, s",
        "forms, by answer",
        "slowest, s",
        "accepted, lost, stuck",
        "home well after, s",
        "all ended after, s",
        "taken from living workers",
        "workers",
    ]
    rows = [
        [
            each.title,
            _answers(each.pages),
            f"{max(answer.seconds for answer in each.pages):.2f}",
            _answers(each.forms),
            f"{max(answer.seconds for answer in each.forms):.2f}",
            f"{sum(bool(answer.task) for answer in each.forms)}, {each.missing}, {each.unended}",
            f"{each.home_s:.1f}",
            f"{each.ended_s:.1f}",
            str(each.rescued),
            "the same" if each.same_workers else "**others**",
        ]
        for each in outages
    ]
    return report.markdown(headings, rows)


def _answers(answers: list[Answer]) -> str:
    counts = Counter(answer.status for answer in answers)
    return ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(counts.items()))


def run(given: argparse.Namespace) -> bool:
    """Every outage one after another, print and write; returns whether all is as it must be."""
    outages = []
    with rig.running(given.store, workers=2) as running:
        for store, way in itertools.product(STORES, WAYS):
            outages.append(suffer(running, store, way, given.seconds))
            report.say("\n".join([outages[-1].title, *outages[-1].problems()[:10]]))
        redis = str(running.services.queues.redis.info("server")["redis_version"])
        about = report.machine(running.stores, redis)
    report.publish(f"{table(outages)}\n\n{about}", f"outages {given.store}", given.write)
    return not any(each.problems() for each in outages)


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each outage lasts")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
