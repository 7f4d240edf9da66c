"""How many tasks end in a second: what counts as working, and when nothing is said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.listing import stats as figures
from app.core.tasks.states import Status
from tests.core.conftest import an_error

LATELY = timedelta(minutes=10)


@pytest.fixture
def pace(services):
    return lambda: services.stats.pace(LATELY)


@pytest.fixture
def work(running, services, clock):
    """A number of tasks that each take so many seconds, one after the other."""

    def end(count: int, seconds: float) -> None:
        for _ in range(count):
            task = running()
            clock.advance(seconds=seconds)
            assert services.tasks.succeed(task, None)

    return end


def test_a_few_tasks_are_no_pace(pace, work):
    work(4, 2)
    assert pace() is None
    work(1, 2)
    assert pace() == pytest.approx(0.5)


def test_workers_that_rest_are_not_slow(pace, work, clock):
    for _ in range(3):
        work(2, 2)
        clock.advance(minutes=2)
    assert pace() == pytest.approx(0.5)


def test_a_moment_between_two_tasks_is_part_of_the_work(pace, work, clock):
    for _ in range(10):
        work(1, 0.01)
        clock.advance(milliseconds=90)
    assert pace() == pytest.approx(10, rel=0.15)


def test_two_at_a_time_are_twice_as_fast(pace, running, services, clock):
    for _ in range(3):
        pair = running(), running()
        clock.advance(seconds=4)
        assert all([services.tasks.succeed(task, None) for task in pair])
    assert pace() == pytest.approx(0.5)


def test_failures_are_work_and_cancellations_are_not(pace, running, task_in, services, clock):
    for _ in range(5):
        task = running()
        clock.advance(seconds=2)
        services.tasks.fail(task, an_error())
    for _ in range(20):
        task_in(Status.CANCELED)
    assert pace() == pytest.approx(0.5)


def test_many_of_the_last_moments_tell_more_than_what_was_before(pace, work):
    work(10, 30)
    work(2 * figures.PACE_SURE, 1)
    assert pace() == pytest.approx(1, rel=0.1)


def test_what_ended_long_ago_says_nothing(pace, work, clock):
    work(6, 2)
    clock.advance(minutes=11)
    assert pace() is None


def test_one_long_task_does_not_hide_that_others_are_quick(pace, work, running, services, clock, monkeypatch):
    monkeypatch.setattr(figures, "PACE_READ", 6)
    monkeypatch.setattr(figures, "PACE_SURE", 6)
    long = running()
    work(30, 60)
    work(5, 1)
    assert services.tasks.succeed(long, None)
    assert pace() == pytest.approx(6 / 4)


def test_ends_at_one_moment_are_fast_and_no_error(pace, work):
    work(5, 0)
    assert pace() == pytest.approx(5_000)
