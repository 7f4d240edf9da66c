"""The supervisor with a child that is none: whom its signals reach, and how it replaces a child."""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from workers.supervisor import attempt_monitor, child_process
from workers.supervisor import fleet as program
from workers.supervisor import supervisor as worker
from workers.supervisor.child_process import ChildProcess
from workers.supervisor.supervisor import TaskWorker

NAME = "host.1"


class Scripted:
    """A child that says what it is told to say, and remembers its signals."""

    pid, folder, cannot_load = 1, Path("nowhere"), False

    def __init__(self) -> None:
        self.ready, self.told, self.end = True, cast("float | None", None), cast("str | None", None)
        self.said: list[dict[str, Any]] = []
        self.signals: list[int] = []
        self.answers: list[Any] = []

    def answer(self, content: Any) -> None:
        self.answers.append(content)

    def lines(self) -> list[dict[str, Any]]:
        said, self.said = self.said, []
        return said

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def stop(self) -> None:
        ChildProcess.stop(cast(Any, self))

    def ended(self) -> str | None:
        return self.end

    def kill(self) -> None: ...

    def bury(self) -> None: ...


@pytest.fixture
def child() -> Scripted:
    return Scripted()


@pytest.fixture
def supervisor(services: Services, child: Scripted, monkeypatch: pytest.MonkeyPatch) -> TaskWorker:
    monkeypatch.setattr(worker.select, "select", lambda *given: None)
    monkeypatch.setattr(worker, "TICK_S", 0.0)
    made = TaskWorker(NAME, services)
    made.child = cast(Any, child)
    return made


def start(task: Task) -> dict[str, Any]:
    return {"start": str(task.id), "attempt": 1, "timeout_s": 600, "memory_mb": 0}


def test_what_is_meant_for_one_attempt_does_not_reach_the_next(
    services: Services, supervisor: TaskWorker, child: Scripted,
    new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(attempt_monitor, "LOOK_EVERY_S", 0.0)
    first, second = new_task(), new_task()
    services.tasks.claim(first.id, 1, NAME)
    services.dispatch.cancel(first.id, "bob")
    real = services.tasks.cancel_requested

    def slowly(task: Task) -> bool:
        if task.id == first.id:
            child.said = [{"end": str(first.id), "attempt": 1}, start(second)]
        return real(task)

    monkeypatch.setattr(services.tasks, "cancel_requested", slowly)
    child.said = [start(first)]
    supervisor._tick()

    assert child.signals == []
    assert supervisor.current and supervisor.current.task_id == second.id


def test_a_secret_is_opened_for_the_task_that_runs_only(
    services: Services, supervisor: TaskWorker, child: Scripted, new_task: Callable[..., Task]
) -> None:
    mine, other = new_task(), new_task()
    tokens = [services.vault.seal(text, f"task:{task.id}") for text, task in (("a", mine), ("b", other))]
    child.said = [{"open": tokens[:1]}, start(mine), {"open": tokens[:1]}, {"open": tokens[1:]}]
    supervisor._tick()

    assert child.answers[0] == {"secrets": ["a"]}
    assert [list(answer) for answer in child.answers] == [["secrets"], ["refused"]]


@pytest.mark.parametrize("why", ["stop", "reload", "leaves"])
def test_an_idle_child_that_is_to_end_and_does_not_is_killed(
    supervisor: TaskWorker, child: Scripted, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "stop":
        supervisor.request_stop(signal.SIGTERM, None)
    elif why == "reload":
        child.stop()
    else:
        child.said = [{"leaves": True}]
    supervisor._tick()
    assert child.told and signal.SIGKILL not in child.signals and signal.SIGTERM in child.signals

    child.told = supervisor._idle_since = time.monotonic() - worker.LEAVE_S
    supervisor._tick()
    assert child.signals[-1] is signal.SIGKILL


def test_the_time_to_leave_begins_when_its_task_has_ended(
    services: Services, supervisor: TaskWorker, child: Scripted, new_task: Callable[..., Task]
) -> None:
    task = new_task()
    services.tasks.claim(task.id, 1, NAME)
    child.said = [start(task)]
    child.told = time.monotonic() - 100
    supervisor._tick()
    child.said = [{"end": str(task.id), "attempt": 1}]
    supervisor._tick()

    assert signal.SIGKILL not in child.signals


def test_a_child_that_ends_before_it_is_ready_is_started_again_after_a_pause_that_grows(
    supervisor: TaskWorker, child: Scripted
) -> None:
    waits, child.ready, child.end = [], False, "ended with exit code 1"
    for _ in range(7):
        supervisor._check(cast(Any, child))
        waits.append(round(supervisor._restart_at - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 30, 30]

    supervisor._restart_at, child.ready = 0.0, True
    supervisor._check(cast(Any, child))
    assert supervisor._restart_at == 0.0


def test_a_system_without_room_for_a_process_does_not_end_the_supervisor(
    supervisor: TaskWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(child_process.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(child_process.subprocess, "Popen", refuse)
    supervisor.child = None
    supervisor._tick()

    assert supervisor.child is None and supervisor._restart_at > time.monotonic()
    assert "cannot start a process for its tasks" in caplog.text and list(tmp_path.iterdir()) == []


def test_the_folder_of_somebody_else_is_none_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "worker-of-bob").mkdir()
    monkeypatch.setattr(child_process.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "is_file", refuse)
    child_process.bury_leftovers()

    assert (tmp_path / "worker-of-bob").is_dir()


class Told:
    """The process of a worker that ends when it is told to."""

    pid = 1

    def __init__(self) -> None:
        self.times = 0

    def poll(self) -> int | None:
        return 0 if self.times else None

    def terminate(self) -> None:
        self.times += 1


def test_a_stop_that_comes_while_a_worker_is_started_reaches_that_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet, started = program.Fleet(2, reload=False, secrets={}), [Told()]

    def begin(options: list[str], secrets: Mapping[str, str]) -> Told:
        fleet._stop(signal.SIGTERM, None)
        return started[0]

    rounds = iter(range(3))
    monkeypatch.setattr(program, "_start", begin)
    monkeypatch.setattr(program, "adopt", lambda: False)
    monkeypatch.setattr(program.signal, "signal", lambda *given: None)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: next(rounds))
    fleet.run()

    assert started[0].times == 1
