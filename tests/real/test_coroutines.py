"""Task types that are coroutines on a real worker: limits, cancellation, stop, and the task after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.tasks.states import Status
from app.local.servers import LocalStores, stores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import stop, until
from tests.workers.awaiting import ENDLESS, WAYS

pytestmark = pytest.mark.real
PATIENCE_S = (
    90  # A busy machine takes long to start another child; what is judged are the times of the attempt.
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStores]:
    with stores(tmp_path_factory.mktemp("stores")) as started:
        yield started


@pytest.fixture(scope="module")
def crew(servers: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("awaiting")
    modules = "tests.workers.samples,tests.workers.awaiting"
    with fleet(servers, "awaiting", folder, TASK_MODULES=modules) as made:
        made.start()
        yield made


@pytest.fixture(autouse=True)
def the_next_task_is_as_if_nothing_had_been(crew: Fleet) -> Iterator[None]:
    yield
    assert crew.ended(crew.submit("await_everything"), PATIENCE_S).status is Status.SUCCEEDED
    assert crew.ended(crew.submit("echo"), PATIENCE_S).status is Status.SUCCEEDED


def log_of(crew: Fleet, task_id: object) -> str:
    return crew.services.logs.read(task_id, 1).text  # type: ignore[arg-type]


def test_everything_that_it_does_is_there(crew: Fleet) -> None:
    task = crew.ended(crew.submit("await_everything"), PATIENCE_S)

    assert task.status is Status.SUCCEEDED
    assert task.result == {"numbers": [0, 1, 2], "size": None, "file": "out.txt", "chosen": "nothing"}
    assert task.progress and task.progress["total"] == 3
    log = log_of(crew, task.id)
    for said in ("printed by part 2", "said by a process", "logged"):
        assert said in log


@pytest.mark.parametrize("how", [*ENDLESS])
def test_none_escapes_its_time_limit(crew: Fleet, how: str) -> None:
    task = crew.ended(crew.submit("linger", params={"how": how}, timeout_s=1), PATIENCE_S)

    assert task.status is Status.FAILED and task.error
    assert task.error["kind"] == "timeout" and "took longer than its 1 s" in task.error["message"]
    assert task.finished_at and task.started_at
    assert (task.finished_at - task.started_at).total_seconds() < (6.5 if how == "swallow" else 3.5)
    if how in ("wait", "gathered"):
        assert "cleaned up" in log_of(crew, task.id)
    if how in WAYS and how != "swallow_once":
        assert "awaiting.py" in task.error["traceback"]


@pytest.mark.parametrize("how", ["wait", "swallow", "unheard", "callback"])
def test_each_can_be_canceled(crew: Fleet, how: str) -> None:
    task = crew.submit("linger", params={"how": how})
    crew.running(task, PATIENCE_S)
    crew.services.dispatch.cancel(task.id, "alice")

    assert crew.ended(task, PATIENCE_S).status is Status.CANCELED


@pytest.mark.parametrize("where", ["main", "background"])
def test_one_that_asks_is_canceled_at_once(crew: Fleet, where: str) -> None:
    task = crew.submit("heed", params={"where": where})
    crew.running(task, PATIENCE_S)
    crew.services.dispatch.cancel(task.id, "alice")
    ended = crew.ended(task, PATIENCE_S)

    assert ended.status is Status.CANCELED
    assert ended.history[-1]["outcome"] == "canceled"


def test_what_it_leaves_is_canceled_and_logged(crew: Fleet) -> None:
    task = crew.ended(crew.submit("leave_tasks"), PATIENCE_S)

    assert task.result == 3
    assert log_of(crew, task.id).count("left behind, ended") == 3


def test_a_stop_hands_it_back(servers: LocalStores, tmp_path: Path, crew: Fleet) -> None:
    modules = "tests.workers.samples,tests.workers.awaiting"
    with fleet(servers, "stopped", tmp_path, TASK_MODULES=modules, STOP_GRACE_S="1") as other:
        process = other.start()
        task = other.submit("linger", params={"how": "wait"})
        other.running(task, PATIENCE_S)
        stop(process)
        process.wait(PATIENCE_S)
        back = until(lambda: (found := other.task(task)).status is Status.QUEUED and found, PATIENCE_S)
        assert (back.status, back.crashes) == (Status.QUEUED, 0)
