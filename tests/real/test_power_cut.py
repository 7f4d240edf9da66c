"""The power goes while people create tasks and workers run them, five times: nothing accepted is lost.

DTQ_CUTS=20 makes it twenty times.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.errors import TaskQueueError
from app.core.services import Services, connect
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from config import load
from tests.real.test_up import REAL, Run, started
from tests.rig.processes import until

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.usefixtures("usual_ports")]

CUTS = int(os.environ.get("DTQ_CUTS", "5"))
SEED = int(os.environ.get("DTQ_SEED", "20261124"))


class People:
    """Somebody who creates tasks until told to stop; ``accepted`` are the ids that were promised."""

    def __init__(self, services: Services, chance: random.Random) -> None:
        self._services = services
        self._chance = chance
        self._stop = threading.Event()
        self.accepted: list[ObjectId] = []
        self._thread = threading.Thread(target=self._create)
        self._thread.start()

    def _create(self) -> None:
        while not self._stop.wait(0.02):
            params = {"seconds": self._chance.choice([0, 0.1, 0.5]), "steps": 2}
            new = NewTask(
                "count_slowly", params, "count", Priority(self._chance.randrange(3)), max_attempts=3
            )
            with contextlib.suppress(PyMongoError, TaskQueueError):
                self.accepted.append(self._services.dispatch.submit(new).task.id)

    def go_home(self) -> list[ObjectId]:
        self._stop.set()
        self._thread.join()
        return self.accepted


def services_of(folder: Path) -> Services:
    """The core over the stores of a running `make up`, as another terminal finds them."""
    said = dict(re.findall(r"^(?:export )?(\w+)=(.*)$", (folder / "env").read_text(), re.MULTILINE))
    return connect(
        load({"ENVIRONMENT": "local", **{name: value.strip("'\"") for name, value in said.items()}})
    )


def cut(run: Run) -> None:
    """Kill everything that it started, in no order, with no chance to say anything."""
    family = run.family()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    run.process.wait()
    psutil.wait_procs(family, timeout=5)


@contextlib.contextmanager
def up(folder: Path) -> Iterator[tuple[Run, Services]]:
    """`make up` in a folder, ready, with somebody's connections to its stores."""
    with started([*REAL, folder], folder) as run:
        run.wait_for("Open http")
        with contextlib.closing(services_of(folder)) as services:
            until(services.catalog.workers)
            yield run, services


def test_every_accepted_task_ends_after_power_cuts(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    folder = tmp_path / "dtq"
    accepted: list[ObjectId] = []
    for _ in range(CUTS):
        with up(folder) as (run, services):
            people = People(services, chance)
            until(lambda: services.db.tasks.count_documents({"status": "running"}, limit=1))  # noqa: B023 - called within this turn of the loop
            threading.Event().wait(chance.uniform(0.2, 3))
            cut(run)
            accepted += people.go_home()

    with up(folder) as (run, services):
        tasks = services.db.tasks
        until(lambda: tasks.count_documents({"status": "succeeded"}) == tasks.count_documents({}), 120)
        there = {task["_id"] for task in tasks.find({}, {"_id": 1})}
        assert [task_id for task_id in accepted if task_id not in there] == []
        assert len(accepted) > 10 * CUTS
        print(f"{CUTS} cuts, {len(accepted):,} tasks accepted, all there and succeeded")
