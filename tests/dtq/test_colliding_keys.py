"""Keys that differ in Python and not in JSON: a result must not lose a value silently."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic_core import to_jsonable_python

from dtq import Context, task
from dtq._types.colliding_keys import colliding_key
from dtq.testing import run

KEYS = (
    some.none() | some.booleans() | some.integers(0, 3) | some.sampled_from(["0", "1", "None", "true", "a"])
)
RESULTS = some.recursive(
    some.integers(), lambda inner: some.lists(inner, max_size=3) | some.dictionaries(KEYS, inner, max_size=4)
)


def leaves(value: Any) -> int:
    """How many values without parts there are; an empty list or dictionary is one."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return sum(map(leaves, inner)) or 1


@given(RESULTS)
def test_a_key_is_named_exactly_where_a_value_would_be_lost(result: Any) -> None:
    value = to_jsonable_python(result)
    if colliding_key(result, value) is None:
        assert leaves(value) == leaves(result)


@pytest.mark.parametrize(
    ("result", "key"),
    [
        ({1: "a", "1": "b"}, "1"),
        ([{"rows": ({"x": 0}, {None: 1, "None": 2})}], "None"),
        ({1: "a", "2": "b"}, None),
    ],
)
def test_the_key_is_found_wherever_it_is(result: Any, key: str | None) -> None:
    assert colliding_key(result, to_jsonable_python(result)) == key


@task(title="Collide")
def collide(ctx: Context) -> dict[Any, str]:
    """Return two values under one text."""
    return {1: "a", "1": "b"}


def test_a_task_that_returns_such_keys_fails_and_says_which() -> None:
    with pytest.raises(TypeError, match='the same text in JSON: "1"'):
        run(collide)
