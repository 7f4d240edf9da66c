"""How long the list of tasks takes: through the real web server, in the core, and done naively.

    python -m bench.lists [--store NAME ...] [--tasks N] [--requests 30]

With MONGODB_URI and REDIS_URL in the environment it measures these servers instead, in an empty database; so
anybody with a mongod can print 1,000,000 tasks:

    MONGODB_URI=mongodb://127.0.0.1:27017/lists REDIS_URL=redis://127.0.0.1:6379/1 \\
        python -m bench.lists --tasks 1000000

The store is filled with a month of tasks in all states. Each view is asked for one request at a
time; with several stores in turns of some requests each, view by view, and a further table compares the
first store with each other one. The control reads the same collection the way it is often done: `skip`
and `limit`, a count of everything that matches, a regular expression as search.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from app.core.clock import utcnow
from app.core.listing.cursors import Page
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Listing
from app.core.mongo import Document
from app.core.services import Services, connect
from app.core.tasks.states import Priority, Status
from app.local import LocalStores, stores
from app.local.kinds import ServerKind
from bench import fill, report
from bench.report import BenchError
from config import load
from tests.rig.person import cookie_header
from tests.rig.web import Web
from workers.store_timeouts import patient

USUAL_TASKS = {"wheel": 10_000, "python": 10_000}
MANY_TASKS = 100_000
READY_S = 30.0
COUNTS_KEPT_S = 1.05
CONTROL_S = 20.0
FEWEST = 3
TURNS = 3
LINK = re.compile(rb'href="/tasks/[0-9a-f]{24}"')

Ask = Callable[[], object]


@dataclass(frozen=True)
class View:
    """One thing a person looks at; ``naive`` is the control where there is one."""

    title: str
    path: str
    core: Ask
    naive: Ask | None = None
    pause_s: float = 0.0
    """Before each request: what the web server keeps for a second is asked for when it is gone."""


class Pages:
    """The web server as in production, one process, over one connection that is kept."""

    def __init__(self, found: LocalStores, folder: Path, services: Services) -> None:
        # A slow page is to be measured, not to be given up.
        env = {**found.addresses, "ENVIRONMENT": "local", "MONGODB_TIMEOUT_MS": "30000"}
        web = Web(env, folder / "log" / "web.log")
        self.server = web.child
        web.start(READY_S)
        self._headers = {"Cookie": cookie_header(web.person(services).cookies)}
        self._connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)

    def get(self, path: str) -> bytes:
        """The page, whole. Raises BenchError for anything but 200."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise BenchError(f"{path}: {answer.status}. {self.server.last_words()}")
        return body

    def afresh(self) -> None:
        """Connect again: the server does not keep a connection that was idle for seconds."""
        self._connection.close()


