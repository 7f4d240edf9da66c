"""*Count slowly*: progress a step, on time, stopped at once, failing when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from dtq import Canceled
from dtq._types.task_type import registered
from dtq_library.demo import count_slowly
from tests.library.conftest import Recorder


@pytest.fixture
def context(services: Services, new_task: Callable[..., Task]) -> Recorder:
    return Recorder(new_task(), services, lambda: False)


def test_each_step_is_progress_and_a_line_of_the_log(context: Recorder, capsys: Any) -> None:
    result = count_slowly(context, seconds=0, steps=3)

    assert context.told == [(1, 3, "Step 1 of 3"), (2, 3, "Step 2 of 3"), (3, 3, "Step 3 of 3")]
    assert capsys.readouterr().out.splitlines() == ["Step 1 of 3.", "Step 2 of 3.", "Step 3 of 3."]
    assert result["steps"] == 3


def test_it_takes_as_long_as_it_was_asked_to(context: Recorder) -> None:
    began = time.monotonic()
    result = count_slowly(context, seconds=0.3, steps=4)

    assert 0.3 <= time.monotonic() - began < 60
    assert 0.29 < result["seconds"] < 60


def test_it_fails_at_the_step_it_was_told_and_counts_no_further(context: Recorder) -> None:
    with pytest.raises(RuntimeError, match="^Step 3 failed, as you asked.$"):
        count_slowly(context, seconds=0, steps=5, fail_at_step=3)

    assert [done for done, _, _ in context.told] == [1, 2]


def test_a_step_beyond_the_last_never_fails(context: Recorder) -> None:
    assert count_slowly(context, seconds=0, steps=2, fail_at_step=3)["steps"] == 2


def test_a_cancellation_is_seen_in_the_middle_of_a_step(
    services: Services, new_task: Callable[..., Task]
) -> None:
    deadline = time.monotonic() + 0.1
    context = Recorder(new_task(), services, lambda: time.monotonic() > deadline)

    with pytest.raises(Canceled):
        count_slowly(context, seconds=60, steps=1)

    assert time.monotonic() < deadline + 30


@pytest.mark.parametrize(
    "params", [{"seconds": -1}, {"seconds": 3601}, {"steps": 0}, {"steps": 1001}, {"fail_at_step": 0}]
)
def test_values_out_of_bounds_are_no_parameters(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        registered(count_slowly).arguments(params, files=lambda _: pytest.fail("there is no file"))
