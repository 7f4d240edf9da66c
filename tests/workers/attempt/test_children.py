"""Tasks that a task submits: as its owner, each once, and nothing of its secrets in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from app.core.access.child_tasks import DEEPEST
from app.core.listing.filter import TaskFilter
from app.core.people.audit import AuditFilter
from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.secrets.secret import Secret, is_sealed
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from workers.attempt.attempt import Outcome
from workers.types.task_modules import load

Run = Callable[..., tuple[Task, Outcome]]
TYPES = ("echo", "confess", "typed_file", "recurse")


@pytest.fixture
def alice(services: Services) -> Person:
    """Somebody who may create tasks, with the types published that samples submit."""
    found = load(["tests.workers.samples"])
    services.catalog.publish([found[name].document() for name in TYPES], "w1")
    return services.people.users.person(services.people.users.add("Alice", Role.SUBMITTER))


def children(services: Services, parent: Task) -> list[Task]:
    return services.child_tasks.of(parent)


def test_a_child_is_its_owners_and_says_whose_child_it_is(
    services: Services, run: Run, alice: Person
) -> None:
    parent, _ = run("hand_out", {"texts": ["a", "b"]}, owner=alice.id, private=True)

    assert parent.status is Status.SUCCEEDED, parent.error
    found = children(services, parent)
    assert [str(task.id) for task in found] == parent.result
    assert [task.params["text"] for task in found] == ["a", "b"]
    assert {(task.owner, task.private, task.depth, task.child_of) for task in found} == {
        (alice.id, True, 1, parent.id)
    }
    assert all(task.status is Status.QUEUED for task in found)
    listed = services.access(alice).page(TaskFilter(child_of=str(parent.id))).tasks
    assert {task.id for task in listed} == {task.id for task in found}
    (entry,) = services.people.audit.page(AuditFilter(target=str(found[0].id))).entries
    assert (entry.event, entry.who, entry.via, entry.request) == (
        "task.create",
        alice.id,
        "task",
        str(parent.id),
    )


def test_an_attempt_that_is_tried_again_finds_those_that_are_there(
    services: Services, run: Run, attempt_of: Callable[[Task], tuple[Task, Outcome]], alice: Person
) -> None:
    """The same text twice is two tasks, in each attempt the same two."""
    parent, _ = run("hand_out", {"texts": ["a", "b", "a"], "fails": 2}, owner=alice.id, max_attempts=5)
    first = children(services, parent)
    assert parent.status is Status.SCHEDULED and len(first) == 3
    for child in first:
        services.dispatch.cancel(child.id, alice.id)

    for attempt in (2, 3):
        services.recovery.stage()
        parent, _ = attempt_of(services.tasks.get(parent.id))
        assert parent.attempt == attempt

    assert parent.status is Status.SUCCEEDED, parent.error
    assert [task.id for task in children(services, parent)] == [task.id for task in first]
    assert parent.result == [str(task.id) for task in first]


@pytest.mark.parametrize("how", ["file", "saved"])
def test_a_file_of_the_task_is_passed_on(services: Services, run: Run, alice: Person, how: str) -> None:
    stored = services.files.save(io.BytesIO(b"a,b\n1,2"), "in.csv", "text/csv", alice.id, role="input")
    parent, _ = run("pass_on", {"source": str(stored.id), "how": how}, owner=alice.id, files=(stored.id,))

    assert isinstance(parent.result, str), parent.result
    (child,) = children(services, parent)
    (file,) = services.files.of_task(child.id)
    assert file.name == {"file": "in.csv", "saved": "made.csv"}[how]


def test_options_and_a_key_make_one_task(services: Services, run: Run, alice: Person) -> None:
    parent, _ = run("pass_on", {"how": "key"}, owner=alice.id)

    (child,) = children(services, parent)
    assert parent.result == [str(child.id)] * 2
    assert (child.priority.word, child.title, child.tags) == ("high", "Named", ("x",))


def test_the_same_content_twice_is_two_tasks(services: Services, run: Run, alice: Person) -> None:
    parent, _ = run("pass_on", {"how": "same"}, owner=alice.id)
    assert len(set(parent.result)) == len(children(services, parent)) == 2


@pytest.mark.parametrize(
    ("how", "said", "fields"),
    [
        ("other", "This key was used for another task", {}),
        ("wrong", "echo was not submitted. Check the fields.", {"params.text"}),
        ("no_such_type", "no_such_type was not submitted.", {}),
    ],
)
def test_a_refusal_is_told_in_a_sentence(
    services: Services, run: Run, alice: Person, how: str, said: str, fields: Any
) -> None:
    parent, _ = run("pass_on", {"how": how}, owner=alice.id)
    assert parent.result, parent.error
    assert said in parent.result["said"] and set(parent.result["fields"]) == set(fields)


def test_it_may_do_what_its_owner_may(services: Services, run: Run, alice: Person) -> None:
    users = services.people.users
    vera = users.add("Vera", Role.VIEWER)
    parent, _ = run("pass_on", {"how": "echo"}, owner=vera.id)
    assert "echo was not submitted." in parent.result["said"] and not children(services, parent)

    gone, _ = run("pass_on", {"how": "echo"}, owner="nobody")
    assert "echo was not submitted." in gone.result["said"] and not children(services, gone)


def test_a_secret_is_sealed_for_the_child_and_shown_nowhere(
    services: Services, run: Run, alice: Person
) -> None:
    secret = "canary-of-a-parent"  # noqa: S105 - a canary
    parent, _ = run("hand_out", {"texts": [], "password": Secret(secret)}, owner=alice.id)
    (child,) = children(services, parent)
    assert is_sealed(child.params["password"])
    assert services.vault.opened(child.params, child.id)["password"] == Secret(secret)

    leaking, _ = run("leak", {"password": Secret(secret)}, owner=alice.id)
    assert leaking.status is Status.FAILED and leaking.error
    assert "holds a secret of the task that submits it" in leaking.error["message"]
    assert not children(services, leaking) and secret not in str(leaking)


def test_a_type_that_submits_itself_comes_to_an_end(services: Services, run: Run, alice: Person) -> None:
    last, _ = run("recurse", owner=alice.id, depth=DEEPEST)
    assert last.status is Status.FAILED and last.error and "the most there may be" in last.error["message"]
    above, _ = run("recurse", owner=alice.id, depth=DEEPEST - 1, child_of=last.id)
    assert above.status is Status.SUCCEEDED
