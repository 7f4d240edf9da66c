"""`python -m bench.streams`: what 200 event streams cost the web server, and how soon they tell.

    python -m bench.streams [--store NAME] [--streams 200] [--write docs/explanation/benchmarks.md]

Each session has four streams, the most that one browser may have. All streams are on one web process, as
under `make up`. The control is the same server without streams, in turns with it. Takes five minutes.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from app.core.people.roles import Role
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from bench import report
from bench.report import BenchError, percentile, rounded
from bench.rig import Customer, Repeated, Rig, running, wait
from tests.signing_in import cookie_header, cookies_over_http, link

MARK = "streams"
TASK = re.compile(rb'"([0-9a-f]{24})"')
PER_SESSION = 4
PER_USER = 40
UPDATES = 8
BUSY_PER_S = 10
BUSY_S = 8.0
IDLE_S = 10.0
LISTS = 100
TASKS = 500
MOST_UPDATE_S, MOST_RATIO, MOST_IDLE = 1.0, 1.5, 3.0


class Watchers:
    """Many streams, read by one thread. ``named`` has when a stream first named a task."""

    def __init__(self) -> None:
        self.count = self.ended = 0
        self.named: dict[tuple[int, str], float] = {}
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []

    def add(self, port: int, cookie: str) -> None:
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._sockets.append(sock)
        sock.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        if b" 200 " not in sock.recv(64):
            raise BenchError(f"Stream {self.count + 1} was refused.")
        self._selector.register(sock, selectors.EVENT_READ, self.count)
        self.count += 1

    def look(self) -> None:
        """Read what has come."""
        for key, _ in self._selector.select(0.2):
            data, now = self._sockets[key.data].recv(65536), time.monotonic()
            if not data:
                self._selector.unregister(key.fileobj)
                self.ended += 1
            for task in TASK.findall(data):
                self.named.setdefault((key.data, task.decode()), now)

    def latencies(self, created: dict[str, float]) -> list[float]:
        """Return after how many seconds each stream named each task, whose creation began then."""
        found = [
            self.named[number, task] - began
            for task, began in created.items()
            for number in range(self.count)
            if (number, task) in self.named
        ]
        if len(found) != len(created) * self.count:
            missing = len(created) * self.count - len(found)
            raise BenchError(f"{missing} of {len(created) * self.count} updates were not told.")
        return found

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()


def cookies(rig: Rig, streams: int) -> list[str]:
    """Return the cookie of each stream: sessions of several users."""
    users = [
        rig.services.people.users.add(f"Watcher {number}", Role.VIEWER)
        for number in range(-(-streams // PER_USER))
    ]
    sessions = [
        cookie_header(cookies_over_http(rig.port, link(rig.services, name=users[number // PER_USER].name)))
        for number in range(0, streams, PER_SESSION)
    ]
    return [sessions[number // PER_SESSION] for number in range(streams)]


@contextmanager
def watching(rig: Rig, held: list[str]) -> Iterator[Watchers]:
    """A stream for each cookie, all of them open, and the thread that reads them."""
    watchers = Watchers()
    for cookie in held:
        watchers.add(rig.port, cookie)
    reader = Repeated(watchers.look, 0.0)
    try:
        yield watchers
    finally:
        reader.stop()
        watchers.close()


def submit(rig: Rig) -> tuple[str, float]:
    """Create a task, as a program would; returns its ID and when that began."""
    began = time.monotonic()
    new = NewTask(type="nothing", params={}, title="Nothing", owner="bench", priority=Priority.MEDIUM)
    return str(rig.services.dispatch.submit(new).task.id), began


@contextmanager
def work(rig: Rig) -> Iterator[dict[str, float]]:
    """A steady load of small tasks; yields when each was created."""
    created: dict[str, float] = {}
    steady = Repeated(lambda: created.update([submit(rig)]), 1 / BUSY_PER_S)
    try:
        yield created
    finally:
        steady.stop()


def lists_s(rig: Rig, person: Customer, count: int) -> list[float]:
    """Return how long so many looks at the list took, under load, in seconds."""
    with work(rig):
        looks = [person.get("/tasks") for _ in range(count)]
    if any(look.status != 200 for look in looks):
        raise BenchError("A list was not answered.")
    return [look.seconds for look in looks]


def idle_percent(rig: Rig, seconds: float) -> float:
    """Return how much of a core the web takes while nothing happens."""
    web = [process for role in ("web master", "web worker") for process in rig.roles()[role]]
    before = sum(_cpu_s(process) for process in web)
    time.sleep(seconds)
    return 100 * (sum(_cpu_s(process) for process in web) - before) / seconds


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def threads(rig: Rig) -> int:
    return max(process.num_threads() for process in rig.roles()["web worker"])


def quiet(rig: Rig) -> None:
    """Wait until no task is waiting or running."""
    wait(lambda: not rig.services.db.tasks.find_one({"status": {"$in": ["queued", "running"]}}), 120, "idle")
    time.sleep(1)


def published(rig: Rig) -> int:
    stats = rig.services.queues.redis.info("commandstats").get("cmdstat_publish", {})
    return int(stats.get("calls", 0))


def publishes_per_task(rig: Rig, count: int) -> float:
    """Return how many PUBLISH a task costs from creation to end, the steady load of one worker behind it."""
    before = published(rig)
    for _ in range(count):
        submit(rig)
    quiet(rig)
    return (published(rig) - before) / count


@dataclass
class Measured:
    """One side, with or without streams: p95 of the list per round in s, percent of a core, threads."""

    lists: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    threads: int = 0

    def add(self, rig: Rig, person: Customer, lists: int) -> None:
        """One round."""
        self.lists.append(percentile(lists_s(rig, person, lists), 95))
        quiet(rig)
        self.idle.append(idle_percent(rig, IDLE_S))
        self.threads = threads(rig)


def told_s(rig: Rig, watchers: Watchers, updates: int) -> list[float]:
    """Return the latencies of single updates, one every 1 to 1.5 s."""
    created: dict[str, float] = {}
    for number in range(updates):
        created.update([submit(rig)])
        time.sleep(1 + number % 6 / 10)
    return watchers.latencies(created)


def busy_s(rig: Rig, watchers: Watchers) -> list[float]:
    """Return the latencies of updates while all the time some come."""
    with work(rig) as created:
        time.sleep(BUSY_S)
    time.sleep(3)
    return watchers.latencies(created)


def run(given: argparse.Namespace) -> bool:
    without, beside = Measured(), Measured()
    single: list[float] = []
    busy: list[float] = []
    with running(given.store, 1, WEB_CONCURRENCY="1") as rig:
        person, held = rig.person(), cookies(rig, given.streams)
        lists_s(rig, person, 30)  # everything is warm
        for number in range(given.rounds):
            report.say(f"Round {number + 1} of {given.rounds} ...")
            quiet(rig)
            without.add(rig, person, given.lists)
            with watching(rig, held) as watchers:
                beside.add(rig, person, given.lists)
                single += told_s(rig, watchers, given.updates)
                busy += busy_s(rig, watchers)
                if watchers.ended:
                    raise BenchError(f"{watchers.ended} streams ended by themselves.")
        quiet(rig)
        cost = publishes_per_task(rig, TASKS)
        about = report.machine(rig.stores, rig.services.queues.redis.info("server")["redis_version"])
    ratios = [many / none for none, many in zip(without.lists, beside.lists, strict=True)]
    ratio = report.median(ratios)
    spread = f"{ratio:.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"
    none_ms, many_ms = (rounded(1000 * report.median(side.lists)) for side in (without, beside))
    rows = [
        ("an update reaches all streams, p50 / p95 / longest, ms", "", _three(single), ""),
        (f"the same with {BUSY_PER_S} tasks/s running, ms", "", _three(busy), ""),
        ("list, p95, ms", none_ms, many_ms, spread),
        ("web while nothing happens, percent of a core", *(_share(side) for side in (without, beside)), ""),
        ("threads of the web process", str(without.threads), str(beside.threads), ""),
        ("PUBLISH per task", f"{cost:.2f}", "", ""),
    ]
    headings = ("", "without", f"with {given.streams} streams", "ratio, median of the rounds")
    options = f"`--streams {given.streams} --lists {given.lists} --rounds {given.rounds}`."
    text = f"{report.markdown(headings, rows)}\n\n{about}\n{options}"
    report.publish(text, f"{MARK} {given.store.name}", given.write)
    slowest = max(percentile(single, 95), percentile(busy, 95))
    return slowest < MOST_UPDATE_S and ratio < MOST_RATIO and max(beside.idle) < MOST_IDLE


def _share(side: Measured) -> str:
    return f"{report.median(side.idle):.2f}"


def _three(seconds: list[float]) -> str:
    found = (percentile(seconds, 50), percentile(seconds, 95), max(seconds))
    return " / ".join(rounded(1000 * one) for one in found)


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--lists", type=int, default=LISTS, help="looks at the list per side")
    parser.add_argument("--updates", type=int, default=UPDATES, help="single updates per round")
    parser.add_argument("--rounds", type=int, default=5, help="each without streams, then with them")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
