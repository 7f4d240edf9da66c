"""How long the list of tasks takes: through the real web server, in the core, and done naively.

    python -m bench.lists [--store rust|wheel|mongod] [--tasks N] [--requests 30]

The store is filled with a month of tasks in all states. Each view is asked for one request at a
time. The control reads the same collection the way it is often done: `skip` and `limit`, a count of
everything that matches, a regular expression as search.
"""

from __future__ import annotations

import argparse
import http.client
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from app.core.db import create_indexes
from app.core.listing import Listing
from app.core.services import Services, connect
from app.core.states import Priority, Status
from app.core.task import words_of
from app.core.taskfilter import TaskFilter
from app.core.words import Words
from app.local import Stores, stores
from app.local.children import Child, free_port
from bench import fill, report
from bench.contenders import ROOT
from bench.report import BenchError
from config import load
from workers.patience import patient

USUAL_TASKS = {"wheel": 10_000}
MANY_TASKS = 100_000
READY_S = 30.0
COUNTS_KEPT_S = 1.05
CONTROL_S = 20.0
FEWEST = 3
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


class Web:
    """The web server as in production, one process, over one connection that is kept."""

    def __init__(self, found: Stores, folder: Path) -> None:
        port = free_port(0)
        env = {**os.environ, **found.addresses, "ENVIRONMENT": "local", "WEB_BIND": f"127.0.0.1:{port}"}
        env["MONGODB_TIMEOUT_MS"] = "30000"  # A slow page is to be measured, not to be given up.
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.server = Child(
            "web",
            [sys.executable, "-m", "gunicorn", "wsgi:app"],
            log=folder / "log" / "web.log",
            ready=self._answers,
            env=env,
            cwd=ROOT,
        )
        self.server.start()
        self.server.wait_ready(READY_S)

    def get(self, path: str) -> bytes:
        """The page, whole. Raises BenchError for anything but 200."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise BenchError(f"{path}: {answer.status}. {self.server.last_words()}")
        return body

    def afresh(self) -> None:
        """Connect again: the server does not keep a connection that was idle for seconds."""
        self._connection.close()

    def _answers(self) -> bool:
        try:
            return bool(self.get("/tasks/counts"))
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False


def prepare(services: Services, count: int) -> None:
    """The product's indexes, then the tasks and their words."""
    create_indexes(services.db)
    documents = fill.history(count)
    for batch in fill.batches(documents):
        services.db.tasks.insert_many(batch)
        Words(services.db).learn(words_of_all(batch))
    report.say(f"{count:,} tasks inserted")


def words_of_all(documents: list[fill.Document]) -> list[str]:
    """Each word once; a title is at most a few words, so none is cut off here."""
    return list(dict.fromkeys(word for each in documents for word in words_of(each["title"], each["type"])))


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
        View("counts of all tabs", "/tasks/counts", _fresh_counts(services), pause_s=COUNTS_KEPT_S),
        View("home page", "/", services.stats.lanes),
    ]


def _view(services: Services, title: str, wanted: TaskFilter, naive: Ask | None = None) -> View:
    path = f"/tasks?{urlencode(wanted.args(after=wanted.after))}"
    return View(title, path, lambda: services.listing.page(wanted), naive)


def _naive(services: Services, query: fill.Document, skip: int = 0) -> Ask:
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


def row(view: View, web: Web, requests: int) -> list[str]:
    """Titles and times of one view. Raises BenchError for a page without tasks."""
    web.afresh()
    if view.path.startswith("/tasks?") and not LINK.search(web.get(view.path)):
        raise BenchError(f"{view.path} shows no tasks.")
    over_http = times_ms(lambda: web.get(view.path), requests, view.pause_s)
    core = times_ms(view.core, requests)
    naive = times_ms(view.naive, requests, budget_s=CONTROL_S) if view.naive else []
    report.say(f"{view.title}: {report.median(over_http):.1f} ms")
    ratio = f"{report.rounded(report.median(naive) / report.median(core))} ×" if naive else ""
    return [view.title, ratio, *_figures(over_http), *_figures(core), *_figures(naive)]


def _figures(times: list[float]) -> list[str]:
    return [report.rounded(report.percentile(times, percent)) if times else "" for percent in (50, 95)]


def table(rows: list[list[str]]) -> str:
    columns = [f"{what} {figure}" for what in ("web", "core", "naive") for figure in ("p50", "p95")]
    return report.markdown(["milliseconds", "naive to core", *columns], rows)


def run(given: argparse.Namespace) -> None:
    """Start fresh servers, fill them, ask, print and write."""
    count = given.tasks or USUAL_TASKS.get(given.store, MANY_TASKS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        stores(Path(name), mongo=given.store) as found,
    ):
        settings = load({**found.addresses, "ENVIRONMENT": "local", "MONGODB_TIMEOUT_MS": "60000"})
        services = connect(patient(settings))
        prepare(services, count)
        web = Web(found, Path(name))
        try:
            rows = [row(view, web, given.requests) for view in views(services, count)]
        finally:
            web.server.stop()
        about = report.machine(found, str(services.queues.redis.info("server")["redis_version"]))
    text = f"{table(rows)}\n\n{count:,} tasks, {given.requests} requests for each figure. {about}"
    report.publish(text, f"lists {given.store}", given.write)


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--tasks", type=int, default=0, help="10,000 on the wheel, else 100,000")
    parser.add_argument("--requests", type=int, default=30, help="of each kind (%(default)s)")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
