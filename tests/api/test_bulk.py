"""Bulk operations through the API: chosen by a filter or by IDs, exact, and by the rights of who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from tests.api.conftest import Program
from tests.web.looking import fail


@pytest.fixture
def operator(program_of: Callable[..., Program]) -> Program:
    return program_of(Role.OPERATOR, "olga")


@pytest.fixture
def failed(services: Services, new_task: Callable[..., Task]) -> list[Task]:
    return [fail(services, new_task(owner="ann", title=f"Task {number}"), "No.") for number in range(3)]


def statuses(services: Services, tasks: list[Task]) -> list[Status]:
    return [services.tasks.get(task.id).status for task in tasks]


def test_all_that_a_filter_matches_are_changed_and_the_record_is_exact(
    operator: Program, services: Services, failed: list[Task], new_task: Callable[..., Task]
) -> None:
    waiting = new_task(owner="ann")
    body = {"action": "retry", "filter": {"status": "failed", "owner": "ann"}}
    preview = operator.post("/bulk/preview", body)
    assert preview == {"count": 3, "unaffected": 0, "denied": 0}
    assert set(statuses(services, failed)) == {Status.FAILED}

    done = operator.post("/bulk", {**body, "most": 3}, 201)
    assert (done["state"], done["done"], done["skipped"], done["most"]) == ("ended", 3, {}, 3)
    assert set(statuses(services, [*failed, waiting])) == {Status.QUEUED}
    assert operator.get(f"/bulk/{done['id']}") == done
    assert operator.get("/bulk") == {"operations": [done], "next": None}


def test_tasks_are_named_and_those_that_do_not_fit_are_told(
    operator: Program, services: Services, failed: list[Task], new_task: Callable[..., Task]
) -> None:
    waiting = new_task(owner="ann")
    ids = [str(task.id) for task in (*failed[:1], waiting)] + ["0" * 24, str(waiting.id)]
    assert operator.post("/bulk/preview", {"action": "delete", "ids": ids})["count"] == 1
    done = operator.post("/bulk", {"action": "delete", "ids": ids}, 201)
    assert (done["done"], done["ids"], done["filter"]) == (1, ids[:3], None)
    assert {reason: each["count"] for reason, each in done["skipped"].items()} == {"gone": 1, "queued": 1}


def test_a_priority_is_where_to_move_to(
    operator: Program, services: Services, new_task: Callable[..., Task]
) -> None:
    tasks = [new_task(priority="low"), new_task(priority="high")]
    body = {"action": "reprioritize", "priority": "high", "filter": {}}
    assert operator.post("/bulk/preview", body) == {"count": 1, "unaffected": 1, "denied": 0}
    operator.post("/bulk", {**body, "most": 1}, 201)
    assert {services.tasks.get(task.id).priority for task in tasks} == {Priority.HIGH}


def test_tags_are_added_and_removed(
    operator: Program, services: Services, new_task: Callable[..., Task]
) -> None:
    tasks = [new_task(tags=("night",)), new_task(tags=tuple("abcdefghij")), new_task(tags=("day",))]
    body = {"action": "tag", "tag": " Night ", "filter": {}}
    assert operator.post("/bulk/preview", body) == {"count": 2, "unaffected": 1, "denied": 0}
    done = operator.post("/bulk", {**body, "most": 2}, 201)
    assert (done["done"], done["tag"]) == (1, "night")
    assert {why: each["count"] for why, each in done["skipped"].items()} == {"there": 1, "full": 1}
    assert {task["id"] for task in operator.get("/tasks?tag=night")["tasks"]} == {
        str(tasks[0].id),
        str(tasks[2].id),
    }
    body = {"action": "untag", "tag": "night", "filter": {"tag": "day"}}
    assert operator.post("/bulk/preview", body) == {"count": 1, "unaffected": 0, "denied": 0}
    assert operator.post("/bulk", {**body, "most": 1}, 201)["done"] == 1
    assert [services.tasks.get(task.id).tags for task in tasks[::2]] == [("night",), ("day",)]
    assert [task["id"] for task in operator.get("/tasks?q=night")["tasks"]] == [str(tasks[0].id)]


def test_the_same_key_is_the_same_operation(operator: Program, failed: list[Task]) -> None:
    key = {"Idempotency-Key": "nightly"}
    body = {"action": "retry", "filter": {"status": "failed"}, "most": 9}
    first, again = (operator.post("/bulk", body, 201, headers=key) for _ in range(2))
    assert first == again and (first["done"], first["most"], first["skipped"]) == (3, 3, {})
    other = operator.ask("POST", "/bulk", json={"action": "delete", "filter": {}}, headers=key)
    assert other.status_code == 422 and "another body" in other.json["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "retry"}, "/filter"),
        ({"action": "retry", "filter": {}, "ids": ["0" * 24]}, "/filter"),
        ({"action": "retry", "filter": {"colour": "red"}}, "/filter"),
        ({"action": "retry", "filter": {"status": "lost"}}, "/filter"),
        ({"action": "retry", "filter": {"after": "x"}}, "/filter"),
        ({"action": "retry", "filter": {"q": ["x"]}}, "/filter/q"),
        ({"action": "retry", "filter": {"created_from": "soon"}}, "/filter"),
        ({"action": "explode", "filter": {}}, "/action"),
        ({"action": "tag", "filter": {}}, "/tag"),
        ({"action": "untag", "filter": {}, "tag": "a, b"}, "/tag"),
        ({"action": "tag", "filter": {}, "tag": "x" * 41}, "/tag"),
        ({"action": "retry", "filter": {}, "tag": "night"}, "/tag"),
        ({"action": "reprioritize", "filter": {}}, "/priority"),
        ({"action": "retry", "filter": {}, "priority": "low"}, "/priority"),
        ({"action": "retry", "ids": []}, "/ids"),
        ({"action": "retry", "ids": ["0" * 24, "x"]}, "/ids/1"),
        ({"action": "retry", "ids": ["0" * 24] * 1001}, "/ids"),
        ({"action": "retry", "filter": {}, "most": -1}, "/most"),
        ({"action": "retry", "filter": {}, "most": True}, "/most"),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_nothing_changes(
    operator: Program, services: Services, failed: list[Task], body: Any, pointer: str
) -> None:
    answer = operator.ask("POST", "/bulk", json=body)
    assert answer.status_code == 422, answer.text
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == [pointer]
    assert services.db.bulk_operations.count_documents({}) == 0


def test_who_may_not_is_refused_and_sees_nothing_of_others(
    program_of: Callable[..., Program], operator: Program, services: Services, failed: list[Task]
) -> None:
    body = {"action": "delete", "filter": {"status": "failed"}}
    viewer, submitter = program_of(Role.VIEWER, "vera"), program_of(Role.SUBMITTER, "sam")
    viewer.post("/bulk", body, 403)
    assert submitter.post("/bulk/preview", body) == {"count": 0, "unaffected": 0, "denied": 3}
    done = submitter.post("/bulk", body, 201)
    assert done["done"] == 0 and set(statuses(services, failed)) == {Status.FAILED}

    theirs = operator.post("/bulk", {"action": "retry", "ids": [str(failed[0].id)]}, 201)
    for path in ("", "/stop", "/resume"):
        answer = submitter.ask("POST" if path else "GET", f"/bulk/{theirs['id']}{path}")
        assert answer.status_code == 404
    assert [found["id"] for found in submitter.get("/bulk")["operations"]] == [done["id"]]
    submitter.get("/bulk/nothing", 404)


def test_one_without_a_count_runs_on_and_can_be_stopped_and_resumed(
    operator: Program, services: Services, failed: list[Task]
) -> None:
    made = operator.post("/bulk", {"action": "retry", "filter": {"status": "failed"}}, 201)
    assert (made["state"], made["done"], made["most"]) == ("running", 0, None)
    stopped = operator.post(f"/bulk/{made['id']}/stop")
    assert (stopped["state"], stopped["reason"], stopped["stop_requested"]) == ("stopped", "asked", True)
    assert operator.post(f"/bulk/{made['id']}/resume")["state"] == "running"
    services.bulk_runner("w1").turn()
    assert operator.get(f"/bulk/{made['id']}")["done"] == 3
    assert set(statuses(services, failed)) == {Status.QUEUED}


def test_one_that_has_ended_stays_ended(operator: Program, failed: list[Task]) -> None:
    done = operator.post("/bulk", {"action": "retry", "filter": {"status": "failed"}, "most": 9}, 201)
    for path in ("stop", "resume"):
        assert operator.post(f"/bulk/{done['id']}/{path}")["state"] == "ended"


def test_a_list_has_pages(operator: Program) -> None:
    made = [operator.post("/bulk", {"action": "retry", "ids": ["0" * 24]}, 201)["id"] for _ in range(26)]
    first = operator.get("/bulk")
    second = operator.get(first["next"].removeprefix("/api/v1"))
    assert [found["id"] for page in (first, second) for found in page["operations"]] == made[::-1]
    operator.get("/bulk?after=x", 400)


def test_a_task_is_cloned_once_for_a_key(
    program: Program, services: Services, new_task: Callable[..., Task]
) -> None:
    task = new_task(type="clean_table", params={"source": "x"}, owner=program.user.id)
    program.post(f"/tasks/{task.id}/clone", status=422)  # its file is gone
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"type": "gone"}})
    program.post(f"/tasks/{task.id}/clone", status=404)
    program.post(f"/tasks/{'0' * 24}/clone", status=404)
    assert services.db.tasks.count_documents({}) == 1