def middle(services: Services, count: int) -> TaskFilter:
    """The page in the middle of the list, reached as a person would, page after page."""
    wanted = TaskFilter(per_page=200)
    for _ in range(count // 2 // wanted.per_page):
        wanted = TaskFilter(per_page=200, after=services.listing.page(wanted).next)
    return TaskFilter(after=wanted.after)


def views(services: Services, count: int) -> list[View]:
    """Everything that is asked for."""
    rare = TaskFilter(q=fill.rare_word(count // 2))
    return [
        _view(services, "first page", TaskFilter(), _naive(services, {})),
        _view(services, "page in the middle", middle(services, count), _naive(services, {}, skip=count // 2)),
        *(_view(services, f"status {each.value}", TaskFilter(status=each.value)) for each in Status),
        *(_view(services, f"priority {each.word}", TaskFilter(priority=each.word)) for each in Priority),
        _view(
            services,
            "status failed, priority high",
            TaskFilter(status="failed", priority="high"),
            _naive(services, {"status": "failed", "priority": 0}),
        ),
        _view(services, "one type", TaskFilter(type="monthly_report")),
        _view(services, "newest ended first", TaskFilter(sort="finished")),
        _view(
            services,
            "search, one of ten",
            TaskFilter(q=fill.COMMON_WORD),
            _search(services, fill.COMMON_WORD),
        ),
        _view(services, "search, one of all", rare, _search(services, rare.q)),
        *(
            _view(services, title, TaskFilter.parse({name: [text] for name, text in given.items()}), control)
            for title, given, control in operators(services)
        ),
        View("counts of all tabs", "/tasks/counts", _fresh_counts(services), pause_s=COUNTS_KEPT_S),
        View("home page", "/", services.stats.queues),
    ]


def operators(services: Services) -> list[tuple[str, dict[str, str], Ask | None]]:
    """The filters and sorts for operators: a title, what is typed or chosen, and the control."""
    week = f"{utcnow() - timedelta(days=7):%Y-%m-%d}"
    return [
        ("two statuses", {"q": "status:failed,canceled"}, None),
        ("one worker", {"q": "worker:host.7"}, _naive(services, {"history.worker": {"$regex": "^host.7"}})),
        ("words of an error", {"q": "error:503"}, _naive(services, {"error.message": {"$regex": "503"}})),
        ("an input, one of a hundred", {"q": "value7"}, None),
        ("created in a week", {"q": f"after:{week}"}, None),
        ("finished in a week, one type", {"q": f"finished_after:{week} type:monthly_report"}, None),
        ("failed of a worker, created in a week", {"q": f"status:failed worker:host.7 after:{week}"}, None),
        ("by priority", {"sort": "priority"}, None),
        ("by priority, one type", {"sort": "priority", "type": "monthly_report"}, None),
        ("by duration", {"sort": "duration"}, lambda: _by_duration(services)),
        ("by queue time, one status", {"sort": "queue_time", "status": "succeeded"}, None),
        ("by start", {"sort": "started", "order": "asc"}, None),
    ]


def _by_duration(services: Services) -> list[Document]:
    """Read all and sort them here, as few servers of the wheels sort by what is computed."""
    fields = {"started_at": 1, "finished_at": 1}
    found = services.db.tasks.find({"status": "succeeded"}, fields)
    return sorted(found, key=lambda task: task["finished_at"] - task["started_at"])[-25:]


def _view(services: Services, title: str, wanted: TaskFilter, naive: Ask | None = None) -> View:
    path = f"/tasks?{urlencode(wanted.args(after=wanted.after))}"
    return View(title, path, lambda: services.listing.page(wanted), naive)


def _naive(services: Services, query: Document, skip: int = 0) -> Ask:
    tasks = services.db.tasks
    return lambda: (
        list(tasks.find(query).sort([("created_at", -1)]).skip(skip).limit(25)),
        tasks.count_documents(query),
    )


def _fresh_counts(services: Services) -> Ask:
    """With a listing of its own each time: none remembers."""
    return lambda: Listing(services.db).counts(TaskFilter())


def _search(services: Services, word: str) -> Ask:
    return _naive(services, {"title": {"$regex": word, "$options": "i"}})


def times_ms(ask: Ask, requests: int, pause_s: float = 0.0, budget_s: float = math.inf) -> list[float]:
    """So many times after one that does not count; when it is too slow for that, at least `FEWEST`."""
    ask()
    taken: list[float] = []
    while len(taken) < requests and (len(taken) < FEWEST or sum(taken) < budget_s * 1000):
        time.sleep(pause_s)
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


@dataclass
class Site:
    """One filled store with a web server on it, and the times of each view; by view."""

    name: str
    services: Services
    web: Pages
    views: list[View]
    about: str
    times: dict[str, Times] = field(default_factory=dict)


@dataclass
class Times:
    """Milliseconds of one view: through the web server, in the core, and done naively."""

    web: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)

    @property
    def p50(self) -> tuple[float, float]:
        return report.median(self.web), report.median(self.core)


def ask(site: Site, view: View, requests: int) -> None:
    """So many requests of each kind. Raises BenchError for a page without tasks."""
    times = site.times.setdefault(view.title, Times())
    site.web.afresh()
    if view.path.startswith("/tasks?") and not LINK.search(site.web.get(view.path)) and _has_tasks(view):
        raise BenchError(f"{view.path} shows no tasks.")
    times.web += times_ms(lambda: site.web.get(view.path), requests, view.pause_s)
    times.core += times_ms(view.core, requests)
    if view.naive:
        times.naive += times_ms(view.naive, requests, budget_s=CONTROL_S / TURNS)
    report.say(f"{view.title} on {site.name}: {times.p50[0]:.1f} ms")


def _has_tasks(view: View) -> bool:
    """Return whether a list is not empty, which a narrow one is where there are few tasks."""
    found = view.core()
    return not isinstance(found, Page) or bool(found.tasks)


def row(title: str, times: Times) -> list[str]:
    """Ratio and times of one view."""
    naive = times.naive
    ratio = f"{report.rounded(report.median(naive) / times.p50[1])} ×" if naive else ""
    return [title, ratio, *_figures(times.web), *_figures(times.core), *_figures(naive)]


def _figures(times: list[float]) -> list[str]:
    return [report.rounded(report.percentile(times, percent)) if times else "" for percent in (50, 95)]


def table(site: Site) -> str:
    columns = [f"{what} {figure}" for what in ("web", "core", "naive") for figure in ("p50", "p95")]
    rows = [row(title, times) for title, times in site.times.items()]
    return report.markdown(["milliseconds", "naive to core", *columns], rows)


def compared(first: Site, other: Site) -> str:
    """How many times as long the other store takes, by the medians."""
    headings = ["milliseconds, p50", f"{other.name} to {first.name}"]
    headings += [f"{what} on {site.name}" for what in ("web", "core") for site in (first, other)]
    rows = []
    for title, times in first.times.items():
        pairs = list(zip(times.p50, other.times[title].p50, strict=True))
        figures = [report.rounded(value) for pair in pairs for value in pair]
        rows.append([title, f"{report.rounded(pairs[0][1] / pairs[0][0])} ×", *figures])
    return report.markdown(headings, rows)


@contextlib.contextmanager
def _stores(kind: ServerKind | None, folder: Path) -> Iterator[LocalStores]:
    """Fresh servers; without a kind those of MONGODB_URI and REDIS_URL."""
    if kind:
        with stores(folder, mongo=kind) as found:
            yield found
    else:
        yield LocalStores(os.environ["MONGODB_URI"], os.environ["REDIS_URL"], None, None)


@contextlib.contextmanager
def opened(kind: ServerKind | None, count: int) -> Iterator[Site]:
    """A filled store and a web server on it. Raises BenchError for a given database that is not empty."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        _stores(kind, Path(name)) as found,
    ):
        settings = load({**found.addresses, "ENVIRONMENT": "local", "MONGODB_TIMEOUT_MS": "60000"})
        services = connect(patient(settings))
        if services.db.tasks.find_one({}, {"_id": 1}):
            raise BenchError("The database of MONGODB_URI has tasks. Name an empty one in its path.")
        fill.prepare(services, count)
        web = Pages(found, Path(name), services)
        try:
            about = report.machine(found, str(services.queues.redis.info("server")["redis_version"]))
            yield Site(kind.name if kind else "given", services, web, views(services, count), about)
        finally:
            web.server.stop()


def run(given: argparse.Namespace) -> None:
    """Start fresh servers, fill them, ask, print and write."""
    addressed = {"MONGODB_URI", "REDIS_URL"} <= os.environ.keys()
    kinds: list[ServerKind | None] = [None] if addressed else given.store
    usual = (USUAL_TASKS.get(kind.name, MANY_TASKS) if kind else MANY_TASKS for kind in kinds)
    count = given.tasks or min(usual)
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(opened(kind, count)) for kind in kinds]
        for same in zip(*(site.views for site in sites), strict=True):
            for _ in range(TURNS):
                for site, view in zip(sites, same, strict=True):
                    ask(site, view, -(-given.requests // TURNS))
    asked = f"{count:,} tasks, {given.requests} requests for each figure."
    for site in sites:
        report.publish(f"{table(site)}\n\n{asked} {site.about}", f"lists {site.name}", given.write)
    first, *others = sites
    for other in others:
        text = f"{compared(first, other)}\n\n{asked} {first.about}\n{other.name}: {other.about}"
        report.publish(text, f"lists {first.name} to {other.name}", given.write)


def main() -> None:
    parser = report.arguments(__doc__, several=True)
    parser.add_argument("--tasks", type=int, default=0, help="10,000 on a server from a wheel, else 100,000")
    parser.add_argument("--requests", type=int, default=30, help="of each kind (%(default)s)")
    try:
        run(parser.parse_args())
    except BenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
