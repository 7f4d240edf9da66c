"""The end of an attempt: whatever its author got wrong and whatever MongoDB says, its code ran once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson.errors import InvalidDocument
from pymongo.errors import AutoReconnect, OperationFailure

from app.core.queue.pauses import Paused
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from dtq import Context, File, Retry, task
from dtq._types.task_type import registered
from workers.attempt import child as children
from workers.attempt.child import Child
from workers.attempt.context import AttemptContext
from workers.attempt.journal import journal_of, replay

Submit = Callable[..., Task]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyError("words")


def odd_name(ctx: Context) -> None:
    ctx.progress(1, 2, os.fsdecode(b"caf\xe9\x00.txt"))


def exact(ctx: Context) -> None:
    ctx.progress(Decimal("0.5"), 2)  # type: ignore[arg-type]  # what an author may do, and it is a number


def wordless(ctx: Context) -> None:
    raise Unspeakable


def header(ctx: Context) -> None:
    raise Retry("busy", after_s="30")  # type: ignore[arg-type]  # as a Retry-After header is


SLIPS = {
    odd_name: (Status.SUCCEEDED, None),
    exact: (Status.SUCCEEDED, None),
    wordless: (Status.FAILED, "Unspeakable: what it says cannot be read, as its __str__ raises KeyError"),
    header: (Status.FAILED, "TypeError: Retry takes a number as `after_s`, not str."),
}


@task(title="Slip")
def slip(ctx: Context, number: int) -> str:
    ctx.progress(0)  # the next report comes at the end
    list(SLIPS)[number](ctx)
    return "done"


@task(title="Read a file")
def read_a_file(ctx: Context, source: File) -> str:
    return source.name


@pytest.fixture
def bob(child: Child, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """A worker's child with a journal of its own, that does not sleep between its tries."""
    monkeypatch.setattr(children, "AWAY_S", 0.0)
    settings = dataclasses.replace(services.settings, worker_state_dir=str(tmp_path / "state"))
    child.settings, child.journal = settings, journal_of(settings)
    child.types = {**child.types, "slip": registered(slip), "read_a_file": registered(read_a_file)}
    return child


def handle(child: Child) -> None:
    child._handle(child.services.queues.take(0) or "")


@pytest.mark.parametrize("number", range(len(SLIPS)), ids=[each.__name__ for each in SLIPS])
def test_a_slip_of_an_author_ends_the_attempt_and_not_the_child(
    bob: Child, services: Services, new_task: Submit, number: int
) -> None:
    submitted = new_task(type="slip", params={"number": number}, max_attempts=1)
    handle(bob)

    status, message = list(SLIPS.values())[number]
    ended = services.tasks.get(submitted.id)
    assert (ended.status, ended.attempt, ended.error and ended.error["message"]) == (status, 1, message)


def test_a_worker_that_stops_does_not_wait_for_mongodb_to_begin_a_task(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = new_task(type="echo")
    bob.signals.stop = True
    monkeypatch.setattr(services.tasks, "take", full)
    handle(bob)

    assert services.tasks.get(submitted.id).status is Status.QUEUED


def full(*given: Any, **named: Any) -> Any:
    raise OperationFailure("No space left on device", 14031)


def test_an_outcome_waits_while_mongodb_has_no_room(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted, succeed, answers = new_task(type="echo"), services.tasks.succeed, iter([full, full])
    monkeypatch.setattr(
        services.tasks, "succeed", lambda *given, **named: next(answers, succeed)(*given, **named)
    )
    handle(bob)

    assert services.tasks.get(submitted.id).status is Status.SUCCEEDED
    assert list(bob.journal.folder.iterdir()) == []


def test_one_for_which_there_is_never_room_is_left_to_the_next_worker(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted, job_id = new_task(type="echo"), services.queues.take(0)
    bob.signals.stop = True
    with monkeypatch.context() as no_room:
        no_room.setattr(services.tasks, "_update_if_leased", full)
        bob._handle(job_id or "")
    assert services.tasks.get(submitted.id).status is Status.RUNNING

    assert replay(services, bob.journal) == 1
    assert services.tasks.get(submitted.id).status is Status.SUCCEEDED


@pytest.mark.parametrize("error", [InvalidDocument("no such value"), TypeError("a defect")])
def test_progress_that_cannot_be_written_costs_no_success(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*given: Any) -> bool:
        raise error

    submitted = new_task(type="slip", params={"number": 1})
    job_id = services.queues.take(0)
    monkeypatch.setattr(services.tasks, "report_progress", refuse)
    monkeypatch.setattr(AttemptContext, "_report", lambda self: None)
    bob._handle(job_id or "")

    assert services.tasks.get(submitted.id).status is Status.SUCCEEDED


@pytest.mark.parametrize("error", [OverflowError("9 bytes"), TypeError("a defect")])
def test_an_outcome_that_can_never_be_written_is_a_failure_with_a_sentence(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*given: Any, **named: Any) -> bool:
        raise error

    submitted = new_task(type="echo", max_attempts=3)
    monkeypatch.setattr(services.tasks, "succeed", refuse)
    handle(bob)

    ended = services.tasks.get(submitted.id)
    assert (ended.status, ended.attempt) == (Status.FAILED, 1)
    assert ended.error and type(error).__name__ in ended.error["message"]


def test_the_supervisor_knows_before_the_first_write_and_the_journal_soon_after(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[Any] = []

    def write_down(*given: Any) -> Status:
        happened.append("write")
        if happened.count("write") < 3:
            raise AutoReconnect("away")
        return Status.SUCCEEDED

    def timeout(seconds: float | None) -> Any:
        happened.append(seconds)
        return nullcontext()

    monkeypatch.setattr(bob, "_paused_now", Paused)
    monkeypatch.setattr(bob.lines, "hold", lambda **line: happened.append(next(iter(line))))
    monkeypatch.setattr(children, "write_down", write_down)
    monkeypatch.setattr(pymongo, "timeout", timeout)
    new_task(type="echo")
    handle(bob)

    first, later = [children.FIRST_TRY_S, "write"], [None, "write"]
    assert happened == ["start", "over", *first, "kept", *later, *later, "end"]


def test_a_store_that_goes_away_before_the_code_began_costs_no_attempt(
    bob: Child, services: Services, new_task: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (bob.folder / "a.txt").open("w+b") as content:
        stored = services.files.save(content, "a.txt", "text/plain", "alice", role="input")
    params = {"source": str(stored.id)}
    submitted = new_task(type="read_a_file", params=params, files=(stored.id,), max_attempts=1)

    def away(file_id: Any, task_id: Any) -> Any:
        raise AutoReconnect("away")

    with monkeypatch.context() as hiccup:
        hiccup.setattr(services.files, "get_of_task", away)
        handle(bob)
    again = services.tasks.get(submitted.id)
    assert (again.status, again.history[-1]["outcome"]) == (Status.QUEUED, "handed_back")

    handle(bob)
    ended = services.tasks.get(submitted.id)
    assert (ended.status, ended.result, ended.crashes) == (Status.SUCCEEDED, "a.txt", 0)
