"""`python -m workers --reload`: new code after the task that runs; broken code takes nothing away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.tasks.states import Status
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import ROOT, until

pytestmark = pytest.mark.real

MODULE = '''
import time
from dtq import Context, task

@task(title="Version {version}", max_attempts=2)
def reloaded(ctx: Context, seconds: float = 0.0) -> str:
    """Sleep, then say which code it was."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    return "{version}"
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    return folder / "reloaded_types.py"


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path, module: Path) -> Iterator[Fleet]:
    path = os.pathsep.join([str(module.parent), str(ROOT)])
    given = {"TASK_MODULES": module.stem, "PYTHONPATH": path}
    with fleet(real_stores, "reloading", tmp_path, **given) as made:
        yield made


def result_of(crew: Fleet, seconds: float = 0.0) -> object:
    return crew.ended(crew.submit("reloaded", params={"seconds": seconds})).result


def log_of(crew: Fleet) -> str:
    return crew.log.read_text()


def test_new_code_comes_after_the_task_that_runs_and_broken_code_is_waited_out(
    crew: Fleet, module: Path
) -> None:
    module.write_text(MODULE.format(version="one"))
    crew.start(1, "--reload")
    assert result_of(crew) == "one"

    long = crew.running(crew.submit("reloaded", params={"seconds": 3.0}))
    module.write_text(MODULE.format(version="two"))
    until(lambda: f"{module} has changed" in log_of(crew))
    assert "loads its task types again when its task has ended" in log_of(crew)
    ended = crew.ended(long)
    assert (ended.status, ended.result, ended.attempt) == (Status.SUCCEEDED, "one", 1)
    until(lambda: crew.services.catalog.get("reloaded").title == "Version two")
    assert result_of(crew) == "two"

    module.write_text("def reloaded(:\n")
    until(lambda: "The task types cannot be loaded" in log_of(crew))
    assert f"invalid syntax ({module}, line 1)" in log_of(crew)
    kept = crew.services.catalog.get("reloaded")
    assert (kept.title, kept.served) == ("Version two", True)
    waits = crew.submit("reloaded", params={"seconds": 0.0})

    module.write_text(MODULE.format(version="three"))
    assert crew.ended(waits).result == "three"
    assert log_of(crew).count("cannot be loaded") == 1


def test_without_the_option_nothing_is_loaded_again(crew: Fleet, module: Path) -> None:
    module.write_text(MODULE.format(version="one"))
    crew.start()
    module.write_text(MODULE.format(version="two"))

    assert [result_of(crew, seconds) for seconds in (2.5, 0.0)] == ["one", "one"]
    assert "has changed" not in log_of(crew)


HANGS = {"raises": "1 / 0", "exits": "import os\nos._exit(7)", "hangs": "import os\nos.read(os.pipe()[0], 1)"}


@pytest.mark.parametrize("how", HANGS)
def test_a_module_that_cannot_be_imported_costs_its_own_types_only(
    real_stores: LocalStores, tmp_path: Path, module: Path, how: str
) -> None:
    module.write_text(MODULE.format(version="one"))
    (module.parent / "bad_types.py").write_text(HANGS[how])
    path = os.pathsep.join([str(module.parent), str(ROOT)])
    given = {"TASK_MODULES": f"bad_types,{module.stem}", "PYTHONPATH": path, "IMPORT_TIMEOUT_S": "2"}
    with fleet(real_stores, f"broken-{how}", tmp_path, **given) as made:
        made.start()
        assert result_of(made) == "one"
        until(lambda: all(worker.ready for worker in made.services.catalog.workers()))
        (worker,) = made.services.catalog.workers()
        assert [problem.module for problem in worker.problems] == ["bad_types"]
