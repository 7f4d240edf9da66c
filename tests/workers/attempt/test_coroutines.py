"""Coroutine functions as task types: run, interrupted wherever they are, and followed by a clean process."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import FrameType
from typing import Any

import pytest

from app.core.services import Services
from dtq import Canceled, Context, Fail, Retry, task
from dtq._types.task_type import registered
from tests.workers import awaiting
from workers.attempt import coroutines
from workers.attempt.attempt import Failed, Outcome, Succeeded, TimedOut, WasCanceled, attempt
from workers.attempt.context import AttemptContext
from workers.attempt.coroutines import interrupt
from workers.in_process import local_task
from workers.supervisor.attempt_monitor import TIMEOUT_KILL_AFTER_S
from workers.testing import Trial, Upload, run

Running = Callable[[bool], None]


@pytest.fixture
def after() -> Iterator[Callable[[float, type[BaseException]], Running]]:
    """What interrupts a function a while after it has begun, as the supervisor's signal does in a child.

    Garbage of other tests has finalizers, in which Python drops what is raised: none is collected meanwhile.
    A child that drops its interrupt is killed after a while; here it is interrupted again.
    """

    def arm(seconds: float, error: type[BaseException]) -> Running:
        begun = [False]

        def running(now: bool) -> None:
            begun[0] = now
            signal.setitimer(signal.ITIMER_REAL, seconds if now else 0, TIMEOUT_KILL_AFTER_S)

        def handle(number: int, frame: FrameType | None) -> None:
            if begun[0]:
                interrupt(error(), frame)

        signal.signal(signal.SIGALRM, handle)
        return running

    before = signal.getsignal(signal.SIGALRM)
    gc.disable()
    yield arm
    gc.enable()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def outcome_of(
    services: Services,
    function: Any,
    canceled: Callable[[], bool] = lambda: False,
    running: Running = lambda begun: None,
    **params: Any,
) -> Outcome:
    kind = registered(function)
    claimed = local_task(kind, params)
    with closing(AttemptContext(claimed, services, canceled)) as context:
        return attempt(claimed, kind, context, running)


def test_it_runs_with_all_that_a_context_offers() -> None:
    awaiting.CHOSEN.set("by the test")
    ran = run(awaiting.await_everything, source=Upload("in.txt", b"four"), parts=3)

    assert ran.result == {"numbers": [0, 1, 2], "size": 4, "file": "out.txt", "chosen": "by the test"}
    assert ran.files == {"out.txt": b"kept"}
    assert [each["message"] for each in ran.progress] == ["part 0", "part 1", "part 2"]
    assert "printed by part 2" in ran.log and "logged" in ran.log


def test_it_runs_in_an_asynchronous_test() -> None:
    async def test() -> Any:
        awaiting.CHOSEN.set("by a coroutine")
        return run(awaiting.await_everything).result

    assert asyncio.run(test())["chosen"] == "by a coroutine"


@pytest.mark.parametrize("error", [TimedOut, Canceled])
@pytest.mark.parametrize("how", [*awaiting.WAYS])
def test_an_interrupt_ends_it_wherever_it_is(
    services: Services, after: Any, how: str, error: type[BaseException]
) -> None:
    began = time.monotonic()
    outcome = outcome_of(services, awaiting.linger, running=after(0.3, error), how=how)

    assert time.monotonic() - began < 10
    if error is Canceled:
        assert outcome == WasCanceled()
    else:
        assert isinstance(outcome, Failed) and outcome.error["kind"] == "timeout"
        assert how == "swallow_once" or "awaiting.py" in outcome.error["traceback"]
        assert coroutines.__file__ not in outcome.error["traceback"]
        assert "attempt/attempt.py" not in outcome.error["traceback"]


@pytest.mark.parametrize("begin_s", [0.0004, 0.01])
def test_an_interrupt_at_any_moment_of_a_busy_loop_is_heeded(
    services: Services, after: Any, begin_s: float
) -> None:
    """Also while the loop is being made; what is raised there would leave half a loop or lose a step."""
    for number in range(25):
        running = after(begin_s + number * 0.00037, TimedOut)
        outcome = outcome_of(services, awaiting.linger, running=running, how="spin")
        assert isinstance(outcome, Failed) and outcome.error["kind"] == "timeout"


@pytest.mark.parametrize("where", ["main", "background"])
def test_a_cancellation_is_heeded_by_whichever_task_asks(services: Services, where: str) -> None:
    until = time.monotonic() + 0.1
    outcome = outcome_of(services, awaiting.heed, lambda: time.monotonic() > until, where=where)

    assert outcome == WasCanceled()


@pytest.mark.parametrize(
    ("how", "kind", "retry", "said"),
    [
        ("fail", "failed", False, "This cannot work."),
        ("retry", "retry", True, "Not yet."),
        ("exit", "exit", True, "SystemExit: 3"),
        ("canceled", "error", True, "CancelledError"),
        ("error", "error", True, "ValueError: deep inside"),
        ("coroutine", "result", False, "it holds a coroutine, which nothing has run"),
        ("async_generator", "result", False, "it holds an asynchronous generator, which nothing has run"),
        ("future", "result", False, "it holds an awaitable (Future), which nothing has run"),
    ],
)
def test_each_way_to_end_is_its_outcome(
    services: Services, how: str, kind: str, retry: bool, said: str
) -> None:
    outcome = outcome_of(services, awaiting.fall, how=how)

    assert isinstance(outcome, Failed)
    assert (outcome.error["kind"], outcome.retry) == (kind, retry)
    assert said in outcome.error["message"]


@pytest.mark.filterwarnings("error")
def test_a_function_that_returns_a_coroutine_fails_with_a_sentence(services: Services) -> None:
    outcome = outcome_of(services, awaiting.not_awaited)

    assert isinstance(outcome, Failed) and outcome.error["kind"] == "result"
    assert "Await it" in outcome.error["message"]


def test_tasks_that_it_leaves_are_canceled_within_the_attempt(
    services: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(outcome_of(services, awaiting.leave_tasks), Succeeded)
    assert capfd.readouterr().out.count("left behind, ended") == 3


def test_nothing_of_it_reaches_the_next_attempt(services: Services) -> None:
    def loop_of_a_thread() -> list[Any]:
        """A thread of its own, as this one may have had a loop before."""
        seen: list[Any] = []

        def look() -> None:
            outcome_of(services, awaiting.leave_tasks)
            seen.append(asyncio.get_event_loop_policy()._local.__dict__.get("_set_called", False))  # type: ignore[attr-defined]

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return seen

    awaiting.CHOSEN.set("before")
    if sys.version_info[:2] in [(3, 11), (3, 12), (3, 13)]:
        assert loop_of_a_thread() == [False]
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@task(title="Several errors")
async def several(ctx: Context, how: str) -> None:
    """Fail in a group."""
    errors: dict[str, list[BaseException]] = {
        "errors": [ValueError("first"), KeyError("second")],
        "fail": [ValueError("first"), Fail("This cannot work.")],
        "retry": [Retry("Busy."), Retry("Busy, too.")],
        "mixed": [Retry("Busy."), ValueError("first")],
        "timeout": [ValueError("first"), TimedOut()],
        "canceled": [TimedOut(), Canceled()],
        "many": [ValueError(str(number)) for number in range(100)],
    }
    raise BaseExceptionGroup("several went wrong", [BaseExceptionGroup("inner", errors[how])])


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("errors", "error", "ValueError: first; KeyError: 'second'"),
        ("fail", "failed", "This cannot work."),
        ("retry", "retry", "Busy."),
        ("mixed", "error", "Retry: Busy.; ValueError: first"),
        ("timeout", "timeout", "took longer than"),
        ("canceled", "timeout", "took longer than"),
        ("many", "error", "ValueError: 2; and 97 more"),
    ],
)
def test_a_group_of_errors_is_the_outcome_that_decides(
    services: Services, how: str, kind: str, said: str
) -> None:
    outcome = outcome_of(services, several, how=how)

    assert isinstance(outcome, Failed)
    assert outcome.error["kind"] == kind
    assert said in outcome.error["message"]


def test_a_cancellation_can_be_tried_in_a_test() -> None:
    with pytest.raises(Canceled):
        Trial(cancel_at=2).run(awaiting.heed)
