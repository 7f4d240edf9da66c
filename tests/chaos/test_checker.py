"""The checker finds each kind of violation, and nothing where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.checker import Ack, Document, Seen, check
from tests.chaos.effects import Effect

WELL = Seen(
    acks=[Ack(1, "a"), Ack(2, "b")],
    effects=[Effect("a", 1, 5.0), Effect("b", 1, 6.0), Effect("b", 2, 9.0), Effect("c", 1, 7.0)],
    documents=[
        Document("a", 1, "succeeded", 1, 10.0),
        Document("b", 2, "succeeded", 2, 20.0),
        Document("c", 3, "failed", 1, 12.0),  # nobody was told: its client died or was cut off
    ],
    finals={"a": ("succeeded", 10.0)},
    faults=1,
    last_fault=15.0,
)


def test_a_storm_that_was_survived_has_no_violation() -> None:
    verdict = check(WELL)

    assert verdict.ok
    assert (verdict.acknowledged, verdict.documents, verdict.extra_runs, verdict.last_end_s) == (2, 3, 1, 5.0)
    assert verdict.statuses == {"succeeded": 2, "failed": 1}


A, B, C = WELL.documents
WRONG = {
    "lost": replace(WELL, documents=[A, C], effects=[Effect("a", 1, 5.0), Effect("c", 1, 7.0)]),
    "stuck": replace(WELL, documents=[A, B, replace(C, status="running", finished_at=None)]),
    "doubly accepted": replace(WELL, documents=[A, B, replace(C, number=1)]),
    "too many extra runs": replace(WELL, faults=0),
    "an attempt ran twice": replace(WELL, effects=[*WELL.effects, Effect("c", 1, 8.0)], faults=2),
    "effect without document": replace(WELL, effects=[*WELL.effects, Effect("d", 1, 8.0)]),
    "effect of an attempt that was not claimed": replace(WELL, documents=[A, replace(B, attempt=1), C]),
    "succeeded without effect": replace(WELL, effects=WELL.effects[1:]),
    "final state changed": replace(WELL, finals={"a": ("failed", 10.0)}),
    "ended late": replace(WELL, documents=[A, B, replace(C, finished_at=75.1)]),
}


@pytest.mark.parametrize("violation", WRONG)
def test_each_violation_is_found_and_no_other(violation: str) -> None:
    found = check(WRONG[violation])

    assert not found.ok
    assert [kind for kind, each in found.violations.items() if each] == [violation]


def test_no_violation_is_without_a_test() -> None:
    assert list(check(WELL).violations) == list(WRONG)


def test_one_wish_that_was_answered_with_two_tasks_is_found() -> None:
    told_twice = replace(WELL, acks=[*WELL.acks, Ack(1, "c")], documents=[A, B, replace(C, number=1)])

    assert check(told_twice).violations["doubly accepted"] == ["wish 1: 2 tasks"]


def test_a_state_that_was_reached_twice_at_different_times_has_changed() -> None:
    assert check(replace(WELL, finals={"a": ("succeeded", 9.0)})).violations["final state changed"]
