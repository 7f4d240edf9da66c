"""A bulk operation whose worker process is killed, again and again: the exact record, and no task twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import ObjectId

from app.core.bulk.operations import NewBulk, State
from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.people.roles import Role
from app.core.queue.bulk import Operation
from app.core.tasks.document import new_document
from app.core.tasks.states import Action, Priority
from app.core.tasks.task import NewTask
from app.local.servers import LocalStores
from tests.core.access.test_access import publish
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until

pytestmark = pytest.mark.real

TASKS = 600
POINTS = ("bulk_planned", "bulk_applied", "bulk_recorded")
AGAIN, AGAIN_POINTS = 1_000, ("inserted", "bulk_cloned", "inserted")


@pytest.fixture
def armed(real_stores: LocalStores, tmp_path: Path) -> Iterator[tuple[Fleet, Path]]:
    """A fleet whose worker process is killed at a place for which there is a token."""
    tokens = tmp_path / "tokens"
    for point in POINTS + AGAIN_POINTS:
        (tokens / point).mkdir(parents=True, exist_ok=True)
    given = {
        "DTQ_FAILPOINTS": ",".join(f"{point}=kill" for point in dict.fromkeys(POINTS + AGAIN_POINTS)),
        "DTQ_FAILPOINTS_FOLDER": str(tokens),
        "SUBMITS_PER_MINUTE": "none",
    }
    with fleet(real_stores, f"bulk_{tmp_path.name}"[:30], tmp_path, **given) as made:
        yield made, tokens


def seed(crew: Fleet, count: int = TASKS) -> None:
    """Failed tasks of a type that no worker has."""
    new = NewTask(type="nobody", params={}, title="nobody", priority=Priority.LOW)
    now = utcnow()
    ended = {"status": "failed", "finished_at": now, "status_at": now, "attempt": 1}
    documents = [{**new_document(new, ObjectId(), now), **ended} for _ in range(count)]
    for document in documents:
        del document["hint"]
    crew.services.db.tasks.insert_many(documents)


def test_killed_at_several_moments(armed: tuple[Fleet, Path]) -> None:
    crew, tokens = armed
    services = crew.services
    seed(crew)
    users = services.people.users
    bob = users.person(users.add("Bob", Role.OPERATOR))
    wanted = TaskFilter(status="failed")
    asked = NewBulk(Operation(Action.RETRY, bob.id), wanted, (), TASKS, utcnow(), "k" * 16)
    (tokens / POINTS[0] / "once").touch()
    crew.start(2)  # Of several, one that is killed is started again.
    operation = services.access(bob).bulk.begin(asked)

    for number, point in enumerate(POINTS, start=1):
        fired = until(lambda number=number: _fired(tokens, number), 30)
        assert fired[-1].split()[1] == point
        if number < len(POINTS):
            (tokens / POINTS[number] / "once").touch()
        # As if the lease of the dead had passed.
        services.db.bulk_operations.update_one({}, {"$set": {"lease": None}})

    ended = until(lambda: (found := services.operations.get(operation.id)).state is State.ENDED and found, 30)
    assert (ended.done, dict(ended.skipped)) == (TASKS, {})
    marks = [task["bulk"] for task in services.db.tasks.find({}, {"bulk": 1})]
    assert marks == [[operation.id]] * TASKS
    entries = list(services.db.audit.find({"event": "tasks.bulk"}).sort([("at", 1)]))
    assert [entry["after"]["state"] for entry in entries] == ["running", "ended"]
    assert entries[1]["after"]["count"] == TASKS


def test_run_again_and_killed_in_the_middle_no_task_is_doubled(armed: tuple[Fleet, Path]) -> None:
    crew, tokens = armed
    services = crew.services
    seed(crew, AGAIN)
    publish(services, "nobody")
    users = services.people.users
    bob = users.person(users.add("Bob", Role.OPERATOR))
    asked = NewBulk(
        Operation(Action.CLONE, bob.id), TaskFilter(status="failed"), (), AGAIN, utcnow(), "k" * 16
    )
    crew.start(2)
    operation = services.access(bob).bulk.begin(asked)

    for number, point in enumerate(AGAIN_POINTS, start=1):
        made = number * AGAIN // 5
        until(lambda made=made: services.db.tasks.count_documents({"owner": bob.id}) >= made, 60)
        (tokens / point / "once").touch()
        fired = until(lambda number=number: _fired(tokens, number), 30)
        assert fired[-1].split()[1] == point
        assert services.operations.get(operation.id).state is State.RUNNING
        services.db.bulk_operations.update_one({}, {"$set": {"lease": None}})

    ended = until(lambda: (found := services.operations.get(operation.id)).state is State.ENDED and found, 90)
    assert (ended.done, dict(ended.skipped)) == (AGAIN, {})
    parents = [task["parent"] for task in services.db.tasks.find({"owner": bob.id}, {"parent": 1})]
    assert len(parents) == len(set(parents)) == AGAIN


def _fired(tokens: Path, number: int) -> list[str]:
    """What has happened, once it is so much."""
    path = tokens / "fired"
    lines = path.read_text().splitlines() if path.exists() else []
    return lines if len(lines) >= number else []
