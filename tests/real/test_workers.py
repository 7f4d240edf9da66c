"""Worker processes on real servers: order, outcomes, deaths and signals."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.core.tasks import store
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from app.local.kinds import ServerKind
from app.local.servers import LocalStores, stores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import family, gone, stop, until

pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, mongo: str | ServerKind) -> Iterator[LocalStores]:
    with stores(tmp_path_factory.mktemp("stores"), mongo=mongo) as started:
        yield started


@pytest.fixture
def crew(servers: LocalStores, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    name = f"t{abs(hash(request.node.name)) % 10**10}"
    with fleet(servers, name, tmp_path, STOP_GRACE_S="2") as made:
        yield made


def writes_log(child: psutil.Process, task: Task) -> bool:
    """Return whether the output of the task is being captured."""
    return any(Path(file.path).name.startswith(str(task.id)) for file in child.open_files())


def child_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The resident child below a single supervisor."""
    return until(
        lambda: next((one for one in family(process.pid) if "workers.attempt.child" in one.cmdline()), None)
    )


def test_one_worker_starts_all_high_then_all_medium_then_all_low_in_order_of_arrival(crew: Fleet) -> None:
    crew.start()
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
    crew.start()
    task = crew.ended(crew.submit("echo", params={"text": "grüße"}))

    log = crew.services.logs.read(task.id, 1).text
    for said in ("printed grüße", "logged grüße", "complained grüße", "from a child grüße"):
        assert said in log
    assert task.result == {"text": "grüße", "attempt": 1}


def test_the_log_and_progress_are_there_while_it_runs(crew: Fleet) -> None:
    crew.start()
    task = crew.submit("deaf", timeout_s=8)
    crew.running(task)
    doze = crew.submit("doze", params={"seconds": 30.0}, priority="high")

    crew.services.dispatch.cancel(task.id, "bob")
    assert until(lambda: "swallowed" in crew.services.logs.read(task.id, 1).text)
    until(lambda: (found := crew.task(doze)).progress and found.progress["done"] > 0.5)
    crew.services.dispatch.cancel(doze.id, "bob")
    assert crew.ended(doze).status is Status.CANCELED


def test_a_running_task_is_canceled_within_seconds(crew: Fleet) -> None:
    crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 60.0}))

    crew.services.dispatch.cancel(task.id, "bob")

    ended = crew.ended(task, 5)
    assert (ended.status, ended.cancel and ended.cancel["by"]) == (Status.CANCELED, "bob")


@pytest.mark.parametrize("type", ["busy", "deaf"])
def test_time_is_enforced_whatever_the_task_does(crew: Fleet, type: str) -> None:
    crew.start()
    began = time.monotonic()
    task = crew.ended(crew.submit(type, timeout_s=1))

    assert task.status is Status.FAILED and task.error and "longer than its 1 s" in task.error["message"]
    assert time.monotonic() - began < 1 + 5 + 2


@pytest.mark.parametrize(("how", "said"), [("kill", "killed by SIGKILL"), ("exit", "exit code 0")])
def test_a_task_that_kills_its_process_three_times_is_poison(crew: Fleet, how: str, said: str) -> None:
    crew.start()
    task = crew.ended(crew.submit("die", params={"how": how}, max_attempts=5), 30)
    neighbor = crew.ended(crew.submit("echo"))

    assert (task.status, task.attempt, task.crashes) == (Status.FAILED, 3, 3)
    assert task.error and said in task.error["message"] and task.crashes == 3
    assert neighbor.status is Status.SUCCEEDED


def test_a_killed_child_is_replaced_and_its_task_begins_anew_within_two_seconds(crew: Fleet) -> None:
    process = crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 4.0}, max_attempts=3))
    child = child_of(process)
    until(lambda: writes_log(child, task))  # The supervisor knows of the attempt from then on.
    child.kill()
    began = time.monotonic()

    until(lambda: crew.task(task).attempt == 2)

    assert time.monotonic() - began < 4  # the death is seen at once; the new child needs to start
    assert crew.ended(task).status is Status.SUCCEEDED


@pytest.mark.parametrize("first", ["the supervisor", "its child"])
def test_a_killed_worker_leaves_no_process_and_another_takes_its_task_up(crew: Fleet, first: str) -> None:
    """Whichever dies first, it is the loss of a worker and costs the task no attempt."""
    process = crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 5.0}, max_attempts=1))
    pids = [one.pid for one in family(process.pid)]
    if first == "its child":
        child = child_of(process)
        until(lambda: writes_log(child, task))  # The supervisor knows of the attempt from then on.
        child.kill()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in pids[1:]), 2)
    crew.services.db.tasks.update_one({"_id": task.id}, {"$set": {"lease.until": task.started_at}})

    crew.start()

    ended = crew.ended(task, 60)  # whoever has just started waits a lease before it rescues
    assert (ended.status, ended.attempt, ended.crashes, ended.losses) == (Status.SUCCEEDED, 2, 0, 1)


def test_a_process_left_behind_by_a_task_dies_with_its_attempt_and_the_child_goes_on(crew: Fleet) -> None:
    process = crew.start()
    child = child_of(process)
    task = crew.ended(crew.submit("orphan"))

    assert isinstance(task.result, int) and gone(task.result)
    assert crew.ended(crew.submit("echo")).status is Status.SUCCEEDED
    assert not gone(child.pid)  # nothing in it misses what was ended


