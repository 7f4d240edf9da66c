"""What is watched of task types, and how a change is seen."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.core.services import Services
from workers.supervisor.supervisor import RESTART_LONGEST_S, TaskWorker
from workers.types import reload
from workers.types.reload import Changes, watched


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with a module, a package and a helper."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(reload, "LOOK_EVERY_S", 0.0)
    (tmp_path / "reports.py").write_text("x = 1\n")
    package = tmp_path / "family"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("")
    yield tmp_path
    sys.modules.pop("family", None)  # looking for a module imports the package around it


def test_a_module_is_its_file_and_one_in_a_package_the_whole_package(code: Path) -> None:
    assert watched(["reports", "family.first"]) == sorted([str(code / "reports.py"), str(code / "family")])
    assert watched(["family"]) == [str(code / "family")]


def test_a_module_that_is_not_there_or_is_broken_stops_nothing(code: Path) -> None:
    (code / "family" / "__init__.py").write_text("syntax error")

    assert watched(["no_such_module"]) == []
    assert watched(["family.first"]) == [str(code / "family")]


def test_helpers_that_were_imported_are_watched_and_installed_ones_are_not(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code / "helper_of_reports.py").write_text("")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    before = set(sys.modules)
    __import__("helper_of_reports")
    __import__("colorsys")
    try:
        found = watched(["reports"], before)
    finally:
        del sys.modules["helper_of_reports"]

    assert found == sorted([str(code / "helper_of_reports.py"), str(code / "reports.py")])


def test_a_file_that_is_written_made_or_deleted_is_a_change_once(code: Path) -> None:
    changes, reports, new = Changes(), code / "reports.py", code / "family" / "new.py"
    changes.watch(watched(["reports", "family"]))
    assert changes.changed() is None

    os.utime(reports, ns=(1, 1))
    assert (changes.changed(), changes.changed()) == (str(reports), None)
    new.write_text("")
    assert (changes.changed(), changes.changed()) == (str(new), None)
    new.unlink()
    assert (changes.changed(), changes.changed()) == (str(new), None)


def test_what_is_told_twice_does_not_hide_a_change(code: Path) -> None:
    changes, reports = Changes(), code / "reports.py"
    changes.watch([str(reports)])
    os.utime(reports, ns=(1, 1))
    changes.watch([str(reports)])

    assert changes.changed() == str(reports)


def test_it_looks_once_a_second(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_EVERY_S", 60.0)
    changes = Changes()
    changes.watch([str(code / "reports.py")])
    changes.changed()
    os.utime(code / "reports.py", ns=(1, 1))

    assert changes.changed() is None


# The supervisor, with a child that is none


class BrokenChild:
    """One whose task types could not be loaded."""

    cannot_load, ready, told = True, False, None

    def __init__(self) -> None:
        self.signals: list[int] = []

    def lines(self) -> list[dict[str, Any]]:
        return []

    def ended(self) -> str:
        return "ended with exit code 4"

    def kill(self) -> None: ...

    def bury(self) -> None: ...

    def stop(self) -> None:
        self.signals.append(signal.SIGTERM)


@pytest.fixture
def worker(services: Services, code: Path) -> TaskWorker:
    made = TaskWorker("w1", services, reload=True)
    made._listen(cast(Any, Telling(watch=[str(code / "reports.py")])))
    return made


class Telling(BrokenChild):
    """One that says a line."""

    def __init__(self, **line: Any) -> None:
        super().__init__()
        self._line = line

    def lines(self) -> list[dict[str, Any]]:
        return [self._line]


def test_broken_code_is_not_tried_again_before_it_changes(worker: TaskWorker, code: Path) -> None:
    worker._check(cast(Any, BrokenChild()))
    assert worker._restart_at > time.monotonic() + RESTART_LONGEST_S - 1

    os.utime(code / "reports.py", ns=(1, 1))
    worker._reload()
    assert worker._restart_at < time.monotonic()


def test_a_change_in_the_moment_of_the_failure_is_not_lost(worker: TaskWorker, code: Path) -> None:
    child = BrokenChild()
    worker.child = cast(Any, child)
    os.utime(code / "reports.py", ns=(1, 1))
    worker._reload()
    worker._check(cast(Any, child))

    assert child.signals == [signal.SIGTERM]
    assert worker.child is None and worker._restart_at < time.monotonic()


def test_a_worker_that_stops_loads_nothing_again(worker: TaskWorker, code: Path) -> None:
    child = BrokenChild()
    worker.child, worker.stopping = cast(Any, child), time.monotonic()
    os.utime(code / "reports.py", ns=(1, 1))
    worker._reload()

    assert child.signals == []
