"""Workers and queues: who sees what runs, who changes them, and what the audit keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.people.audit import AuditFilter
from app.core.queue.pauses import Paused
from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import Task
from tests.core.access.people import ADA, ALICE, BOB, VERA
from tests.web.create.creating import publish
from tests.web.looking import worker

CHANGES: dict[str, Callable[[Any], None]] = {
    "worker.stop": lambda operations: operations.stop_worker("w1"),
    "queue.pause": lambda operations: operations.pause(Priority.LOW, "Lunch"),
    "queue.resume": lambda operations: operations.resume(Priority.LOW),
    "type.pause": lambda operations: operations.pause_type("echo", "Broken"),
    "type.resume": lambda operations: operations.resume_type("echo"),
}


@pytest.fixture(autouse=True)
def echo(services: Services) -> None:
    publish(services, "echo")


def events(services: Services) -> list[tuple[str, str, str]]:
    return [
        (entry.event, entry.who, entry.target) for entry in services.people.audit.page(AuditFilter()).entries
    ]


@pytest.mark.parametrize("person", [VERA, ALICE], ids=lambda person: person.name)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_is_no_operator_changes_nothing(services: Services, change: Any, person: Any) -> None:
    worker(services, "w1")
    if change in (CHANGES["queue.resume"], CHANGES["type.resume"]):
        services.pauses.pause(Priority.LOW, "bob", "")
        services.pauses.pause("echo", "bob", "")
    before = services.pauses.read()
    with pytest.raises(Forbidden):
        change(services.access(person).operations)
    assert not services.catalog.asked_to_stop("w1") and services.pauses.read() == before
    assert [event for event, _, _ in events(services)] == ["refused"]


@pytest.mark.parametrize("person", [BOB, ADA], ids=lambda person: person.name)
def test_operators_do_and_the_audit_knows(services: Services, person: Any) -> None:
    worker(services, "w1")
    operations = services.access(person).operations
    for change in CHANGES.values():
        change(operations)
    assert services.catalog.asked_to_stop("w1") and services.pauses.read() == Paused()
    assert events(services) == [
        ("type.resume", person.id, "echo"),
        ("type.pause", person.id, "echo"),
        ("queue.resume", person.id, "low"),
        ("queue.pause", person.id, "low"),
        ("worker.stop", person.id, "w1"),
    ]


@pytest.mark.parametrize("change", [CHANGES["worker.stop"], CHANGES["queue.pause"], CHANGES["type.pause"]])
def test_twice_is_a_conflict(services: Services, change: Any) -> None:
    worker(services, "w1")
    operations = services.access(BOB).operations
    change(operations)
    with pytest.raises(Conflict):
        change(operations)


def test_a_type_that_there_is_not_cannot_be_paused(services: Services) -> None:
    with pytest.raises(NotFound):
        services.access(BOB).operations.pause_type("nothing", "")
    with pytest.raises(Conflict):
        services.access(BOB).operations.resume_type("echo")


def test_a_worker_that_is_not_online_cannot_be_asked(services: Services) -> None:
    with pytest.raises(Conflict):
        services.access(BOB).operations.stop_worker("nobody")


def test_what_a_worker_runs_is_shown_to_who_sees_the_task(
    services: Services, running: Callable[..., Task]
) -> None:
    worker(services, "w1")
    task = running(owner="ann", private=True)
    online = services.catalog.workers()
    assert services.access(VERA).operations.running(online) == {"w1": None}
    found = services.access(BOB).operations.running(online)["w1"]
    assert found is not None and found.id == task.id


def test_a_damaged_lease_is_nobodys(services: Services, running: Callable[..., Task]) -> None:
    worker(services, "w1")
    services.db.tasks.update_one({"_id": running().id}, {"$set": {"lease": {"worker": ["w1"]}}})
    assert services.access(BOB).operations.running(services.catalog.workers()) == {}
