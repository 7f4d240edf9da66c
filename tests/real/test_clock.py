"""Time on real processes: the clock of a host is set while it works, and that of the database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.core import clock
from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.store import LEASE
from app.local.servers import LocalStores, stores
from tests.chaos.cases.racing import CLOCKS, set_clock
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until

pytestmark = [pytest.mark.real, pytest.mark.long]

HOUR_S = 3600.0


def with_a_clock(wall: Path) -> dict[str, str]:
    """The environment of a process whose clock is set by writing to a file."""
    set_clock(wall, 0)
    path = os.pathsep.join([str(CLOCKS), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "CHAOS_CLOCK_FILE": str(wall)}


def test_each_server_tells_its_time(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_reading", None)

    clock.require(services.db)

    assert clock.known()
    assert abs(clock.utcnow() - clock._wall()) < timedelta(seconds=1)


def test_a_host_whose_clock_is_set_takes_no_task_and_starts_none_early(
    real_stores: LocalStores, tmp_path: Path
) -> None:
    wall = tmp_path / "clock"
    with fleet(real_stores, "clock_of_a_host", tmp_path) as crew:
        crew.start()
        crew.env.update(with_a_clock(wall))
        crew.start()
        later = crew.submit("echo", run_at=utcnow() + timedelta(minutes=30))
        time.sleep(LEASE.total_seconds())  # Who has just started rescues nobody.

        for off_s in (HOUR_S, -HOUR_S):
            tasks = [crew.running(crew.submit("doze", params={"seconds": 19.0})) for _ in range(2)]
            set_clock(wall, off_s)
            ended = [crew.ended(task, 40) for task in tasks]
            assert {(task.status, task.attempt, task.losses) for task in ended} == {(Status.SUCCEEDED, 1, 0)}
            assert {task.worker for task in tasks} == {one.name for one in crew.services.catalog.workers()}

        assert crew.task(later).status is Status.SCHEDULED


@pytest.fixture
def database_with_a_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalStores, Path]]:
    wall = tmp_path / "clock"
    with monkeypatch.context() as patched:
        for name, value in with_a_clock(wall).items():
            patched.setenv(name, value)
        servers = stores(tmp_path / "stores", mongo="python")
        started = servers.__enter__()
    yield started, wall
    servers.__exit__(None, None, None)


def leases(crew: Fleet) -> list[float]:
    """How far in the future, by this process's clock, each lease ends; in seconds."""
    held = crew.services.db.tasks.find({"status": "running"}, {"lease": 1})
    return [(one["lease"]["until"] - clock._wall()).total_seconds() for one in held]


def test_the_databases_own_clock_is_followed_and_takes_no_task(
    database_with_a_clock: tuple[LocalStores, Path], tmp_path: Path
) -> None:
    servers, wall = database_with_a_clock
    with fleet(servers, "clock", tmp_path) as crew:
        crew.start(2)
        tasks = [crew.running(crew.submit("doze", params={"seconds": 85.0})) for _ in range(2)]

        for off_s in (HOUR_S, -HOUR_S):
            set_clock(wall, off_s)
            until(lambda: all(abs(left - off_s) < 60 for left in leases(crew)), 50)  # noqa: B023 - called here

        ended = [crew.ended(task, 60) for task in tasks]
        assert {(task.status, task.attempt, task.losses) for task in ended} == {(Status.SUCCEEDED, 1, 0)}
        assert "The database's clock was set by +3600" in crew.log.read_text()
