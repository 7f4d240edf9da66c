"""A task that submits tasks, on real stores, killed in the middle: each child is there once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.people.roles import Role
from app.core.secrets.secret import Secret, is_sealed
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from app.local.servers import LocalStores
from tests.canary import CANARY, hits, nowhere
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import family, until

pytestmark = pytest.mark.real


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(real_stores, "child_tasks", tmp_path) as made:
        made.start(2)
        yield made


def test_a_parent_that_is_killed_twice_has_each_child_once(crew: Fleet) -> None:
    """Also the one that is sealed by the supervisor, for the child has no key."""
    alice = crew.services.people.users.add("Alice", Role.SUBMITTER)
    texts = [f"text {number}" for number in range(40)]
    params = {"texts": texts, "password": Secret(CANARY), "pause_s": 0.05}
    parent = crew.submit("hand_out", priority="high", params=params, owner=alice.id, max_attempts=5)

    for attempt in (1, 2):
        worker = until(lambda number=attempt: _worker_of(crew, parent, number))
        until(lambda number=attempt: len(crew.services.child_tasks.of(parent)) > 10 * number)
        for process in family(crew.processes[0].pid):
            if {"workers.attempt.child", worker} <= set(process.cmdline()):
                process.kill()

    ended = crew.ended(parent, 60)
    assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 3), ended.error
    children = crew.services.child_tasks.of(parent)
    assert [child.params["text"] for child in children if child.type == "echo"] == texts
    assert ended.result == [str(child.id) for child in children]
    confessed = crew.ended(children[-1], 60)
    assert confessed.status is Status.SUCCEEDED and is_sealed(confessed.params["password"])
    assert hits(str(confessed)) == [] and nowhere(crew.services) > 5
    assert all(crew.ended(child).attempt == 1 for child in children)


def _worker_of(crew: Fleet, parent: Task, attempt: int) -> str | None:
    """Return the worker that runs an attempt, once it does."""
    task = crew.task(parent)
    return task.worker if task.attempt == attempt else None
