"""One worker process on real servers that outlives all that its tasks do: order, outcomes, limits."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.core.tasks import store
from app.core.tasks.states import Priority, Status
from app.local.servers import LocalStores
from tests.real.test_workers import child_of
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import gone, until

pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.fixture(scope="module")
def crew(real_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The worker of all tests: whatever the task before did is none of the next."""
    with fleet(real_stores, "one_worker", tmp_path_factory.mktemp("one_worker"), STOP_GRACE_S="2") as made:
        made.start()
        yield made


def test_one_worker_starts_all_high_then_all_medium_then_all_low_in_order_of_arrival(crew: Fleet) -> None:
    busy = crew.submit("doze", params={"seconds": 3.0})
    crew.running(busy)
    priorities = [priority.word for priority in Priority for _ in range(30)]
    random.Random(7).shuffle(priorities)
    sent = [crew.submit("echo", priority=name) for name in priorities]

    done = [crew.ended(task, 60) for task in sent]

    expected = [task.id for priority in Priority for task in sent if task.priority is priority]
    started = sorted(done, key=lambda task: (task.started_at, task.id))
    assert [task.id for task in started] == expected
    assert {(task.status, task.attempt) for task in done} == {(Status.SUCCEEDED, 1)}


def test_everything_a_task_prints_is_in_its_log(crew: Fleet) -> None:
    task = crew.ended(crew.submit("echo", params={"text": "grüße"}))

    log = crew.services.logs.read(task.id, 1).text
    for said in ("printed grüße", "logged grüße", "complained grüße", "from a child grüße"):
        assert said in log
    text = crew.services.logs.lines(task.id, 1)
    within = timedelta(seconds=2)
    for line in text.between(0, len(text)):
        assert line.at and task.started_at - within < line.at < task.finished_at + within
    assert task.result == {"text": "grüße", "attempt": 1}


def test_the_log_and_progress_are_there_while_it_runs(crew: Fleet) -> None:
    task = crew.submit("deaf", timeout_s=8)
    crew.running(task)
    doze = crew.submit("doze", params={"seconds": 30.0}, priority="high")

    crew.services.dispatch.cancel(task.id, "bob")
    assert until(lambda: "swallowed" in crew.services.logs.read(task.id, 1).text)
    until(lambda: (found := crew.task(doze)).progress and found.progress["done"] > 0.5)
    crew.services.dispatch.cancel(doze.id, "bob")
    assert crew.ended(doze).status is Status.CANCELED


def test_a_running_task_is_canceled_within_seconds(crew: Fleet) -> None:
    task = crew.running(crew.submit("doze", params={"seconds": 60.0}))

    crew.services.dispatch.cancel(task.id, "bob")

    ended = crew.ended(task, 30)
    assert (ended.status, ended.cancel and ended.cancel["by"]) == (Status.CANCELED, "bob")


@pytest.mark.parametrize("type", ["busy", "deaf"])
def test_time_is_enforced_whatever_the_task_does(crew: Fleet, type: str) -> None:
    began = time.monotonic()
    task = crew.ended(crew.submit(type, timeout_s=1))

    assert task.status is Status.FAILED and task.error and "longer than its 1 s" in task.error["message"]
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(("how", "said"), [("kill", "killed by SIGKILL"), ("exit", "exit code 0")])
def test_a_task_that_kills_its_process_three_times_is_poison(crew: Fleet, how: str, said: str) -> None:
    task = crew.ended(crew.submit("die", params={"how": how}, max_attempts=5), 30)
    neighbor = crew.ended(crew.submit("echo"))

    assert (task.status, task.attempt, task.crashes) == (Status.FAILED, 3, 3)
    assert task.error and said in task.error["message"] and task.crashes == 3
    assert neighbor.status is Status.SUCCEEDED


def test_a_process_left_behind_by_a_task_dies_with_its_attempt_and_the_child_goes_on(crew: Fleet) -> None:
    child = child_of(crew.processes[0])
    task = crew.ended(crew.submit("orphan"))

    assert isinstance(task.result, int) and gone(task.result)
    assert crew.ended(crew.submit("echo")).status is Status.SUCCEEDED
    assert not gone(child.pid)  # nothing in it misses what was ended


def test_rq_sees_the_worker(crew: Fleet) -> None:
    name = crew.services.catalog.workers()[0].name

    shown = until(lambda: _rq_info(crew) if name in _rq_info(crew) else "")

    assert "idle" in shown and "high, medium, low" in shown
    assert 0 < crew.services.queues.redis.ttl(f"rq:worker:{name}") <= 30  # so long is a killed one shown


def test_the_lease_is_renewed_while_a_task_runs(crew: Fleet) -> None:
    task = crew.running(crew.submit("doze", params={"seconds": 60.0}))

    until(lambda: (found := crew.task(task)).lease and found.lease["until"] > found.started_at + store.LEASE)

    crew.services.dispatch.cancel(task.id, "bob")
    assert crew.ended(task).attempt == 1


def test_nothing_of_a_paused_queue_starts_until_it_is_resumed(crew: Fleet) -> None:
    running = crew.running(crew.submit("doze", "low", params={"seconds": 3.0}))
    crew.services.pauses.pause(Priority.LOW, "bob", "Lunch")
    time.sleep(1)
    waiting, other = crew.submit("echo", "low"), crew.submit("echo", "medium")

    assert crew.ended(running).status is Status.SUCCEEDED  # what runs goes on
    assert crew.ended(other).status is Status.SUCCEEDED
    assert crew.task(waiting).status is Status.QUEUED
    crew.services.pauses.resume(Priority.LOW)
    assert crew.ended(waiting).status is Status.SUCCEEDED


def _rq_info(crew: Fleet) -> str:
    command = [sys.executable, "-m", "rq.cli", "info", "--url", crew.env["REDIS_URL"]]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
