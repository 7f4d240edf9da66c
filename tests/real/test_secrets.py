"""A canary through real stores and real workers, and from a command line: nothing keeps it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.secrets.secret import MASK
from app.core.tasks.states import Status
from app.local.servers import LocalStores
from tests.canary import CANARY, hits, no_file, nowhere
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import ROOT, until

pytestmark = pytest.mark.real

KEY = "tests-only, and the same for all of them"


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    """A worker whose output is below ``tmp_path`` while it is not yet in the database."""
    (tmp_path / "tmp").mkdir()
    given: dict[str, Any] = {"SECRETS_KEY": KEY, "TMPDIR": str(tmp_path / "tmp")}
    with fleet(real_stores, "secrets", tmp_path, **given) as made:
        made.start()
        yield made


def flask(crew: Fleet, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "tasks", "run", "confess", *words]
    env = {**crew.env, "WORD": CANARY}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("ending", ["return", "raise"])
def test_a_canary_is_found_nowhere(crew: Fleet, tmp_path: Path, ending: str) -> None:
    ran = flask(crew, "password=@WORD", f"ending={ending}", "pause_s=1.3")
    said = ran.stdout + ran.stderr

    assert ran.returncode == (0 if ending == "return" else 1), said
    for line in (f"printed {MASK} quoted {MASK}", f"from a child {MASK}", f"logging in with {MASK}"):
        assert line in said
    assert hits(said) == []
    assert nowhere(crew.services) > 5
    assert no_file(tmp_path) >= 1  # its log among them


def test_while_it_runs_the_disk_and_the_database_have_no_part_of_it(crew: Fleet, tmp_path: Path) -> None:
    ran = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "tasks", "run", "confess", "password=@WORD"]
        + ["pause_s=3", "--no-follow"],
        cwd=ROOT, env={**crew.env, "WORD": CANARY}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.wait(60) == 0
    task = until(lambda: next(iter(crew.services.queries.find({}, [("_id", -1)], 1)), None))
    crew.running(task)
    log = until(lambda: crew.services.logs.read(task.id, 1).text)

    assert "printed" in log and not log.endswith(CANARY[:3])
    assert [*(tmp_path / "tmp").rglob(f"{task.id}-1.log")] and no_file(tmp_path / "tmp") >= 1
    assert nowhere(crew.services) > 3
    assert crew.ended(task).status is Status.SUCCEEDED
    assert crew.services.logs.read(task.id, 1).text.endswith(MASK)


def test_workers_under_another_key_say_so(crew: Fleet) -> None:
    crew.env["SECRETS_KEY"] = "another key"
    ran = flask(crew, "password=@WORD")

    assert ran.returncode == 1 and "kept under another SECRETS_KEY" in ran.stderr
    assert "Traceback" not in ran.stderr and hits(ran.stderr) == []
