"""Subscriptions through the API: created with a secret that is shown once, changed, tested, deleted."""

from __future__ import annotations

from collections.abc import Callable

from app.core.people.roles import Role
from app.core.services import Services
from tests.api.conftest import Program
from tests.api.test_tasks import new, upload

NEW = {"name": "CI", "address": "https://example.org/hook?key=k", "events": ["task.failed"]}


def test_from_its_creation_to_its_end(program: Program, services: Services) -> None:
    made = program.post("/webhooks", NEW, 201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_") and made["owner"] == program.user.id
    (listed,) = program.get("/webhooks")["webhooks"]
    assert listed == {**made, "secret": None} == program.get(f"/webhooks/{made['id']}")
    changed = program.ask("PUT", f"/webhooks/{made['id']}", json={**NEW, "name": "Nightly"}).json
    assert (changed["name"], changed["version"]) == ("Nightly", 2)
    rotated = program.post(f"/webhooks/{made['id']}/rotate")
    assert rotated["secret"] not in (None, secret)
    test = program.post(f"/webhooks/{made['id']}/test", status=201)
    assert (test["state"], test["event"]) == ("pending", "test")
    assert program.get(f"/webhooks/{made['id']}/deliveries") == {"deliveries": [test], "next": None}
    assert program.get(f"/webhooks/deliveries/{test['id']}") == test
    assert program.post(f"/webhooks/deliveries/{test['id']}/resend")["message_id"] == test["message_id"]
    body = new(upload(program), notify=[made["id"]])
    task = program.post("/tasks", body, 201)
    assert [str(one) for one in services.db.tasks.find_one()["notify"]] == [made["id"]] and task["id"]
    program.post("/tasks", {**body, "notify": ["x"]}, 422)
    program.post("/tasks", {**body, "notify": ["0" * 24]}, 422)
    assert program.ask("DELETE", f"/webhooks/{made['id']}").status_code == 204
    program.get(f"/webhooks/{made['id']}", 404)
    entries = [entry["event"] for entry in services.db.audit.find({"event": {"$regex": "^subscription"}})]
    assert entries == [f"subscription.{done}" for done in ("create", "change", "secret", "delete")]
    audit = str(list(services.db.audit.find()))
    assert "key=k" not in audit and secret not in audit


def test_what_is_wrong_is_said_beside_its_field(program: Program) -> None:
    for wrong, pointer in (
        ({"address": "gopher://example.org"}, "/address"),
        ({"events": []}, "/events"),
        ({"filter": {"status": "failed"}}, "/filter"),
        ({"name": " "}, "/name"),
        ({"count": 0}, "/count"),
        ({"count": 2.5}, "/count"),
        ({"count": "3"}, "/count"),
    ):
        problem = program.post("/webhooks", {**NEW, **wrong}, 422)
        assert [found["pointer"] for found in problem["errors"]] == [pointer]


def test_a_whole_number_may_be_written_with_a_point(program: Program) -> None:
    assert program.post("/webhooks", {**NEW, "count": 5.0}, 201)["count"] == 5


def test_those_of_others_do_not_exist(program_of: Callable[..., Program], program: Program) -> None:
    made = program.post("/webhooks", NEW, 201)
    test = program.post(f"/webhooks/{made['id']}/test", status=201)
    ada = program_of(Role.ADMINISTRATOR, "ada")
    for path in (f"/webhooks/{made['id']}", f"/webhooks/deliveries/{test['id']}", "/webhooks/x"):
        ada.get(path, 404)
    assert ada.ask("PUT", f"/webhooks/{made['id']}", json=NEW).status_code == 404
    assert ada.get("/webhooks") == {"webhooks": []}
    program_of(Role.VIEWER, "vera").get("/webhooks", 403)
