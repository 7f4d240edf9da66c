"""What a page costs the web process: CPU time per request, in the process, on real stores.

    python -m bench.page_cost [--control CHECKOUT] [--tasks 500] [--requests 20] [--rounds 5]

Waiting for the stores does not count, so other programs on the machine disturb little. The control is another
checkout of this program with its virtual environment, such as one made by `git worktree add`: both have a
fresh database of their own with the same history, and are asked in turns. Its commit may have no sign-in yet.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import importlib
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.local import LocalStores

HERE = Path(__file__).resolve()
TYPES = (
    "clean_table",
    "count_slowly",
    "call_service",
    "monthly_report",
    "analyse_table",
    *(f"type_{n}" for n in range(15)),
)
PARAMETERS = {
    f"field_{n}": {"type": "string", "title": f"Field {n}", "maxLength": 200, "default": ""} for n in range(8)
}
SCHEMA = {"type": "object", "properties": PARAMETERS, "additionalProperties": False}


def published(services: Any) -> None:
    """The types of the history, and some more, as a worker would publish them."""
    more = {"category": "Tables", "summary": "A type.", "help": "", "schema": SCHEMA, "hash": "1"}
    limits = {"priority": "medium", "timeout_s": 600, "max_attempts": 1}
    described = [{"_id": name, "title": name.replace("_", " "), **more, **limits} for name in TYPES]
    services.catalog.publish(described, "bench")


def asking(tasks: int) -> Callable[[str], bytes]:
    """Return what asks the application for a page, by somebody who is signed in where there is a sign-in."""
    from app import create_app
    from app.core.services import connect
    from bench import fill
    from config import load

    settings = load({**os.environ, "ENVIRONMENT": "local", "MONGODB_TIMEOUT_MS": "60000"})
    services = connect(settings)
    fill.prepare(services, tasks)
    published(services)
    client = create_app(settings, services=services).test_client()
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("tests.signing_in").signed_in(client, services)
    ended = services.db.tasks.find_one({"status": "succeeded"})
    paths = {
        "list": "/tasks",
        "list of 200": "/tasks?per_page=200",
        "home": "/",
        "task": f"/tasks/{ended and ended['_id']}",
    }

    def get(name: str) -> bytes:
        answer = client.get(paths[name])
        if answer.status_code != 200:
            raise SystemExit(f"{paths[name]}: {answer.status}")
        return bytes(answer.data)

    return get


PAGES = ("list", "list of 200", "home", "task")


def cpu_ms(get: Callable[[str], object], page: str, requests: int) -> list[float]:
    taken = []
    for _ in range(requests):
        began = time.process_time()
        get(page)
        taken.append((time.process_time() - began) * 1000)
    return taken


def serve(tasks: int, profile: str) -> None:
    """In the checkout's own interpreter: for each line with a number, so many requests of each page."""
    get = asking(tasks)
    for page in PAGES:
        cpu_ms(get, page, 2)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps({page: cpu_ms(get, page, int(line)) for page in PAGES}), flush=True)
    if profile:
        with cProfile.Profile(time.process_time) as found:
            cpu_ms(get, profile, 50)
        pstats.Stats(found, stream=sys.stderr).sort_stats("cumulative").print_stats(110)
        pstats.Stats(found, stream=sys.stderr).sort_stats("tottime").print_stats(40)


def addresses(found: LocalStores, number: int) -> dict[str, str]:
    """The settings for a database of its own on the servers."""
    name = f"pages{number}"
    found.prepare(name)
    mongodb_uri = found.mongodb_uri.replace("/taskqueue", f"/{name}")
    return {"MONGODB_URI": mongodb_uri, "REDIS_URL": found.redis_url.removesuffix("0") + str(number)}


class Checkout:
    """A process that measures one checkout whenever it is told to."""

    def __init__(self, folder: Path, addresses: dict[str, str], options: list[str]) -> None:
        command = [str(folder / ".venv/bin/python"), str(HERE), "--serve", *options]
        env = {**os.environ, **addresses, "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(
            command, cwd=folder, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.times: dict[str, list[float]] = {page: [] for page in PAGES}
        self._answer()

    def measure(self, requests: int) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{requests}\n")
        self._process.stdin.flush()
        for page, taken in self._answer().items():
            self.times[page] += taken

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The checkout's program ended; what it said is above.")
        return json.loads(line)


def compared(checkouts: list[Checkout]) -> list[str]:
    """A line per page: the medians in ms, and the ratio to the control."""
    lines = []
    for page in PAGES:
        medians = [statistics.median(each.times[page]) for each in checkouts]
        ratio = f" | {medians[0] / medians[1]:.2f} ×" if medians[1:] else ""
        lines.append(f"| {page} | " + " | ".join(f"{value:.1f}" for value in medians) + ratio + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--control", type=Path, help="the folder of another checkout")
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--requests", type=int, default=20, help="of each page and round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", default="", choices=("", *PAGES), help="print what this page spends")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.tasks, given.profile)
        return
    folders = [HERE.parent.parent, *([given.control.resolve()] if given.control else [])]
    from app.local.servers import plan

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        given_stores = (os.environ.get("MONGODB_URI"), os.environ.get("REDIS_URL"))
        found = plan(Path(folder), mongodb_uri=given_stores[0], redis_url=given_stores[1])
        found.start()
        options = ["--tasks", str(given.tasks), "--profile", given.profile]
        checkouts = [Checkout(each, addresses(found, n), options) for n, each in enumerate(folders)]
        for _ in range(given.rounds):
            for checkout in checkouts:
                checkout.measure(given.requests)
        for checkout in checkouts:
            checkout.close()
        found.kill()
    print(
        "| CPU per request, ms | this | control | ratio |"
        if given.control
        else "| CPU per request, ms | this |"
    )
    print("| --- |" + " ---: |" * (3 if given.control else 1))
    print("\n".join(compared(checkouts)))


if __name__ == "__main__":
    main()