def test_a_stopped_worker_finishes_a_short_task(crew: Fleet) -> None:
    process = crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 1.0}))

    stop(process)
    process.wait(10)

    assert crew.task(task).status is Status.SUCCEEDED
    assert crew.services.catalog.workers() == []


def test_a_stopped_worker_hands_a_long_task_back_without_counting_it(crew: Fleet) -> None:
    process = crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 60.0}, max_attempts=1))

    stop(process)
    process.wait(10)

    back = crew.task(task)
    assert (back.status, back.attempt, back.max_attempts, back.crashes) == (Status.QUEUED, 1, 2, 0)
    assert crew.services.queues.depths()[Priority.MEDIUM] >= 1  # maintenance may have sent one as well


def test_one_sigterm_under_load_loses_nothing(crew: Fleet) -> None:
    sent = [crew.submit("echo") for _ in range(200)]
    process = crew.start()
    until(lambda: crew.services.db.tasks.count_documents({"status": "succeeded"}) > 20)
    stop(process)
    process.wait(15)

    waiting = crew.services.queries.find({"status": "queued"}, [("_id", 1)], len(sent))
    succeeded = crew.services.db.tasks.count_documents({"status": "succeeded"})
    assert waiting and succeeded + len(waiting) == len(sent)
    assert crew.services.queues.missing(waiting) == []
    # Maintenance may have sent one again that a child had taken and not yet claimed: a double does no harm.
    assert crew.services.queues.depths()[Priority.MEDIUM] >= len(waiting)


def test_rq_sees_the_worker(crew: Fleet) -> None:
    crew.start()
    name = crew.services.catalog.workers()[0].name

    shown = until(lambda: _rq_info(crew) if name in _rq_info(crew) else "")

    assert "idle" in shown and "high, medium, low" in shown
    assert 0 < crew.services.queues.redis.ttl(f"rq:worker:{name}") <= 30  # so long is a killed one shown


def _rq_info(crew: Fleet) -> str:
    command = [sys.executable, "-m", "rq.cli", "info", "--url", crew.env["REDIS_URL"]]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def test_forged_and_stale_messages_do_nothing(crew: Fleet, tmp_path: Path) -> None:
    target = tmp_path / "owned"
    redis, task = crew.services.queues.redis, crew.submit("echo")
    forged = f"rq:job:{'f' * 24}-1"
    redis.hset(forged, mapping={"data": f'["os.system", null, ["touch {target}"], {{}}]', "status": "queued"})
    for job_id in ("nonsense", f"{'f' * 24}-1", f"{task.id}-7", "../../x", "é" * 300):
        redis.lpush("rq:queue:high", job_id)

    crew.start()

    assert crew.ended(task).attempt == 1
    assert until(lambda: redis.llen("rq:queue:high") == 0)
    assert not target.exists()


def test_redis_away_and_back_a_worker_goes_on(crew: Fleet, tmp_path: Path) -> None:
    process = crew.start()
    child = child_of(process)
    crew.services.queues.redis.flushall()
    lost = crew.submit("echo")
    crew.services.queues.redis.flushall()

    assert crew.ended(lost, 30).status is Status.SUCCEEDED
    assert child_of(process).pid == child.pid


def test_the_lease_is_renewed_while_a_task_runs(crew: Fleet) -> None:
    crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 60.0}))

    until(lambda: (found := crew.task(task)).lease and found.lease["until"] > found.started_at + store.LEASE)

    crew.services.dispatch.cancel(task.id, "bob")
    assert crew.ended(task).attempt == 1


def test_a_worker_that_is_stopped_ends_its_task_and_no_other_takes_its_place(crew: Fleet) -> None:
    process = crew.start(2)
    task = crew.running(crew.submit("doze", params={"seconds": 14.0}))
    assert crew.services.catalog.ask_to_stop(str(task.worker), "bob")

    done = crew.ended(task, 40)
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 1)
    until(lambda: task.worker not in [one.name for one in crew.services.catalog.workers()])
    after = [crew.ended(crew.submit("echo")) for _ in range(3)]
    assert {one.history[-1]["worker"] for one in after} == {crew.services.catalog.workers()[0].name}
    assert len(crew.services.catalog.workers()) == 1 and process.poll() is None


def test_a_stop_outlasts_the_death_of_its_supervisor(crew: Fleet) -> None:
    crew.start(2)
    first, second = (one.name for one in crew.services.catalog.workers())
    assert crew.services.catalog.ask_to_stop(first, "bob")
    os.kill(int(first.rpartition(".")[2]), signal.SIGKILL)
    until(lambda: "an operator has stopped the one before it" in crew.log.read_text(), 30)
    time.sleep(2)
    assert {one.name for one in crew.services.catalog.workers()} <= {first, second}


def test_nothing_of_a_paused_queue_starts_until_it_is_resumed(crew: Fleet) -> None:
    crew.start()
    running = crew.running(crew.submit("doze", "low", params={"seconds": 3.0}))
    crew.services.pauses.pause(Priority.LOW, "bob", "Lunch")
    time.sleep(1)
    waiting, other = crew.submit("echo", "low"), crew.submit("echo", "medium")

    assert crew.ended(running).status is Status.SUCCEEDED  # what runs goes on
    assert crew.ended(other).status is Status.SUCCEEDED
    assert crew.task(waiting).status is Status.QUEUED
    crew.services.pauses.resume(Priority.LOW)
    assert crew.ended(waiting).status is Status.SUCCEEDED
