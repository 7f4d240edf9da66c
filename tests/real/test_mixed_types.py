"""Workers with different task types on one set of queues."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.tasks.states import Status
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import stop

pytestmark = pytest.mark.real


@pytest.fixture
def crew(servers: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(servers, "mixed", tmp_path) as made:
        yield made


def test_each_task_runs_where_its_type_is_and_loses_no_attempt(crew: Fleet) -> None:
    crew.start()
    crew.env["TASK_MODULES"] = "tests.workers.hostile"
    crew.start()
    sent = [
        crew.submit(type, params=params, max_attempts=1)
        for _ in range(10)
        for type, params in (("echo", {}), ("give_back", {"what": "generator"}))
    ]

    ended = [crew.ended(task, 60) for task in sent]

    assert {(task.status, task.attempt, len(task.history)) for task in ended} == {(Status.SUCCEEDED, 1, 1)}


def test_a_type_that_nobody_has_waits_without_a_hot_loop_for_a_worker_that_has_it(crew: Fleet) -> None:
    process = crew.start()
    task = crew.submit("give_back", params={"what": "generator"}, max_attempts=1)
    time.sleep(5)
    waiting = crew.task(task)
    assert (waiting.status, waiting.attempt, waiting.put_offs) == (Status.SCHEDULED, 0, 1)

    crew.env["TASK_MODULES"] = "tests.workers.hostile"
    crew.start()
    stop(process)

    ended = crew.ended(task, 45)
    assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 1)
