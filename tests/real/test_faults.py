"""Stores that go away and come back under the web application: clear pages in time, nothing lost, no 500."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.core.tasks.states import Status
from app.local.servers import LocalStores, Server
from config import load
from tests.rig.fleet import Fleet, fleet
from tests.rig.forms import Sent
from tests.rig.processes import until
from tests.signing_in import signed_in
from tests.web.create.creating import publish
from tests.web.looking import Looker, text_of

pytestmark = pytest.mark.real

PAGES = ("/", "/tasks", "/tasks?status=failed&q=count", "/tasks/new", "/tasks/new/clean_table")


@pytest.fixture
def crew(servers: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(servers, "faults", tmp_path, SECRET_KEY="tests-only", MONGODB_TIMEOUT_MS="2000") as made:
        publish(made.services)
        yield made
        for server in (servers.mongo, servers.redis):
            if server and not server.alive:
                back(server)


@pytest.fixture
def client(crew: Fleet) -> Iterator[Any]:
    app = create_app(load(crew.env))
    yield signed_in(app.test_client(), crew.services)
    app.extensions["services"].close()


def back(server: Server | None) -> None:
    assert server
    server.start()
    server.wait_ready(20)


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return do(), time.monotonic() - began


def test_redis_down_at_creation_the_task_is_kept_and_runs_when_it_is_back(
    crew: Fleet, servers: LocalStores, client: Any
) -> None:
    publish(crew.services, "echo", schema={"type": "object", "properties": {}, "additionalProperties": False})
    sent = Sent(client.get("/tasks/new/echo").text).values
    assert servers.redis
    servers.redis.kill()

    answer, seconds = timed(lambda: client.post("/tasks/new/echo", data=sent))
    assert (answer.status_code, seconds < 1) == (303, True)
    assert "starts when it is back" in text_of(client.get(answer.headers["Location"]).text)
    (task,) = crew.services.queries.find({}, [("_id", 1)], 10)
    assert (task.status, task.hint) == (Status.QUEUED, "due")

    back(servers.redis)
    crew.start()
    assert crew.ended(task, 20).status is Status.SUCCEEDED


def test_redis_away_every_page_answers_and_says_so(crew: Fleet, servers: LocalStores, client: Any) -> None:
    task = crew.submit("echo")
    assert servers.redis
    servers.redis.kill()
    for address in (*PAGES, f"/tasks/{task.id}"):
        answer, seconds = timed(lambda: client.get(address))  # noqa: B023 - called within this turn of the loop
        assert (answer.status_code, seconds < 3) == (200, True), address
    assert "queue" in Looker(client).read("/").lower()


@pytest.mark.parametrize("how", ["kill", "hang"])
def test_mongodb_away_every_page_says_so_in_time_and_nothing_is_accepted(
    crew: Fleet, servers: LocalStores, client: Any, how: str
) -> None:
    sent = Sent(client.get("/tasks/new/clean_table").text).values
    task = crew.submit("echo")
    assert servers.mongo and servers.mongo.pid
    os.kill(servers.mongo.pid, signal.SIGSTOP) if how == "hang" else servers.mongo.kill()

    for address in (*PAGES, f"/tasks/{task.id}"):
        answer, seconds = timed(lambda: client.get(address))  # noqa: B023 - called within this turn of the loop
        assert (answer.status_code, seconds < 3) == (503, True), (address, seconds)
        assert "did not answer" in text_of(answer.text)
    answer, seconds = timed(lambda: client.post("/tasks/new/clean_table", data=sent))
    assert (answer.status_code, seconds < 3) == (503, True)
    assert client.get("/healthz").status_code == 200

    back(servers.mongo) if how == "kill" else os.kill(servers.mongo.pid, signal.SIGCONT)
    until(lambda: client.get("/tasks").status_code == 200)
    assert crew.services.db.tasks.count_documents({}) == 1


def test_workers_survive_both_stores_and_go_on(crew: Fleet, servers: LocalStores) -> None:
    process = crew.start()
    slow = crew.running(crew.submit("doze", params={"seconds": 3.0}, max_attempts=3))
    assert servers.mongo and servers.redis
    servers.redis.kill()
    servers.mongo.kill()
    time.sleep(6)
    back(servers.mongo)
    back(servers.redis)

    assert crew.ended(slow, 60).status is Status.SUCCEEDED
    assert crew.ended(crew.submit("echo"), 30).status is Status.SUCCEEDED
    assert process.poll() is None
