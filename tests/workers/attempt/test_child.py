"""The loop of the child, without its process: what it does with a message, and with its clock."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest
from pymongo.errors import AutoReconnect

from app.core import clock
from app.core.catalog import ModuleProblem, WorkerInfo
from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from dtq import TaskTypeError
from tests.core.access.people import BOB
from workers.attempt import child as children
from workers.attempt.child import Child
from workers.attempt.orphans import CleanedUp
from workers.types.loading import LoadedTypes


def served_by_another(services: Services, type: str, now: datetime | None = None) -> None:
    seen_at = now or utcnow()
    services.catalog.report(WorkerInfo("w2", "host", 2, "1", seen_at, seen_at, types=(type,)))


@pytest.mark.parametrize(("served", "least", "most"), [(True, 0.5, 1), (False, 15, 30)])
def test_a_task_whose_type_is_not_here_waits_for_a_worker_that_has_it(
    services: Services, child: Child, new_task: Callable[..., Task], document: Any,
    served: bool, least: float, most: float,
) -> None:  # fmt: skip
    task = new_task(type="rare", max_attempts=1)
    if served:
        served_by_another(services, "rare")

    child._handle(services.queues.take(0) or "")

    defer = services.tasks.get(task.id)
    assert (defer.status, defer.attempt, defer.max_attempts) == (Status.SCHEDULED, 0, 1)
    assert defer.run_at and least - 1 <= (defer.run_at - utcnow()).total_seconds() <= most
    assert (defer.history, defer.error) == ([], None)


def test_it_waits_for_weeks_without_growing_and_then_runs(
    services: Services, child: Child, new_task: Callable[..., Task], clock: Any, document: Any
) -> None:
    task = new_task(type="rare", max_attempts=1)
    sizes = set()
    for _ in range(50):
        child._handle(services.queues.take(0) or "")
        sizes.add(len(document(task)))
        clock.advance(minutes=5)
        assert services.recovery.stage() == 1
    assert len(sizes) == 1

    child.types["rare"] = child.types["echo"]
    child._handle(services.queues.take(0) or "")

    ended = services.tasks.get(task.id)
    assert (ended.status, ended.attempt, ended.put_offs) == (Status.SUCCEEDED, 1, 0)


def test_it_is_offered_more_seldom_the_longer_it_finds_only_workers_that_lack_it(
    services: Services, child: Child, new_task: Callable[..., Task], clock: Any
) -> None:
    task = new_task(type="rare")
    waits = []
    for _ in range(8):
        served_by_another(services, "rare", clock.now)
        child._handle(services.queues.take(0) or "")
        waits.append((services.tasks.get(task.id).run_at - clock.now).total_seconds())
        clock.advance(seconds=31)
        services.recovery.stage()

    assert waits[0] <= 1 and 15 <= waits[-1] <= 30
    assert all(later > earlier / 2 for earlier, later in itertools.pairwise(waits))


def test_a_task_of_a_paused_type_waits_and_starts_at_once_when_it_is_resumed(
    services: Services, child: Child, new_task: Callable[..., Task], clock: Any
) -> None:
    services.catalog.publish([child.types["echo"].document()], "w1")
    services.pauses.pause("echo", "bob", "Broken")
    task, other = new_task(type="echo", max_attempts=1), new_task(type="doze", params={"seconds": 0})
    for _ in range(2):
        child._handle(services.queues.take(0) or "")

    paused = services.tasks.get(task.id)
    assert (paused.status, paused.attempt, paused.put_offs) == (Status.SCHEDULED, 0, 1)
    assert services.tasks.get(other.id).status is Status.SUCCEEDED

    services.access(BOB).operations.resume_type("echo")
    clock.advance(seconds=1)
    child._pauses_read = float("-inf")
    assert services.recovery.stage() == 1
    child._handle(services.queues.take(0) or "")
    assert services.tasks.get(task.id).status is Status.SUCCEEDED


def test_a_type_that_is_resumed_while_its_task_is_deferred_waits_no_longer(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    services.catalog.publish([child.types["echo"].document()], "w1")
    services.pauses.pause("echo", "bob", "Broken")
    task, defer = new_task(type="echo"), services.tasks.defer

    def resumed_first(*given: Any) -> bool:
        services.access(BOB).operations.resume_type("echo")
        return defer(*given)

    monkeypatch.setattr(services.tasks, "defer", resumed_first)
    child._handle(services.queues.take(0) or "")
    waiting = services.tasks.get(task.id)
    assert waiting.run_at and (waiting.run_at - utcnow()).total_seconds() < 1


def test_a_claim_whose_answer_was_lost_is_still_ours(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "AWAY_S", 0.0)
    task, take, answers = new_task(type="echo", max_attempts=1), services.tasks.take, iter([False])

    def lose_the_first_answer(*given: Any) -> Task | None:
        taken = take(*given)
        if next(answers, True):
            return taken
        raise AutoReconnect("The answer was lost.")

    monkeypatch.setattr(services.tasks, "take", lose_the_first_answer)
    child._handle(services.queues.take(0) or "")

    assert (services.tasks.get(task.id).status, services.tasks.get(task.id).attempt) == (Status.SUCCEEDED, 1)


def test_the_clock_is_measured_once_a_minute_and_again_when_mongodb_was_away(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, measured = iter([100.0, 100.0, 110.0, 161.0, 162.0, 162.0, 163.0]), []

    def measure(db: Any) -> timedelta:
        measured.append(db)
        if len(measured) == 2:
            raise AutoReconnect("away")
        return timedelta(0)

    monkeypatch.setattr(clock, "synchronise", measure)
    monkeypatch.setattr(children.time, "monotonic", lambda: next(seconds))

    for expected in (1, 1, 2, 3, 3):
        child._keep_time()
        assert len(measured) == expected


def test_a_child_that_has_grown_is_replaced_after_its_task(
    services: Services, child: Child, new_task: Callable[..., Task]
) -> None:
    child._next = lambda: services.queues.take(0)
    for limit, left in ((0, 0), (100_000, 0), (1, 2)):
        child.settings = dataclasses.replace(child.settings, worker_recycle_mb=limit)
        child._measured = float("-inf")
        tasks = [new_task(type="echo") for _ in range(3)]

        child.loop()

        waiting = [task for task in tasks if services.tasks.get(task.id).status is Status.QUEUED]
        assert len(waiting) == left


def test_a_child_whose_folder_was_removed_takes_nothing_more(
    services: Services, child: Child, new_task: Callable[..., Task]
) -> None:
    child.folder.rmdir()
    task = new_task(type="echo")

    child.loop()

    assert services.tasks.get(task.id).status is Status.QUEUED and services.queues.take(0) == task.job_id


@pytest.mark.parametrize(("missed", "second"), [(False, Status.SUCCEEDED), (True, Status.QUEUED)])
def test_a_child_whose_task_left_processes_is_replaced_only_when_something_misses_one(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch,
    missed: bool, second: Status,
) -> None:  # fmt: skip
    monkeypatch.setattr(children, "end_strays_of_task", lambda ours: CleanedUp(1, missed))
    child._next = lambda: services.queues.take(0)
    tasks = [new_task(type="echo") for _ in range(2)]

    child.loop()

    assert [services.tasks.get(task.id).status for task in tasks] == [Status.SUCCEEDED, second]


def test_the_end_of_an_attempt_is_told_with_the_next_start_or_before_a_wait(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_now, told, waits = services.queues.take, [], []

    def take(wait_s: float, paused: Any) -> str | None:
        waits.append(bool(wait_s))
        child.signals.stop = waits[1:] != [] and wait_s > 0
        return take_now(0, paused)

    def write(to: int, said: bytes) -> int:
        told.append([next(iter(json.loads(line))) for line in said.splitlines()])
        return len(said)

    monkeypatch.setattr(services.queues, "take", take)
    monkeypatch.setattr(children.os, "write", write)
    for _ in range(2):
        new_task(type="echo")

    child.loop()

    assert told == [["start"], ["over"], ["end", "start"], ["over"], ["end"], ["leaves"]]
    assert waits == [True, False, False, True]


@pytest.mark.parametrize("left", [["thread"], []])
def test_a_child_whose_task_left_threads_is_replaced(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch,
    left: list[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(child._threads, "left", lambda: left)
    child._next = lambda: services.queues.take(0)
    tasks = [new_task(type="echo") for _ in range(2)]

    child.loop()

    second = Status.QUEUED if left else Status.SUCCEEDED
    assert [services.tasks.get(task.id).status for task in tasks] == [Status.SUCCEEDED, second]


def test_after_each_task_the_signals_are_the_childs_again(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", installed.__setitem__)
    new_task(type="echo")

    child._handle(services.queues.take(0) or "")

    assert installed == child.signals._handlers and signal.SIGTERM in installed


def test_a_type_that_cannot_be_published_keeps_no_other_from_being_run(
    services: Services, child: Child, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = child.types["echo"], dataclasses.replace(child.types["doze"], timeout_s=2**64)
    loaded = LoadedTypes({"doze": bad, "echo": good})
    monkeypatch.setattr(children, "load_each", lambda *given: loaded)
    monkeypatch.setattr(children, "set_up", lambda *_: None)

    def encode(types: list[Any], worker: str) -> None:
        bson.encode(types[0])

    monkeypatch.setattr(services.catalog, "publish", encode)
    child.start()

    assert list(child.types) == ["echo"]
    assert "doze cannot be published" in caplog.text


def test_where_no_module_could_be_loaded_no_task_is_taken(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = LoadedTypes({}, [ModuleProblem("bad", "bad cannot be imported.")])
    monkeypatch.setattr(children, "load_each", lambda *given: bad)
    monkeypatch.setattr(children, "set_up", lambda *_: None)
    with pytest.raises(TaskTypeError):
        child.start()


def test_it_takes_nothing_from_a_paused_queue(
    services: Services, child: Child, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "PAUSES_S", 0.0)
    monkeypatch.setattr(children, "WAIT_S", 0.0)
    services.pauses.pause(Priority.HIGH, "bob", "")
    urgent, other = new_task(priority="high"), new_task(priority="low")
    assert child._next() == other.job_id
    services.pauses.resume(Priority.HIGH)
    assert child._next() == urgent.job_id


def test_while_mongodb_is_away_what_was_paused_stays_so(
    services: Services, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise AutoReconnect("away")

    monkeypatch.setattr(children, "PAUSES_S", 0.0)
    services.pauses.pause(Priority.HIGH, "bob", "")
    services.pauses.pause("echo", "bob", "")
    before = child._paused_now()
    assert (set(before.queues), set(before.types)) == ({Priority.HIGH}, {"echo"})
    monkeypatch.setattr(services.pauses, "read", away)
    assert child._paused_now() == before
