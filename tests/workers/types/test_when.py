"""Task types that are there only where the settings say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from config import Settings
from dtq import Context, task
from dtq._types.task_type import _registered, known
from workers.types.task_modules import load


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = dict(_registered)
    yield
    _registered.clear()
    _registered.update(before)


def test_a_type_with_a_condition_is_loaded_where_it_is_met(settings: Settings) -> None:
    @task(title="Debug", when=lambda settings: settings.log_level == "debug")
    def only_while_debugging(ctx: Context) -> None: ...

    @task(title="Always")
    def always(ctx: Context) -> None: ...

    debugging = dataclasses.replace(settings, log_level="debug")
    assert {"always", "only_while_debugging"} <= set(load([], debugging))
    assert "only_while_debugging" not in load([], settings)
    assert "only_while_debugging" not in load([])
    assert "always" in load([])


def test_it_is_known_all_the_same_for_a_test_or_a_debugger() -> None:
    @task(title="Never", when=lambda settings: False)
    def never_published(ctx: Context) -> None: ...

    assert known("never_published").function is never_published
