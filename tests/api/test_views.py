"""Saved views through the API: as the page has them, by the same rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.services import Services
from app.core.views.look import COLUMNS
from tests.api.conftest import Program

FAILED = {"name": "Failures", "filter": {"status": "failed", "sort": "finished"}}


def test_a_view_is_saved_changed_and_deleted(program: Program, services: Services) -> None:
    made = program.post("/views", {**FAILED, "columns": ["worker", "status"], "density": "compact"}, 201)
    assert (made["name"], made["filter"], made["shared"]) == ("Failures", FAILED["filter"], False)
    assert (made["columns"], made["density"], made["owner_name"]) == (
        ["status", "worker"],
        "compact",
        "robot",
    )
    assert program.get(f"/views/{made['id']}") == made
    assert program.get("/views") == {"views": [made]}

    answer = program.ask("PUT", f"/views/{made['id']}", json={"name": "All", "filter": {}})
    assert (answer.status_code, answer.json["name"], answer.json["filter"]) == (200, "All", {})
    assert program.ask("DELETE", f"/views/{made['id']}").status_code == 204
    assert services.db.saved_views.count_documents({}) == 0
    assert program.ask("DELETE", f"/views/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "x" * 61}, "/name"),
        ({"name": "x", "filter": {"color": "red"}}, "/filter"),
        ({"name": "x", "filter": {"status": "pending"}}, "/filter"),
        ({"name": "x", "filter": {"after": "1-" + "0" * 24}}, "/filter"),
        ({"name": "x", "columns": ["color"]}, "/columns"),
        ({"name": "x", "density": "tight"}, "/density"),
        ({"name": "x", "owner": "ann"}, "/owner"),
    ],
)
def test_what_is_wrong_is_said_by_field(
    program: Program, services: Services, body: Any, pointer: str
) -> None:
    problem = program.post("/views", body, 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert services.db.saved_views.count_documents({}) == 0


def test_a_name_is_used_once(program: Program) -> None:
    program.post("/views", FAILED, 201)
    program.post("/views", {**FAILED, "name": "FAILURES"}, 409)


def test_a_view_that_cannot_be_read_has_its_name_still(program: Program, services: Services) -> None:
    program.post("/views", FAILED, 201)
    services.db.saved_views.update_one({}, {"$set": {"changed_at": "damaged"}})
    assert program.get("/views") == {"views": []}
    program.post("/views", FAILED, 409)


def test_only_who_may_shares_and_what_is_shared_is_everybodys(
    program_of: Callable[..., Program], services: Services
) -> None:
    ann, olga = program_of(Role.SUBMITTER, "ann"), program_of(Role.OPERATOR, "olga")
    ann.post("/views", {**FAILED, "shared": True}, 403)
    own = ann.post("/views", FAILED, 201)
    shared = olga.post("/views", {**FAILED, "shared": True}, 201)
    assert [view["id"] for view in ann.get("/views")["views"]] == [own["id"], shared["id"]]
    assert [view["id"] for view in olga.get("/views")["views"]] == [shared["id"]]
    assert olga.ask("GET", f"/views/{own['id']}").status_code == 404
    assert ann.ask("DELETE", f"/views/{shared['id']}").status_code == 403
    assert ann.ask("PUT", f"/views/{shared['id']}", json=FAILED).status_code == 403
    assert services.db.saved_views.count_documents({}) == 2


def test_every_column_can_be_asked_for(program: Program) -> None:
    made = program.post("/views", {"name": "Wide", "columns": [*COLUMNS][::-1]}, 201)
    assert made["columns"] == [*COLUMNS]
