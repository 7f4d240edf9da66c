"""Tasks through the API: created once, listed as on the page, waited for, and changed by who may."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

from app.core import clock
from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import parse_task_id
from tests.api.conftest import Program
from tests.core.params.schemas import schema_of
from tests.web.create.creating import publish
from tests.web.looking import claim, fail, succeed

PROBLEM = "application/problem+json"


@pytest.fixture
def source(program: Program) -> str:
    """The ID of an uploaded file."""
    return upload(program)


def upload(program: Program, content: bytes = b"a,b\n1,2\n", name: str = "people.csv") -> str:
    answer = program.ask(
        "POST", f"/files?name={name}&type=text/csv", data=content, content_type="application/octet-stream"
    )
    assert answer.status_code == 201, answer.text
    assert (answer.json["name"], answer.json["size"]) == (name, len(content))
    return str(answer.json["id"])


def new(source: str, **given: Any) -> dict[str, Any]:
    return {"type": "clean_table", "params": {"source": source}, **given}


def test_a_task_is_created_as_the_form_does(program: Program, services: Services, source: str) -> None:
    run_at = (clock.utcnow() + timedelta(hours=1)).isoformat()
    chosen = {"priority": "high", "tags": ["A b", "a B", "c"], "title": " Mine ", "max_attempts": 7}
    answer = program.ask(
        "POST", "/tasks", json=new(source, **chosen, run_at=run_at, timeout_s=9, private=True)
    )

    assert answer.status_code == 201
    made = answer.json
    assert answer.headers["Location"] == f"/api/v1/tasks/{made['id']}"
    task = services.tasks.get(parse_task_id(made["id"]))
    assert (task.priority.word, task.tags, task.title, task.max_attempts) == ("high", ("a b", "c"), "Mine", 7)
    assert (task.timeout_s, task.private, task.status, task.owner) == (
        9,
        True,
        Status.SCHEDULED,
        program.user.id,
    )
    assert task.params["rows"] == 10 and task.params["source"] == source
    assert (made["status"], made["owner_name"], made["params"]["rows"]) == ("scheduled", "robot", 10)
    assert program.get(f"/tasks/{made['id']}") == made


def test_what_is_not_chosen_is_the_types(program: Program, source: str) -> None:
    made = program.post("/tasks", new(source), 201)
    assert (made["title"], made["priority"]) == ("Clean a table: people.csv", "medium")
    assert (made["timeout_s"], made["max_attempts"], made["status"]) == (600, 3, "queued")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"params": {}}, "/params/source"),
        ({"params": {"source": "x", "rows": 0}}, "/params/rows"),
        ({"params": {"source": "0" * 24}}, "/params/source"),
        ({"params": {"source": "x", "unknown": 1}}, "/params/unknown"),
        ({"params": [1]}, "/params"),
        ({"priority": "urgent"}, "/priority"),
        ({"priority": 1}, "/priority"),
        ({"title": "x" * 201}, "/title"),
        ({"title": "\ud800"}, "/title"),
        ({"tags": ["x" * 41]}, "/tags"),
        ({"tags": [str(number) for number in range(11)]}, "/tags"),
        ({"tags": "x"}, "/tags"),
        ({"run_at": "2001-01-01T00:00:00Z"}, "/run_at"),
        ({"run_at": "2999-01-01T00:00:00Z"}, "/run_at"),
        ({"run_at": "2030-01-01T00:00:00"}, "/run_at"),
        ({"max_attempts": 0}, "/max_attempts"),
        ({"max_attempts": "3"}, "/max_attempts"),
        ({"max_attempts": 10**30}, "/max_attempts"),
        ({"timeout_s": True}, "/timeout_s"),
        ({"private": 1}, "/private"),
        ({"unknown": 1}, "/unknown"),
        ({"type": None}, "/type"),
    ],
)
def test_what_is_wrong_is_said_by_its_pointer(
    program: Program, services: Services, source: str, change: dict[str, Any], pointer: str
) -> None:
    body = new(source) | change
    if "source" in body.get("params", ()) and body["params"]["source"] == "x":
        body["params"]["source"] = source
    answer = program.ask("POST", "/tasks", json=body)

    assert (answer.status_code, answer.content_type) == (422, PROBLEM)
    assert answer.json["type"] == "urn:dtq:problem:invalid"
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == [pointer]
    assert all(wrong["detail"][0].isupper() and wrong["detail"][-1] == "." for wrong in answer.json["errors"])
    assert services.db.tasks.count_documents({}) == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"", "application/json", 422),
        (b'{"type": NaN}', "application/json", 422),
        (b'{"type": "clean_table", "type": "clean_table"}', "application/json", 422),
        (b'{"params": {"rows": [{"a": 1, "a": 1}]}}', "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"type=clean_table", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"{}", "application/json", 422),
        (b" " * (5 * 2**20), "application/json", 413),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    program: Program, body: bytes, content_type: str, status: int
) -> None:
    answer = program.ask("POST", "/tasks", data=body, content_type=content_type)
    assert (answer.status_code, answer.content_type) == (status, PROBLEM)


def test_a_name_that_stands_twice_is_told(program: Program) -> None:
    answer = program.ask("POST", "/tasks", data=b'{"a": {"b": 1, "b": 2}}', content_type="application/json")
    assert answer.json["detail"] == "The body has \u201cb\u201d twice in one object."


def test_the_same_key_is_the_same_task(program: Program, services: Services, source: str) -> None:
    key = {"Idempotency-Key": "monthly report 2026-11"}
    first = program.ask("POST", "/tasks", json=new(source), headers=key)
    again = program.ask("POST", "/tasks", json=new(source), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    other = program.ask("POST", "/tasks", json=new(source, priority="low"), headers=key)
    assert other.status_code == 422 and "another body" in other.json["detail"]
    assert services.db.tasks.count_documents({}) == 1


def test_the_same_key_takes_the_same_file_uploaded_again(program: Program, services: Services) -> None:
    key = {"Idempotency-Key": "x"}
    first = program.post("/tasks", new(upload(program)), 201, headers=key)
    assert program.post("/tasks", new(upload(program)), 201, headers=key)["id"] == first["id"]
    program.post("/tasks", new(upload(program, b"other")), 422, headers=key)
    program.post("/tasks", new(upload(program, name="other.csv")), 422, headers=key)
    assert services.db.tasks.count_documents({}) == 1


def test_keys_are_of_their_owner(program_of: Callable[..., Program], services: Services) -> None:
    made = set()
    for name in ("ann", "bob"):
        program = program_of(name=name)
        body = new(upload(program))
        made.add(program.post("/tasks", body, 201, headers={"Idempotency-Key": "x"})["id"])
    assert len(made) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_a_key_that_cannot_be_used_is_refused(program: Program, source: str, key: str) -> None:
    answer = program.ask("POST", "/tasks", json=new(source), headers={"Idempotency-Key": key})
    assert answer.status_code == 422 and "Idempotency-Key" in answer.json["detail"]


def test_a_list_has_the_filters_and_cursors_of_the_page(program: Program, source: str) -> None:
    ids = [program.post("/tasks", new(source, title=f"Run {number}"), 201)["id"] for number in range(30)]

    page = program.get("/tasks?order=asc&q=run")
    assert [task["id"] for task in page["tasks"]] == ids[:25] and page["previous"] is None
    rest = program.get(page["next"].removeprefix("/api/v1"))
    assert [task["id"] for task in rest["tasks"]] == ids[25:] and rest["next"] is None
    assert program.get("/tasks?status=failed")["tasks"] == []
    for bad in ("status=x", "per_page=3", "unknown=1", "after=x", "status=queued&status=failed"):
        answer = program.ask("GET", f"/tasks?{bad}")
        assert (answer.status_code, answer.content_type) == (400, PROBLEM), bad


def test_waiting_ends_with_the_task(program: Program, services: Services, source: str) -> None:
    task = services.tasks.get(parse_task_id(program.post("/tasks", new(source), 201)["id"]))
    timer = threading.Timer(0.3, lambda: succeed(services, task, {"rows": 2}))
    timer.start()
    answered = program.get(f"/tasks/{task.id}?wait=30")
    timer.join()
    assert answered["status"] == "succeeded" and answered["has_result"]
    assert program.ask("GET", f"/tasks/{task.id}/result").json == {"rows": 2}


def test_where_too_many_wait_the_answer_comes_at_once(
    app: Flask, program: Program, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = program.post("/tasks", new(source), 201)
    monkeypatch.setitem(app.extensions, "api_waiters", threading.Semaphore(0))
    assert program.get(f"/tasks/{made['id']}?wait=60")["status"] == "queued"


@pytest.mark.parametrize("wait", ["-1", "61", "x", ""])
def test_a_wait_that_is_not_offered_is_refused(program: Program, source: str, wait: str) -> None:
    made = program.post("/tasks", new(source), 201)
    assert program.get(f"/tasks/{made['id']}?wait={wait}", 400)["title"] == "Bad request"


def test_tasks_are_changed_and_deleted(program: Program, services: Services, source: str) -> None:
    made = program.post("/tasks", new(source), 201)
    path = f"/tasks/{made['id']}"
    assert program.post(f"{path}/priority", {"priority": "low"})["priority"] == "low"
    assert program.post(f"{path}/cancel")["status"] == "canceled"
    assert program.post(f"{path}/cancel", status=409)["type"] == "urn:dtq:problem:conflict"
    assert program.post(f"{path}/retry")["status"] == "queued"
    program.post(f"{path}/cancel")
    assert program.ask("DELETE", path).status_code == 204
    program.get(path, 404)
    assert services.db.tasks.count_documents({}) == 0


def test_content_is_read(program: Program, services: Services, source: str) -> None:
    made = program.post("/tasks", new(source), 201)
    task = services.tasks.get(parse_task_id(made["id"]))
    services.logs.write_part(task.id, 1, 0, b"hello\n")
    fail(services, task, "Line 3 is wrong.")
    path = f"/tasks/{task.id}"

    assert program.ask("GET", f"{path}/log").text == "hello\n"
    assert program.get(f"{path}/log?attempt=9", 404)
    assert program.get(f"{path}/result", 404)
    assert program.get(path)["error"]["message"] == "Line 3 is wrong."
    assert [past["attempt"] for past in program.get(f"{path}/attempts")["attempts"]] == [1]
    (file,) = program.get(f"{path}/files")["files"]
    assert file["id"] == source
    answer = program.ask("GET", f"{path}/files/{source}")
    assert answer.data == b"a,b\n1,2\n" and "attachment" in answer.headers["Content-Disposition"]
    part = program.ask("GET", f"{path}/files/{source}", headers={"Range": "bytes=4-6"})
    assert (part.status_code, part.data) == (206, b"1,2")


def test_progress_is_told_as_the_task_has_reported_it(
    program: Program, services: Services, source: str
) -> None:
    task = services.tasks.get(parse_task_id(program.post("/tasks", new(source), 201)["id"]))
    claimed = claim(services, task)
    services.tasks.report_progress(claimed, {"done": 3.0, "total": 10.0, "message": "Reading"})
    told = {"done": 3.0, "total": 10.0, "message": "Reading"}
    assert program.get(f"/tasks/{task.id}")["progress"] == told
    assert program.get("/tasks")["tasks"][0]["progress"] == told


def test_a_list_has_errors_without_their_tracebacks(
    program: Program, services: Services, source: str
) -> None:
    task = services.tasks.get(parse_task_id(program.post("/tasks", new(source), 201)["id"]))
    fail(services, task, "It broke.", "Traceback of many lines")
    assert program.get(f"/tasks/{task.id}")["error"]["traceback"] == "Traceback of many lines"
    (listed,) = program.get("/tasks")["tasks"]
    assert (listed["error"]["message"], listed["error"]["traceback"]) == ("It broke.", "")


def test_a_file_of_another_kind_is_no_body(program: Program) -> None:
    for given in ({"data": b"x", "content_type": "text/plain"}, {"data": {"file": (io.BytesIO(b"x"), "x")}}):
        answer = program.ask("POST", "/files?name=x", **given)
        assert answer.status_code == (422 if "content_type" in given else 201)


def test_a_role_is_refused_what_its_page_refuses(
    program: Program, program_of: Callable[..., Program], source: str
) -> None:
    made = program.post("/tasks", new(source), 201)
    hidden = program.post("/tasks", new(source, private=True), 201)
    viewer = program_of(Role.VIEWER, "victor")

    assert viewer.get(f"/tasks/{made['id']}")["actions"] == []
    assert viewer.post(f"/tasks/{made['id']}/cancel", status=403)["type"] == "urn:dtq:problem:forbidden"
    viewer.post("/tasks", new(source), 403)
    viewer.get(f"/tasks/{hidden['id']}", 404)
    assert [task["id"] for task in viewer.get("/tasks")["tasks"]] == [made["id"]]


def test_a_secret_is_masked(program: Program, services: Services) -> None:
    publish(services, "call", schema=schema_of(word=(SecretStr, ...)))
    made = program.post("/tasks", {"type": "call", "params": {"word": "canary-word"}}, 201)
    assert made["params"]["word"] != "canary-word" and "canary-word" not in str(program.get("/tasks"))
    assert "canary-word" not in str(services.db.tasks.find_one())


def test_creating_a_task_asks_for_nothing_twice(
    program: Program, services: Services, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner comes with the token, by name; whether a worker serves the type does not matter."""
    for part, name in ((type(services.people.users), "find"), (type(services.people.users), "names")):
        monkeypatch.setattr(part, name, lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(type(services.catalog), "workers", lambda *_: pytest.fail("not needed"))
    assert program.post("/tasks", new(source), 201)["owner_name"] == "robot"
