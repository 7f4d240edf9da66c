"""A worker that an operator stops: after its task, for good, and also where its supervisor dies before."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, cast

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from tests.web.looking import worker as online
from tests.workers.supervisor.test_database_version import Ended
from tests.workers.supervisor.test_supervisor import NAME, Scripted, start
from workers.supervisor import fleet as program
from workers.supervisor import supervisor as worker
from workers.supervisor.supervisor import TaskWorker


@pytest.fixture
def child() -> Scripted:
    return Scripted()


@pytest.fixture
def stopped(services: Services, child: Scripted, monkeypatch: pytest.MonkeyPatch) -> TaskWorker:
    """A worker that has been asked to stop, and knows it."""
    monkeypatch.setattr(worker.select, "select", lambda *given: None)
    made = TaskWorker(NAME, services)
    made.child = cast(Any, child)
    made._report_to_mongodb()
    services.catalog.ask_to_stop(NAME, "bob")
    made._heed()
    return made


def test_its_task_runs_to_its_end_however_long_that_takes(
    services: Services, stopped: TaskWorker, child: Scripted, new_task: Callable[..., Task]
) -> None:
    task = new_task()
    services.tasks.claim(task.id, 1, NAME)
    child.said = [start(task)]
    assert stopped.stopping is not None
    stopped.stopping -= 100_000
    stopped._tick()
    assert services.tasks.get(task.id).worker == NAME and signal.SIGKILL not in child.signals
    assert stopped.asked_to_stop and child.told

    child.said, child.end = [{"end": str(task.id), "attempt": 1}], "ended with exit code 0"
    stopped._tick()
    stopped._tick()
    assert stopped.child is None


def test_a_signal_gives_its_task_the_usual_time_and_a_second_none(stopped: TaskWorker) -> None:
    stopped.request_stop(signal.SIGTERM, None)
    assert stopped.signaled and stopped._grace_s == stopped.services.settings.stop_grace_s
    stopped.request_stop(signal.SIGTERM, None)
    assert stopped._grace_s == 0.0


def fleet_of(monkeypatch: pytest.MonkeyPatch, processes: list[Ended], rounds: int) -> list[list[str]]:
    """Run a fleet of so many rounds over these processes; returns the options of those that it starts."""
    started: list[list[str]] = []
    left, size = iter(processes), len(processes)
    fleet = program.Fleet(2, reload=False, secrets={})

    def begin(options: list[str], secrets: Any) -> Ended:
        started.append(options)
        return next(left)

    def nap(seconds: float) -> None:
        nonlocal rounds
        rounds -= 1
        if rounds == 0:
            fleet._stop(signal.SIGTERM, None)

    monkeypatch.setattr(program, "_start", begin)
    monkeypatch.setattr(program, "adopt", lambda: False)
    monkeypatch.setattr(program.signal, "signal", lambda *given: None)
    monkeypatch.setattr(program.time, "sleep", nap)
    fleet.run()
    assert len(started) == size
    return started


def test_the_fleet_starts_no_other_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet_of(monkeypatch, [Ended(program.STOPPED), Ended(None)], rounds=5)


def test_one_that_died_is_replaced_by_one_that_knows_which(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Ended(-9)
    started = fleet_of(monkeypatch, [dead, Ended(None), Ended(None)], rounds=5)
    assert started == [[], [], ["--replaces", str(dead.pid)]]


def test_one_that_replaces_a_stopped_worker_ends_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "connect", lambda settings: services)
    monkeypatch.setattr(program, "set_up", lambda *given: None)
    monkeypatch.setattr(program.version, "require", lambda db: None)
    monkeypatch.setattr(program.socket, "gethostname", lambda: "box")
    online(services, "box.7")
    services.catalog.ask_to_stop("box.7", "bob")
    with pytest.raises(SystemExit) as ended:
        program.supervise(services.settings, reload=False, replaces=7, alone=False)
    assert ended.value.code == program.STOPPED
