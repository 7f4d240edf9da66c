"""Worker processes on real servers: order, outcomes, deaths and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.core.tasks.states import Priority, Status
from app.core.tasks.store import LEASE
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


def test_a_killed_child_is_replaced_and_its_task_begins_anew_at_once(crew: Fleet) -> None:
    process = crew.start()
    task = crew.running(crew.submit("doze", params={"seconds": 4.0}, max_attempts=3))
    child = child_of(process)
    until(lambda: writes_log(child, task))  # The supervisor knows of the attempt from then on.
    child.kill()
    began = time.monotonic()

    until(lambda: crew.task(task).attempt == 2)

    assert time.monotonic() - began < LEASE.total_seconds()  # The death is seen; no lease had to run out.
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

    ended = crew.ended(task, 60)  # a worker that has just started waits a lease before it rescues
    assert (ended.status, ended.attempt, ended.crashes, ended.losses) == (Status.SUCCEEDED, 2, 0, 1)


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
