"""A seed decides a storm: its faults, their times, and what is asked for."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.chaos.clients import wishes
from tests.chaos.plan import PRESETS, TARGETS, faults


@pytest.mark.parametrize("preset", PRESETS)
def test_a_plan_has_everything_that_was_asked_for_in_its_time(preset: str) -> None:
    size = PRESETS[preset]

    planned = faults(size, random.Random(3))

    counts = Counter(fault.what for fault in planned)
    assert sum(counts[target] for target in TARGETS) == size.kills
    assert [counts[what] for what in ("flush", "redis", "mongo", "both")] == [
        size.flushes,
        size.redis_kills,
        size.mongo_kills,
        size.both,
    ]
    assert [fault.at_s for fault in planned] == sorted(fault.at_s for fault in planned)
    assert planned[0].at_s >= 0 and planned[-1].at_s <= size.seconds


def test_the_same_seed_is_the_same_storm_and_another_is_not() -> None:
    size = PRESETS["short"]
    first, again, other = (faults(size, random.Random(seed)) for seed in (1, 1, 2))

    assert first == again != other
    assert wishes(20, 10, random.Random(1)) == wishes(20, 10, random.Random(1))


def test_the_full_storm_is_as_large_as_was_promised() -> None:
    full = PRESETS["full"]

    assert (full.tasks, full.kills, full.flushes, full.redis_kills) >= (10_000, 300, 10, 10)
    assert (full.mongo_kills, full.both) >= (5, 5)
