"""MongoDB away when an attempt ends: its outcome waits on disk, and there is no second run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.tasks.states import Status
from app.core.tasks.store import LEASE
from app.core.tasks.task import Task
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import family, gone, stop, until

pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.fixture
def crew(servers: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(servers, "journal", tmp_path, STOP_GRACE_S="20", MONGODB_TIMEOUT_MS="5000") as made:
        yield made
        if servers.mongo and not servers.mongo.alive:
            back(servers)


def back(servers: LocalStores) -> None:
    assert servers.mongo
    servers.mongo.start()
    servers.mongo.wait_ready(20)


def outcomes(crew: Fleet) -> list[Path]:
    return list(Path(crew.env["WORKER_STATE_DIR"]).rglob("*.outcome"))


def ends_while_mongodb_is_away(crew: Fleet, servers: LocalStores) -> Task:
    task = crew.running(crew.submit("doze", params={"seconds": 1.0}, max_attempts=3, timeout_s=5))
    assert servers.mongo
    servers.mongo.kill()
    until(lambda: outcomes(crew), 25)
    return task


def test_an_outage_of_more_than_a_lease_costs_no_second_run(crew: Fleet, servers: LocalStores) -> None:
    crew.start()
    task = ends_while_mongodb_is_away(crew, servers)

    time.sleep(LEASE.total_seconds() + 5)  # longer than the lease, and than the time that the task may take
    back(servers)

    ended = crew.ended(task, 30)
    assert (ended.status, ended.result, ended.attempt) == (Status.SUCCEEDED, "rested", 1)
    until(lambda: not outcomes(crew))


def test_a_killed_worker_leaves_its_outcome_to_the_next(crew: Fleet, servers: LocalStores) -> None:
    process = crew.start()
    task = ends_while_mongodb_is_away(crew, servers)
    pids = [one.pid for one in family(process.pid)]
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in pids), 5)

    back(servers)
    crew.start()

    ended = crew.ended(task, 15)
    assert (ended.status, ended.result, ended.attempt) == (Status.SUCCEEDED, "rested", 1)
    assert outcomes(crew) == []


def test_a_killed_child_leaves_its_outcome_to_its_supervisor(crew: Fleet, servers: LocalStores) -> None:
    process = crew.start()
    task = ends_while_mongodb_is_away(crew, servers)
    for one in family(process.pid)[1:]:
        one.kill()

    time.sleep(2)
    back(servers)

    ended = crew.ended(task, 20)
    assert (ended.status, ended.result, ended.attempt, ended.crashes) == (Status.SUCCEEDED, "rested", 1, 0)


def test_a_stopped_worker_does_not_wait_for_mongodb(crew: Fleet, servers: LocalStores) -> None:
    process = crew.start()
    task = ends_while_mongodb_is_away(crew, servers)

    stop(process)
    process.wait(30)
    assert len(outcomes(crew)) == 1
    back(servers)
    crew.start()

    assert crew.ended(task, 15).attempt == 1
