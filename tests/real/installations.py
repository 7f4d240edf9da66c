"""Installations on real servers: a database of a test's own on a kind of server, and work in it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.schema.indexes import create_indexes
from app.core.services import Services, connect
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from app.local import LocalStores, stores
from bench.data import environment, installed
from config import load

ROOT = Path(__file__).parents[2]
KEY = {"SECRET_KEY": "of-tests-only", "SECRETS_KEY": "as well", "MONGODB_TIMEOUT_MS": "30000"}
OTHERS = [kind for kind in installed() if kind != "wheel"]
PAIRS = [("wheel", other) for other in OTHERS] + [(other, "wheel") for other in OTHERS[-1:]]
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi", "data"]
CONTENT = b"x" * 600_000
Database = Callable[[str, str], tuple[dict[str, str], Services]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], LocalStores]]:
    """Servers by kind, each started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[str, LocalStores] = {}

        def of(kind: str) -> LocalStores:
            if kind not in started:
                folder = tmp_path_factory.mktemp(f"servers-{kind}")
                started[kind] = stack.enter_context(stores(folder, mongo=kind))
            return started[kind]

        yield of


@pytest.fixture
def database(servers: Callable[[str], LocalStores], request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of this test on a kind of server: its settings, and the core over it."""
    with contextlib.ExitStack() as stack:

        def of(kind: str, name: str) -> tuple[dict[str, str], Services]:
            found = servers(kind)
            unique = f"{name}_{abs(hash(request.node.name)) % 10**8}"
            addresses = {**found.addresses, **KEY}
            addresses["MONGODB_URI"] = found.mongodb_uri.replace("/taskqueue", f"/{unique}")
            services = connect(load(environment(addresses)))
            stack.callback(services.close)
            stack.callback(services.db.client.drop_database, unique)
            found.prepare(unique)
            services.queues.redis.flushdb()
            return addresses, services

        yield of


def flask(addresses: Mapping[str, str], *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """`flask data ...` to its end, however that is."""
    env = environment(addresses, **more)
    return subprocess.run([*FLASK, *map(str, words)], cwd=ROOT, env=env, capture_output=True, text=True)


def work(services: Services) -> dict[str, Task]:
    """A task in every state, as they come into it; returns them by what they are."""
    create_indexes(services.db)

    def new(what: str, **given: Any) -> Task:
        given = {"type": "echo", "params": {"text": what}, "title": what, "max_attempts": 3, **given}
        return services.dispatch.submit(NewTask(**given)).task

    def claimed(what: str) -> Task:
        task = new(what)
        services.queues.remove([task])
        found = services.tasks.claim(task.id, task.dispatch, "lost.worker")
        assert found
        services.logs.write_part(task.id, 1, 0, b"printed\n")
        return found

    made = {f"queued {priority.word}": new(priority.word, priority=priority) for priority in Priority}
    made["never sent"] = new("never sent")
    services.db.tasks.update_one({"_id": made["never sent"].id}, {"$set": {"hint": "due"}})
    made["scheduled"] = new("scheduled", run_at=utcnow() + timedelta(seconds=2))
    made |= {what: claimed(what) for what in ("running", "succeeded", "failed", "canceled")}
    services.tasks.succeed(made["succeeded"], {"rows": 3})
    services.tasks.fail(made["failed"], {"kind": "error", "type": "E", "message": "No.", "traceback": ""})
    services.tasks.cancel(made["canceled"].id, "bob")
    services.tasks.end_canceled(made["canceled"], "Canceled.")
    file = services.files.save(
        BytesIO(b"x" * 600_000), "a.bin", "application/octet-stream", "local", role="input"
    )
    made["with a file"] = new("with a file", files=(file.id,))
    return made
