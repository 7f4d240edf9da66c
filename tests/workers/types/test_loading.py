"""Modules of task types, each loaded by itself, and what the supervisor makes of one that is not."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.catalog import WorkerState
from config import Settings
from dtq._types import task_type
from workers.types import loading, task_modules
from workers.types.loading import LoadingProgress, load_each

GOOD = """
from dtq import Context, task
@task(title="Good")
def good_{name}(ctx: Context) -> None: ...
"""
HALF = GOOD.format(name="half")
BROKEN = {
    "raises": HALF + "1 / 0",
    "syntax": "def broken(:",
    "exits": HALF + "raise SystemExit(3)",
    "interrupts": HALF + "raise KeyboardInterrupt",
    "base": HALF + "class Odd(BaseException): ...\nraise Odd('x')",
    "hangs": HALF + "import os; os.read(os.pipe()[0], 1)",
    "swallows": HALF
    + """
import time
for _ in range(1):
    try:
        time.sleep(60)
    except BaseException:
        pass
time.sleep(60)
""",
    "generator": "from dtq import Context, task\n@task(title='G')\ndef g(ctx: str) -> None: ...",
}
ENDLESS = ("hangs", "swallows")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(task_type, "_registered", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(task_modules.importlib.metadata, "entry_points", lambda group: [])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("trial_"):
            del sys.modules[name]


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Imports are interrupted soon, and not in a finalizer of other tests' garbage, which would drop that."""
    real = loading._interrupted_after
    monkeypatch.setattr(loading, "_interrupted_after", lambda limit_s: real(0.5))
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def settings_for(settings: Settings, tmp_path: Path) -> Callable[..., Settings]:
    def write(**modules: str) -> Settings:
        for name, code in modules.items():
            (tmp_path / f"trial_{name}.py").write_text(code)
        names = tuple(f"trial_{name}" for name in modules)
        return dataclasses.replace(settings, task_modules=names)

    return write


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_module_costs_its_own_types_only_wherever_it_stands(
    settings_for: Callable[..., Settings], request: pytest.FixtureRequest, how: str, place: int
) -> None:
    if how in ENDLESS:
        request.getfixturevalue("short_limit")
    modules = [("first", GOOD.format(name="first")), ("second", GOOD.format(name="second"))]
    modules.insert(place, ("broken", BROKEN[how]))
    said: list[dict[str, Any]] = []

    loaded = load_each(settings_for(**dict(modules)), lambda **line: said.append(line))

    assert sorted(loaded.types) == ["good_first", "good_second"]
    (problem,) = loaded.problems
    assert problem.module == "trial_broken" and "trial_broken" in problem.sentence
    assert problem.lasting is (how in ENDLESS)
    assert [line["loading"] for line in said if "loading" in line] == [
        *(f"trial_{name}" for name, _ in modules), None,
    ]  # fmt: skip


@pytest.mark.usefixtures("short_limit")
def test_the_line_of_a_hanging_import_is_named(settings_for: Callable[..., Settings], tmp_path: Path) -> None:
    loaded = load_each(settings_for(broken="import time\n\ntime.sleep(60)"), lambda **line: None)
    assert f"{tmp_path / 'trial_broken.py'}, line 3" in loaded.problems[0].sentence


def test_a_condition_that_raises_costs_its_type_only(settings_for: Callable[..., Settings]) -> None:
    odd = GOOD.format(name="odd").replace('title="Good"', 'title="Odd", when=lambda settings: 1 / 0')
    loaded = load_each(settings_for(odd=odd + GOOD.format(name="other")), lambda **line: None)
    assert list(loaded.types) == ["good_other"]
    assert loaded.problems[0].module == "trial_odd"


def test_a_skipped_module_is_not_imported(settings_for: Callable[..., Settings]) -> None:
    settings = settings_for(good=GOOD.format(name="a"), bad="raise SystemExit")
    loaded = load_each(settings, lambda **line: None, frozenset({"trial_bad"}))
    assert (list(loaded.types), loaded.problems) == (["good_a"], [])


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> LoadingProgress:
    made = LoadingProgress(60)
    made.begin()
    return made


def test_a_child_that_dies_at_an_import_has_the_next_one_skip_that_module(progress: LoadingProgress) -> None:
    progress.heard({"loading": "bad"})
    assert (progress.state, progress.module) == (WorkerState.LOADING, "bad")
    progress.ended("was killed by SIGSEGV")
    progress.begin()
    assert progress.skipped == ["bad"] and "SIGSEGV" in progress.problems[0].sentence

    progress.heard({"problems": [], "types": ["good"]})
    progress.heard({"ready": ["good"]})
    assert progress.state is WorkerState.READY
    assert [problem.module for problem in progress.problems] == ["bad"]

    progress.begin(changed=True)
    assert progress.skipped == []


def test_an_import_that_heeds_no_interrupt_is_overdue_after_its_limit(
    progress: LoadingProgress, caplog: pytest.LogCaptureFixture
) -> None:
    progress.heard({"loading": "slow"})
    assert not progress.overdue()
    progress._began -= 30
    assert not progress.overdue() and not progress.overdue()
    assert len([record for record in caplog.records if "slow" in record.getMessage()]) == 1
    progress._began -= 40
    assert progress.overdue()
    progress.ended("was killed by SIGKILL")
    assert "IMPORT_TIMEOUT_S" in progress.problems[0].sentence


def test_what_cannot_load_stays_said_until_a_child_is_ready(progress: LoadingProgress) -> None:
    problem = dataclasses.asdict(loading.ModuleProblem("bad", "bad cannot be imported."))
    progress.heard({"problems": [problem], "types": []})
    progress.begin()
    progress.heard({"loading": "bad"})
    assert progress.state is WorkerState.CANNOT_LOAD
    progress.heard({"problems": [], "types": ["good"]})
    progress.heard({"ready": ["good"]})
    assert (progress.state, progress.problems) == (WorkerState.READY, ())


def test_a_module_that_failed_is_tried_again_more_and_more_seldom(
    progress: LoadingProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(loading.time, "monotonic", lambda: now)
    problem = dataclasses.asdict(loading.ModuleProblem("bad", "bad cannot be imported."))
    waits = []
    for _ in range(6):
        began = now
        progress.heard({"problems": [problem], "types": ["good"]})
        progress.heard({"ready": ["good"]})
        now = next(moment for moment in itertools.count(now) if _due(progress, moment, monkeypatch))
        waits.append(round(now - began))
        assert not progress.retry()
    assert waits == [60, 120, 240, 480, 900, 900]


def _due(progress: LoadingProgress, moment: float, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(loading.time, "monotonic", lambda: moment)
    return progress.retry()
