"""How long `POST /api/v1/tasks` takes, beside the least that could be done: a view with one durable insert.

    python -m bench.posts [--store NAME] [--requests 200] [--rounds 5]

Both run under gunicorn with one process and threads, on the same stores, and are asked in turns, one request
at a time over a connection that is kept. The control inserts a small document, acknowledged by a majority and
journaled like every write here; it signs nobody in, checks nothing, has no index, no queue and no audit.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from app.core.services import connect
from app.local.children import LocalProcess, free_port
from app.local.servers import plan
from bench import batches, report
from bench.report import BenchError
from config import load
from tests.rig.person import Person
from tests.rig.processes import ROOT
from tests.rig.web import Web

BODY = json.dumps({"type": "noop", "params": {"number": 7, "name": "user 7"}}).encode()


def bare() -> Any:
    """The control, as a WSGI application for gunicorn."""
    from flask import Flask, jsonify, request

    from app.core import mongo

    app = Flask(__name__)
    posts = mongo.connect(load(os.environ)).client.get_database("bare").posts

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.post("/")
    def create() -> Any:
        document = dict(request.get_json())
        posts.insert_one(document)
        return jsonify(id=str(document["_id"])), 201

    return app


class Asked:
    """A server that is sent the same body again and again."""

    def __init__(self, port: int, path: str, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._path = path
        self._headers = {"Content-Type": "application/json", **headers}
        self.ms: list[float] = []

    def post(self, count: int, *, counted: bool = True) -> None:
        """Raises BenchError for any answer but 201."""
        self._connection.close()  # It was idle while the other one was asked.
        for number in range(count + 1):
            began = time.perf_counter()
            self._connection.request("POST", self._path, BODY, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise BenchError(f"{self._path}: {answer.status} {text[:300]!r}")
            if counted and number:
                self.ms.append((time.perf_counter() - began) * 1000)


def table(ours: Asked, control: Asked) -> str:
    rows = []
    for percent in (50, 95):
        both = [report.percentile(each.ms, percent) for each in (ours, control)]
        figures = [report.rounded(value) for value in both]
        rows.append([f"p{percent}", *figures, f"{report.rounded(both[0] / both[1])} ×"])
    return report.markdown(["milliseconds", "POST /api/v1/tasks", "bare view", "ratio"], rows)


def measured(env: dict[str, str], folder: Path, given: Namespace) -> str:
    services = connect(load(env))
    batches.publish(services)
    token = batches.token_of(services)
    web = Web(env, folder / "web.log")
    port = free_port(0)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    # Not in our folder, where gunicorn would read our configuration.
    control = LocalProcess(
        "bare view",
        [*command, "bench.posts:bare()"],
        log=folder / "bare.log",
        ready=lambda: Person(port, timeout_s=5).try_to_ask("GET", "/healthz").status == 200,
        env={**env, "PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    try:
        web.start()
        control.start()
        control.wait_ready(40)
        asked = (Asked(web.port, "/api/v1/tasks", Authorization=f"Bearer {token}"), Asked(port, "/"))
        for each in asked:
            each.post(20, counted=False)
        for _ in range(given.rounds):
            for each in asked:
                each.post(-(-given.requests // given.rounds))
    finally:
        web.stop()
        control.kill()
    redis = services.queues.redis.info("server")["redis_version"]
    return f"{table(*asked)}\n\n{given.requests} requests of each, Redis {redis}."


def run(given: Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        addresses = {name: os.environ.get(name) for name in ("MONGODB_URI", "REDIS_URL")}
        found = plan(
            Path(folder),
            mongo=given.store,
            mongodb_uri=addresses["MONGODB_URI"],
            redis_url=addresses["REDIS_URL"],
        )
        found.start()
        try:
            env = {**os.environ, **found.addresses, "ENVIRONMENT": "local", "WEB_CONCURRENCY": "1"}
            env["SUBMITS_PER_MINUTE"] = "operator=1000000"
            report.publish(measured(env, Path(folder), given), f"posts {given.store.name}", given.write)
        finally:
            found.kill()
    return True


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    report.finish(run, parser)


if __name__ == "__main__":
    main()
