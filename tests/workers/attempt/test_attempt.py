"""One attempt: each way in which a function can end becomes one outcome, and that is what is stored."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from app.core.secrets.redaction import Mask
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from dtq import Canceled, Context, File, Retry, task
from dtq._types.task_type import registered
from dtq.filenames import safe_name
from workers.attempt.attempt import (
    Failed,
    NotBegun,
    Outcome,
    ResultError,
    ResultFault,
    Succeeded,
    TimedOut,
    WasCanceled,
    attempt,
    plain,
    result_fault,
    returned,
    settle,
)
from workers.attempt.context import AttemptContext
from workers.in_process import local_task

Run = Callable[..., tuple[Task, Any]]


def test_a_return_value_is_the_result(run: Run) -> None:
    task, _ = run("give", {"what": "none"})

    assert (task.status, task.result, task.attempt) == (Status.SUCCEEDED, None, 1)
    assert task.history[-1]["outcome"] == "succeeded"


def test_fail_is_for_good_even_with_attempts_left(run: Run) -> None:
    task, _ = run("refuse", max_attempts=5)

    assert task.status is Status.FAILED
    assert task.error and task.error["message"] == "This cannot work, whatever is tried."
    assert task.error["traceback"] == ""


def test_retry_schedules_another_attempt(run: Run) -> None:
    task, _ = run("again", max_attempts=2)

    assert task.status is Status.SCHEDULED
    assert task.run_at is not None and task.lease is None


def test_an_exit_is_a_failure_with_a_sentence(run: Run) -> None:
    task, _ = run("die", {"how": "system_exit"})

    assert task.status is Status.FAILED
    assert task.error and "SystemExit: 3" in task.error["message"]


def test_parameters_that_do_not_fit_are_a_failure_and_not_retried(run: Run) -> None:
    task, _ = run("doze", {"seconds": "soon"}, max_attempts=3)

    assert task.status is Status.FAILED
    assert task.error and "seconds" in task.error["message"]


def test_the_traceback_begins_in_the_task(run: Run) -> None:
    task, _ = run("give", {"what": "no such thing"})

    assert task.error and "KeyError" in task.error["message"]
    assert "samples.py" in task.error["traceback"] and "attempt/attempt.py" not in task.error["traceback"]


@task(title="Say much")
def say_much(ctx: Context, how: str) -> Any:
    """Fail or return with more than is shown."""
    if how == "message":
        raise ValueError("begin " + "m" * 50_000 + " end") from KeyError("the root")
    if how == "bytes":
        return {"content": b"\xff\xfe"}
    return {"text": "Ж", "half": "\ud800"}


def test_a_long_message_keeps_its_ends_and_the_root_cause(services: Services) -> None:
    outcome = _attempt(services, {"how": "message"}, say_much)

    assert isinstance(outcome, Failed)
    message, trace = outcome.error["message"], outcome.error["traceback"]
    assert len(message) == 2_000 and message.startswith("ValueError: begin") and message.endswith(" end")
    assert "characters left out" in message and "characters left out" in trace
    assert "KeyError: 'the root'" in trace and "in say_much" in trace and "test_attempt.py" in trace


def test_bytes_that_are_no_text_say_what_to_do(services: Services) -> None:
    outcome = _attempt(services, {"how": "bytes"}, say_much)

    assert isinstance(outcome, Failed) and not outcome.retry
    assert "bytes that are not UTF-8 text. Keep them as a file" in outcome.error["message"]


def test_a_result_is_written_readable(services: Services) -> None:
    outcome = _attempt(services, {"how": "return"}, say_much)

    assert isinstance(outcome, Succeeded)
    assert outcome.encoded == '{"text": "Ж", "half": "\\ud800"}'.encode()
    assert json.loads(outcome.encoded) == outcome.result


@pytest.mark.parametrize("what", ["nan", "object"])
def test_a_result_that_is_not_json_is_a_labelled_failure(run: Run, what: str) -> None:
    task, _ = run("give", {"what": what}, max_attempts=3)

    assert task.status is Status.FAILED
    assert task.error and "its result cannot be kept" in task.error["message"]


def holding_itself() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def nested(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (holding_itself(), ResultFault.NESTING),
        (nested(5_000), ResultFault.NESTING),
        (b"\xff", ResultFault.NOT_TEXT),
        ([object()], ResultFault.OTHER),
    ],
)
def test_pydantic_s_errors_are_told_apart(result: Any, fault: ResultFault) -> None:
    with pytest.raises(ResultError) as raised:
        plain(result)

    assert isinstance(raised.value.__cause__, Exception)
    assert result_fault(raised.value.__cause__) is fault


@pytest.mark.parametrize("result", [float("inf"), {"a": [1, float("nan")]}, [object(), holding_itself()]])
def test_why_a_result_is_not_json_is_told(result: Any) -> None:
    outcome = returned(result, Mask())

    assert isinstance(outcome, Failed)
    assert ("not finite" in outcome.error["message"]) is not isinstance(result, list)


@pytest.mark.parametrize("what", ["big", "wide_int", "dollar", "deep"])
def test_a_result_that_a_document_cannot_hold_becomes_a_file(run: Run, services: Services, what: str) -> None:
    task, outcome = run("give", {"what": what})

    assert task.status is Status.SUCCEEDED and task.result is None and task.result_file is not None
    assert json.loads(b"".join(services.files.chunks(task.result_file))) == outcome.result
    assert [file.id for file in services.files.of_task(task.id)] == [task.result_file]


@pytest.mark.parametrize("what", ["none", "big"])
def test_the_kind_of_its_result_stays_with_the_task(run: Run, services: Services, what: str) -> None:
    task, _ = run("give_a_table", {"what": what})

    assert task.result_kind == {"rows": "table"}
    assert services.tasks.get(task.id).result_kind == {"rows": "table"}


@pytest.mark.parametrize("what", ["surrogate", "bytes"])
def test_odd_text_ends_the_task_one_way_or_the_other(run: Run, what: str) -> None:
    task, _ = run("give", {"what": what})

    assert task.status.ended


def test_a_cancel_that_nobody_asked_for_begins_anew_once_and_then_fails(
    services: Services, new_task: Any
) -> None:
    submitted, seen = new_task(max_attempts=1), []
    for _ in range(2):
        task = services.tasks.claim(submitted.id, len(seen) + 1, "w1")
        assert task
        settle(services, task, WasCanceled())
        ended = services.tasks.get(submitted.id)
        seen.append((ended.status, ended.max_attempts))

    assert seen == [(Status.QUEUED, 2), (Status.FAILED, 2)]
    assert ended.error and "nobody had canceled it" in ended.error["message"]
    assert [past["outcome"] for past in ended.history] == ["stray_cancel", "failed"]


@pytest.mark.parametrize("outcome", ["handed_back", "lost"])
def test_a_stray_cancel_that_an_earlier_version_recorded_counts(
    services: Services, new_task: Any, outcome: str
) -> None:
    """It wrote no code of its own, only this message."""
    submitted = new_task(max_attempts=2)
    message = "It was interrupted as if canceled, which nobody had asked for; it begins anew."
    past = {"attempt": 1, "worker": "w1", "outcome": outcome, "message": message}
    services.db.tasks.update_one({"_id": submitted.id}, {"$set": {"history": [past]}})
    task = services.tasks.claim(submitted.id, 1, "w1")
    assert task

    assert settle(services, task, WasCanceled()) is Status.FAILED


def test_an_attempt_that_is_no_longer_ours_writes_nothing(services: Services, new_task: Any) -> None:
    submitted = new_task()
    zombie = services.tasks.claim(submitted.id, 1, "zombie")
    assert zombie
    services.dispatch.crashed(zombie, "It was thought dead.")
    before = services.db.tasks.find_one({"_id": submitted.id})

    assert settle(services, zombie, Succeeded({"late": True}, b"{}")) is None
    assert services.db.tasks.find_one({"_id": submitted.id}) == before


def test_progress_is_written_at_most_twice_a_second(services: Services, new_task: Any) -> None:
    task = services.tasks.claim(new_task().id, 1, "worker")
    assert task
    context = AttemptContext(task, services, lambda: False)
    for step in range(1000):
        context.progress(step, 1000, f"step {step}")

    stored = services.tasks.get(task.id).progress
    assert stored and stored["done"] < 999
    assert context.progress_now == {"done": 999, "total": 1000, "message": "step 999"}


@pytest.mark.parametrize(
    ("done", "total", "error", "said"),
    [
        ("half", None, TypeError, "a number as `done`, not str"),
        (1, "3", TypeError, "a number as `total`, not str"),
        (float("nan"), 3, ValueError, "a finite number as `done`"),
        (1, 10**400, ValueError, "a finite number as `total`"),
    ],
)
def test_progress_is_told_in_finite_numbers(
    services: Services, new_task: Any, done: Any, total: Any, error: type[Exception], said: str
) -> None:
    context = AttemptContext(new_task(), services, lambda: False)
    with pytest.raises(error, match=rf"ctx\.progress takes {said}"):
        context.progress(done, total)
    assert context.progress_now is None

    context.progress(2**70, Fraction(1, 2))
    assert context.progress_now == {"done": 2.0**70, "total": 0.5, "message": ""}


@pytest.mark.parametrize("after_s", ["30", -1, float("nan"), float("inf"), 1e12])
def test_a_retry_waits_for_a_number_of_seconds_that_one_can_wait(after_s: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`after_s`, not"):
        Retry("busy", after_s=after_s)
    assert (Retry("busy", after_s=Decimal("1.5")).after_s, Retry().after_s) == (1.5, None)


@task(title="Long call")
def long_call(ctx: Context) -> None:
    raise ValueError("what a long call in C raised")


@pytest.mark.parametrize("signal", [TimedOut, Canceled])
def test_a_signal_that_comes_while_an_error_is_caught_is_an_outcome(
    services: Services, signal: type[BaseException]
) -> None:
    told: list[bool] = []

    def running(begun: bool) -> None:
        told.append(begun)
        if told == [True, False]:
            raise signal

    claimed = local_task(registered(long_call), {})
    context = AttemptContext(claimed, services, lambda: False)
    outcome = attempt(claimed, registered(long_call), context, running)

    assert told == [True, False, False]
    if isinstance(outcome, Failed):
        assert (signal, outcome.error["kind"]) == (TimedOut, "timeout")
    else:
        assert (signal, outcome) == (Canceled, WasCanceled())


@task(title="Size", max_attempts=2)
def size_of(ctx: Context, source: File) -> int:
    return source.size


@pytest.mark.parametrize("file_id", ["nonsense", "650000000000000000000000"])
def test_a_file_that_is_not_there_is_a_failure_and_not_retried(services: Services, file_id: str) -> None:
    outcome = _attempt(services, {"source": file_id})

    assert isinstance(outcome, Failed) and not outcome.retry
    assert "File not found" in outcome.error["message"]


@task(title="Name and length")
def named(ctx: Context, source: File) -> list[Any]:
    """Read a file that may have any name, and keep it again under that."""
    saved = ctx.save_file(source.path, source.name)
    return [source.path.read_text(), len(source.path.name.encode()), source.path.suffix, saved["name"]]


@pytest.mark.parametrize("name", ["字" * 84 + ".txt", "é" * 127 + ".txt", "../" + "x" * 250 + ".txt"])
def test_a_file_is_read_whatever_its_name_was_when_it_was_stored(services: Services, name: str) -> None:
    stored = services.files.save(io.BytesIO(b"content"), "a.txt", "text/plain", "local", role="input")
    services.db["files.files"].update_one({"_id": stored.id}, {"$set": {"filename": name}})
    outcome = _attempt(services, {"source": str(stored.id)}, named, [stored.id])

    assert isinstance(outcome, Succeeded)
    content, length, suffix, kept = outcome.result
    assert (content, suffix) == ("content", ".txt") and length <= 200
    assert kept == safe_name(name)


@pytest.mark.parametrize(("numbers", "inside"), [(300_000, True), (2_000_000, False)])
def test_a_result_whose_bson_would_be_too_large_is_a_file(
    services: Services, new_task: Any, numbers: int, inside: bool
) -> None:
    """As JSON each takes two bytes, as BSON up to fourteen."""
    services = replace(services, settings=replace(services.settings, result_max_kb=8_192))
    claimed = services.tasks.claim(new_task().id, 1, "worker")
    outcome = returned([0] * numbers, Mask())
    assert claimed and isinstance(outcome, Succeeded) and len(outcome.encoded) < 8_192 * 1024
    settle(services, claimed, outcome)

    ended = services.tasks.get(claimed.id)
    assert (ended.status, ended.result_file is None) == (Status.SUCCEEDED, inside)


def test_a_store_that_goes_away_before_the_function_begins_is_an_outcome(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(file_id: ObjectId, task_id: ObjectId) -> None:
        raise AutoReconnect("away")

    monkeypatch.setattr(services.files, "get_of_task", away)
    outcome = _attempt(services, {"source": "650000000000000000000000"})

    assert isinstance(outcome, NotBegun)
    assert "AutoReconnect" in outcome.message


def _attempt(
    services: Services, params: dict[str, Any], function: Any = None, files: Sequence[ObjectId] = ()
) -> Outcome:
    kind = registered(function or size_of)
    claimed = local_task(kind, params)
    services.files.attach([ObjectId(file_id) for file_id in files], claimed.id)
    with closing(AttemptContext(claimed, services, lambda: False)) as context:
        return attempt(claimed, kind, context, lambda begun: None)
