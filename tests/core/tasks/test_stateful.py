"""Whatever Hypothesis lets happen to many tasks, the invariants hold; and without a guard they do not.

`STATEFUL_EXAMPLES=5000 pytest tests/core/tasks/test_stateful.py` looks longer and elsewhere each time.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.services import Services
from app.core.tasks.states import Priority
from tests.core.conftest import Clock
from tests.core.tasks.machine import Machine

WANTED = int(os.environ.get("STATEFUL_EXAMPLES", "0"))


def look(core: Services, clock: Clock, examples: int) -> None:
    machine: Any = type("Run", (Machine,), {"core": core, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=50, deadline=None, database=None,
            derandomize=not WANTED, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


class Careless:
    """A collection whose writes lack one field of their guard."""

    def __init__(self, collection: Any, without: str) -> None:
        self._collection, self._without = collection, without

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def update_one(self, guard: dict[str, Any], *args: Any, **given: Any) -> Any:
        less = {name: value for name, value in guard.items() if name != self._without}
        return self._collection.update_one(less, *args, **given)


def test_the_invariants_hold_whatever_happens(services: Services, clock: Clock) -> None:
    look(services, clock, WANTED or 25)


class First:
    """Chooses the first of what there is, where Hypothesis would choose anything."""

    def draw(self, strategy: Any) -> Any:
        return strategy.elements[0]


@pytest.mark.parametrize("guard", ["attempt", ""])
def test_without_the_fencing_token_an_outcome_that_comes_late_is_noticed(
    guard: str, services: Services, clock: Clock
) -> None:
    tasks: Any = services.tasks
    tasks._tasks = Careless(tasks._tasks, guard)
    machine: Any = type("Run", (Machine,), {"core": services, "clock": clock})()
    anything = First()
    machine.empty()
    machine.submit("alice", "", Priority.HIGH, 3, False)
    for again in (True, False):
        machine.take(anything)
        machine.claim(anything, True)
        machine.every_change_is_legal()
        if again:
            machine.vanish(anything)
            for piece in ("rescue", "rescue", "stage"):
                machine.wait(31)
                machine.repair(piece)
                machine.every_change_is_legal()
    if guard:
        with pytest.raises(AssertionError, match="an attempt that is over"):
            machine.end_late(anything, "succeeds")
    else:
        machine.end_late(anything, "succeeds")
        machine.teardown()
