"""Batches through the API: all or none, each by itself, once for a key, with errors by row."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.task import parse_task_id
from tests.api.conftest import Program
from tests.core.params.schemas import schema_of
from tests.web.create.creating import publish
from tests.web.looking import succeed

KEY = {"Idempotency-Key": "nightly"}


@pytest.fixture(autouse=True)
def counting(program: Program, services: Services) -> None:
    publish(services, "count", title="Count", schema=schema_of(number=(int, ...)))


def task(number: Any = 1, **given: Any) -> dict[str, Any]:
    return {"type": "count", "params": {"number": number}, **given}


def test_tasks_are_created_at_once(program: Program, services: Services) -> None:
    file = program.ask("POST", "/files", data={"file": (io.BytesIO(b"a\n1\n"), "a.csv")}).json["id"]
    body = {"tasks": [task(7, priority="high"), {"type": "clean_table", "params": {"source": file}}]}
    answer = program.ask("POST", "/tasks/batch", json={**body, "title": "Nightly"})
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert (made["total"], made["created"], made["rejected"], made["errors"]) == (2, 2, 0, [])
    assert program.get(f"/tasks/{made['task_ids'][0]}")["params"] == {"number": 7}
    listed = program.get(f"/tasks?batch={made['id']}")["tasks"]
    assert {one["id"] for one in listed} == {*made["task_ids"]}
    found = program.get(answer.headers["Location"].removeprefix("/api/v1"))
    assert (found["title"], found["types"], found["ended"]) == ("Nightly", ["count", "clean_table"], 0)
    assert found["counts"]["queued"] == 2 and found["duration_median_s"] is None
    assert [one["id"] for one in program.get("/batches")["batches"]] == [made["id"]]


def test_what_is_wrong_is_told_by_row_and_field(program: Program, services: Services) -> None:
    tasks = [task(), task("x"), task(color="red"), task(title=5), task(tags=["x" * 41]), 7, {"type": "lost"}]
    answer = program.ask("POST", "/tasks/batch", json={"tasks": tasks})
    assert answer.status_code == 422
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == [
        "/tasks/1/params/number",
        "/tasks/2/color",
        "/tasks/3/title",
        "/tasks/4/tags",
        "/tasks/5",
        "/tasks/6/type",
    ]
    assert answer.json["detail"] == "6 of 7 tasks can't be created, so nothing was."
    assert services.db.tasks.count_documents({}) == 0
    made = program.post("/tasks/batch", {"tasks": tasks, "mode": "each"}, 201)
    assert (made["created"], made["rejected"]) == (1, 6)
    assert [bool(one) for one in made["task_ids"]] == [True] + [False] * 6
    assert made["errors"] == answer.json["errors"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/tasks"),
        ({"tasks": []}, "/tasks"),
        ({"tasks": [{}] * 10_001}, "/tasks"),
        ({"tasks": {}}, "/tasks"),
        ({"tasks": [{}]}, "/tasks/0/type"),
        ({"tasks": [task()], "mode": "some"}, "/mode"),
        ({"tasks": [task()], "title": "x" * 201}, "/title"),
        ({"tasks": [task()], "color": "red"}, "/color"),
    ],
)
def test_the_body_is_held_against_its_model(program: Program, body: Any, pointer: str) -> None:
    answer = program.ask("POST", "/tasks/batch", json=body)
    assert answer.status_code == 422, answer.text
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == [pointer]


def test_the_same_key_is_the_same_batch(program: Program, services: Services) -> None:
    body = {"tasks": [task(), task("x")], "mode": "each"}
    first, again = (program.ask("POST", "/tasks/batch", json=body, headers=KEY) for _ in range(2))
    assert first.json == again.json and again.headers["Idempotent-Replayed"] == "true"
    assert services.db.tasks.count_documents({}) == 1
    other = program.ask("POST", "/tasks/batch", json={"tasks": [task()]}, headers=KEY)
    assert other.status_code == 422 and "another body" in other.json["detail"]


def test_results_are_one_table_in_the_order_sent(
    program_of: Any, program: Program, services: Services
) -> None:
    made = program.post("/tasks/batch", {"tasks": [task(7), task("x"), task(8)], "mode": "each"}, 201)
    program.ask("DELETE", f"/tasks/{made['task_ids'][2]}")
    succeed(services, services.tasks.get(parse_task_id(made["task_ids"][0])), {"sum": 49})
    answer = program.ask("GET", f"/batches/{made['id']}/results")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [(row["row"], row["parameters.number"], row["result.sum"]) for row in rows] == [
        (1, 7, 49),
        (3, 8, None),
    ]
    answer = program.ask("GET", f"/batches/{made['id']}/results?format=csv")
    assert answer.mimetype == "text/csv" and answer.text.startswith(
        "row,id,title,type,status,parameters.number,"
    )
    assert services.db.audit.count_documents({"event": "tasks.export"}) == 2
    program.get(f"/batches/{made['id']}/results?format=xls", 400)
    program.get(f"/batches/{'0' * 24}/results", 404)
    private = program.post("/tasks/batch", {"tasks": [task(private=True)]}, 201)
    program_of(Role.SUBMITTER, "sam").get(f"/batches/{private['id']}/results", 404)


def test_who_may(program_of: Any, program: Program) -> None:
    made = program.post("/tasks/batch", {"tasks": [task(private=True)]}, 201)
    program_of(Role.VIEWER, "vera").post("/tasks/batch", {"tasks": [task()]}, 403)
    program_of(Role.SUBMITTER, "sam").get(f"/batches/{made['id']}", 404)
    assert program_of(Role.OPERATOR, "olga").get(f"/batches/{made['id']}")["private"]
    program.get("/batches/nothing", 404)
    program.get("/batches?after=x", 400)
