"""How long a batch of 10,000 takes over HTTP, on a web server as in production and the stores of `make up`.

    python -m bench.batches [--store NAME ...] [--tasks 10000] [--times 3]

Each run sends one `POST /tasks/batch` of a type with a number and a text, and waits for the answer: then
every task is durable and its hint in Redis. The control is the same number of tasks by one insert of the
driver.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.document import new_document
from app.core.tasks.task import NewTask
from app.local import stores
from bench import report
from tests.rig.fleet import Fleet, fleet
from tests.rig.web import Web

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["number", "name"],
    "additionalProperties": False,
}


def body(count: int, run: int) -> bytes:
    tasks = [{"type": "noop", "params": {"number": n, "name": f"user{run}x{n}"}} for n in range(count)]
    return json.dumps({"tasks": tasks}).encode()


def publish(services: Services) -> None:
    described = {"_id": "noop", "title": "Noop", "category": "", "summary": "", "help": "", "schema": SCHEMA}
    more: dict[str, Any] = {"priority": "medium", "timeout_s": 600, "max_attempts": 1, "hash": "1"}
    services.catalog.publish([{**described, **more}], "bench")


def token_of(services: Services) -> str:
    people = services.people
    user = people.users.by_name("Bench") or people.users.add("Bench", Role.OPERATOR)
    return people.tokens.create(people.users.person(user), "bench", timedelta(days=1), None)[1]


def sent_s(web: Web, token: str, content: bytes) -> float:
    """Send a batch; returns the seconds until its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=120)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", "/api/v1/tasks/batch", content, headers)
    answer = connection.getresponse()
    text = answer.read()
    took = time.perf_counter() - began
    connection.close()
    if answer.status != 201:
        raise SystemExit(f"{answer.status}: {text[:500]!r}")
    return took


def inserted_s(services: Services, count: int) -> float:
    """The control: so many tasks by the driver alone."""
    now = utcnow()
    new = [new_document(NewTask("noop", {"number": n}, f"Noop {n}"), ObjectId(), now) for n in range(count)]
    began = time.perf_counter()
    services.db.tasks.insert_many(new)
    return time.perf_counter() - began


def measure(name: str, count: int, times: int) -> None:
    mongo = "auto" if name == "auto" else report.store(name)
    with (
        tempfile.TemporaryDirectory() as folder,
        stores(Path(folder), mongo=mongo) as started,
        fleet(started, "bench_batches", Path(folder), kind=Fleet) as crew,
    ):
        print(started.description)
        web = Web(crew.env, Path(folder) / "web.log")
        try:
            publish(crew.services)
            token = token_of(crew.services)
            web.start()
            sent_s(web, token, body(100, 0))
            took = [sent_s(web, token, body(count, run)) for run in range(1, times + 1)]
            control = inserted_s(crew.services, count)
            found = crew.services.db.tasks.count_documents({"type": "noop"})
            if found != 100 + count * (times + 1):
                raise SystemExit(f"{found:,} tasks are there.")
        finally:
            web.stop()
    runs = ", ".join(f"{one:.2f}" for one in took)
    print(f"{name}: batches of {count:,}: {runs} s; one insert of the driver: {control:.2f} s")


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", nargs="+", default=["auto"])
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args(args)
    for name in given.store:
        measure(name, given.tasks, given.times)


if __name__ == "__main__":
    main()
