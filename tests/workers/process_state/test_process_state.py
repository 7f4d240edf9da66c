"""After an attempt the process is as before it, or it is replaced: each part of it, each way to change."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.workers.process_state.process_changes import FOR_GOOD, FOR_ROOT, PERHAPS_FOR_GOOD, PUT_BACK
from workers.process_state import state as process_state
from workers.process_state.part import StatePart
from workers.process_state.state import ProcessState, all_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what a process has is asked of Linux"),
]

# An attempt as `workers.attempt.child` runs it, of a task that does one thing to its process and returns.
PROGRAM = """
    import faulthandler, json, logging, os, sys, tempfile, time
    from contextvars import copy_context
    from pathlib import Path
    import asyncio, multiprocessing, ssl, urllib.request
    from tests.workers.process_state.process_changes import CHANGES, look
    from workers.attempt.output_capture import Capture
    from workers.process_state.left_threads import Threads
    from workers.attempt.limits import OpenFiles
    from workers.process_state.state import ProcessState
    from workers.attempt.signals import Signals

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    logging.getLogger("workers.attempt.child"), logging.getLogger("workers")
    tempfile.gettempdir()
    signals, files = Signals(), OpenFiles()
    signals.begin_process()
    state, threads = ProcessState(), Threads()

    def run(what):
        signals.running(True)
        try:
            CHANGES[what]()
        finally:
            signals.running(False)

    def differs(part, saved):
        try:
            return part.read() != saved
        except Exception:
            return True

    def attempt(what):
        with Capture(Path("log")), files.spared():
            copy_context().run(run, what)
            left = threads.left()
        changed = [part.name for part, saved in zip(state._parts, state._saved) if differs(part, saved)]
        return changed, state.restore() + left + ["open files"] * files.leaked

    sleep, unchanged = time.sleep, look()
    for what in sys.argv[1:]:
        changed, lost = attempt(what)
        if what.startswith(("signal", "faulthandler")):
            sleep(0.5)  # what was left would ring
        found = look()
        differ = {name: [value, found[name]] for name, value in unchanged.items() if value != found[name]}
        os.write(1, json.dumps([what, changed, lost, differ]).encode() + b"\\n")
    os._exit(0)
"""


def _begin() -> None:
    """Leave room for `os.nice`, at whatever priority the tests run."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(18, os.getpriority(os.PRIO_PROCESS, 0)))


def _begin_without_privileges() -> None:
    """Root may undo anything: have what another user has, and stay the owner of the interpreter's files."""
    _begin()
    for capability in range(64):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def attempts(folder: Path, *changes: str, privileged: bool = True) -> dict[str, list[Any]]:
    """For each change: the parts that it was seen in, those that are lost, and what looks different."""
    env = {**os.environ, "PYTHONPATH": os.getcwd(), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *changes],
        cwd=folder, env=env, capture_output=True, text=True, timeout=100,
        preexec_fn=_begin if privileged else _begin_without_privileges,
    )  # fmt: skip
    found = {line[0]: line[1:] for line in map(json.loads, done.stdout.splitlines())}
    assert [*found] == [*changes] and done.returncode == 0, (done.returncode, done.stderr[-3000:])
    return found


@pytest.fixture(scope="module", params=[True, False], ids=["privileged", "not privileged"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What came of all changes that can be undone, one after the other in one process."""
    return attempts(tmp_path_factory.mktemp("changes"), *PUT_BACK, privileged=request.param)


@pytest.mark.parametrize("change", PUT_BACK)
def test_what_a_task_changes_is_as_before_for_the_next(found: dict[str, list[Any]], change: str) -> None:
    _, lost, differ = found[change]

    assert (lost, differ) == ([], {})


Alone = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What came of a change in a process of its own."""

    @cache
    def run(change: str, *, privileged: bool = True) -> list[Any]:
        return attempts(tmp_path_factory.mktemp("alone"), change, privileged=privileged)[change]

    return run


@pytest.mark.parametrize("change", sorted(FOR_GOOD))
def test_a_process_that_cannot_be_as_before_is_replaced(alone: Alone, change: str) -> None:
    _, lost, _ = alone(change)

    assert lost


@pytest.mark.parametrize(
    ("change", "privileged"),
    [
        (change, privileged)
        for change in sorted(PERHAPS_FOR_GOOD)
        for privileged in (True, False)
        if change not in FOR_ROOT or (privileged and os.geteuid() == 0)
    ],
)
def test_what_only_some_may_undo_is_undone_or_the_process_replaced(
    alone: Alone, change: str, privileged: bool
) -> None:
    changed, lost, differ = alone(change, privileged=privileged)

    assert (changed or lost) and (lost or differ == {})


def test_each_part_is_changed_by_something(found: dict[str, list[Any]], alone: Alone) -> None:
    seen = {part for changed, _, _ in found.values() for part in changed}
    for change in PERHAPS_FOR_GOOD | {"time.sleep, another function"}:
        if change not in FOR_ROOT or os.geteuid() == 0:
            seen |= {*alone(change)[0]}

    assert seen == {part.name for part in all_parts()}


def test_what_cannot_be_read_or_put_back_is_told_and_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*given: Any) -> None:
        raise OSError("not now")

    kept = {"value": 1}
    parts = [
        StatePart("broken", dict, fail),
        StatePart("stubborn", kept.copy, lambda saved: None),
        StatePart("good", kept.copy, kept.update),
        StatePart("lasting", kept.copy, kept.update, lasting=True),
    ]
    monkeypatch.setattr(process_state, "all_parts", lambda: parts)
    state = ProcessState()
    assert state.restore() == []

    monkeypatch.setattr(process_state, "all_parts", list)
    object.__setattr__(parts[0], "read", fail)
    kept["value"] = 2
    object.__setattr__(parts[1], "read", lambda: {"value": 3})

    assert state.restore() == ["broken", "stubborn"]
    assert kept == {"value": 1}
    object.__setattr__(parts[3], "read", lambda: kept if kept["value"] == 1 else {})
    kept["value"] = 2
    object.__setattr__(parts[2], "read", lambda: {"value": 1})
    assert state.restore() == ["broken", "stubborn", "lasting"]


def test_random_numbers_are_not_those_that_a_task_has_seeded() -> None:
    state, numbers = ProcessState(), set()
    for _ in range(3):
        random.seed(42)
        state.restore()
        numbers.add(random.random())

    assert len(numbers) == 3
