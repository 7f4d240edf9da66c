"""The supervisor's eye on an attempt: it kills what is no longer ours, and not what has just ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from workers.attempt.limits import Limits
from workers.attempt.signals import CANCEL_GENTLY, CANCEL_NOW, TIME_OVER
from workers.supervisor import attempt_monitor
from workers.supervisor.attempt_monitor import Watch

NAME = "host.1"


class Recorded:
    """A child that only remembers what was done to it."""

    folder = Path("nowhere")

    def __init__(self) -> None:
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.fixture
def held(services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(attempt_monitor, "RENEW_EVERY_S", 0.0)
    claimed = services.tasks.claim(new_task().id, 1, NAME)
    assert claimed
    return claimed


def watching(services: Services, task: Task) -> tuple[Watch, Recorded]:
    child: Any = Recorded()
    limits = Limits(1, Path("nowhere"), 0)
    return Watch(services, NAME, child, task.id, task.attempt, task.timeout_s, limits), child


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_child_that_has_just_ended_its_attempt_is_not_killed(
    services: Services, held: Task, seen_before: bool
) -> None:
    looked, child = watching(services, held)
    if seen_before:
        looked.look()
    services.tasks.succeed(held, None)

    looked.look()
    looked.enforce()

    assert (child.signals, looked.lost) == ([], False)


@pytest.mark.parametrize("seen_before", [True, False])
def test_one_that_goes_on_with_what_is_no_longer_its_own_is_killed(
    services: Services, held: Task, seen_before: bool
) -> None:
    looked, child = watching(services, held)
    if seen_before:
        looked.look()
    services.dispatch.crashed(held, "lost")

    for _ in range(2):
        looked.look()
        looked.enforce()

    assert (child.signals, looked.lost) == ([signal.SIGKILL], True)


def test_one_of_which_only_the_outcome_is_left_is_not_killed(services: Services, held: Task) -> None:
    looked, child = watching(services, held)
    services.dispatch.crashed(held, "lost")
    looked.finishing(kept=False)

    for _ in range(3):
        looked.look()
        looked.enforce()

    assert (child.signals, looked.lost) == ([], False)


def test_each_signal_is_given_its_time_although_the_look_was_held_up(
    services: Services, held: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, child = watching(services, held)
    looked.began -= held.timeout_s + 100
    looked.enforce()
    looked.enforce()
    assert child.signals == [TIME_OVER]

    services.dispatch.cancel(held.id, "bob")
    looked.look()
    for over, sent in (("", CANCEL_GENTLY), ("CANCEL_NOW_AFTER_S", CANCEL_NOW),
                       ("CANCEL_KILL_AFTER_S", signal.SIGKILL)):  # fmt: skip
        if over:
            monkeypatch.setattr(attempt_monitor, over, 0.0)
        looked.enforce()
        assert child.signals[-1] == sent
    assert len(child.signals) == 4
