"""ETag, If-None-Match and If-Match: what was changed meanwhile is not overwritten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import ObjectId

from app.core.access.notifications import Notifications
from app.core.access.saved_views import Views
from app.core.services import Services
from tests.api.conftest import Program
from tests.api.test_tasks import new, upload

VIEW = {"name": "Failures", "filter": {"status": "failed"}}
HOOK = {"name": "CI", "address": "https://example.org/hook", "events": ["task.failed"]}
RESOURCES = [("/views", VIEW), ("/webhooks", HOOK)]
both = pytest.mark.parametrize(("path", "body"), RESOURCES)
CHANGED = "urn:dtq:problem:precondition-failed"


def tag(program: Program, path: str) -> str:
    return program.ask("GET", path).headers["ETag"]


@both
def test_a_change_of_what_was_changed_meanwhile_is_refused(program: Program, path: str, body: Any) -> None:
    made = program.ask("POST", path, json=body)
    address = f"{path}/{made.json['id']}"
    known = made.headers["ETag"]
    assert known == tag(program, address)
    mine = program.ask("PUT", address, json={**body, "name": "Mine"}, headers={"If-Match": known})
    assert (mine.status_code, mine.headers["ETag"]) == (200, tag(program, address))
    for method, sent in (("PUT", {"json": body}), ("DELETE", {})):
        late = program.ask(method, address, headers={"If-Match": known}, **sent)
        assert (late.status_code, late.json["type"]) == (412, CHANGED)
        assert "Read it again" in late.json["detail"] and late.mimetype == "application/problem+json"
    assert program.get(address)["name"] == "Mine"
    weak = {"If-Match": f'"other", W/{mine.headers["ETag"]}'}  # As after compression.
    assert program.ask("PUT", address, json=body, headers=weak).status_code == 200
    assert program.ask("DELETE", address, headers={"If-Match": "*"}).status_code == 204
    program.get(address, 404)


def test_a_secret_is_not_rotated_twice_by_one_tag(program: Program) -> None:
    address = f"/webhooks/{program.post('/webhooks', HOOK, 201)['id']}"
    known = {"If-Match": tag(program, address)}
    assert program.ask("POST", f"{address}/rotate", headers=known).json["secret"]
    assert program.ask("POST", f"{address}/rotate", headers=known).status_code == 412


def test_of_many_who_change_at_once_one_does(program: Program, services: Services) -> None:
    address = f"/views/{program.post('/views', VIEW, 201)['id']}"
    known = {"If-Match": tag(program, address)}

    def change(number: int) -> int:
        return program.ask("PUT", address, json={"name": f"View {number}"}, headers=known).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(change, range(8))) == [200, *[412] * 7]
    assert program.get(address)["version"] == 2


@pytest.mark.parametrize("with_tag", [True, False])
@both
def test_what_comes_between_reading_and_writing_is_seen(
    program: Program,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: Any,
    with_tag: bool,
) -> None:
    """The check of a tag is not what guards: another write comes right after it."""
    address = f"{path}/{(made := program.post(path, body, 201))['id']}"
    known = {"If-Match": tag(program, address)} if with_tag else {}
    stored = services.db["saved_views" if path == "/views" else "subscriptions"]

    def between(owner: type, name: str) -> None:
        then = getattr(owner, name)

        def first(*args: Any, **given: Any) -> Any:
            stored.update_one({"_id": ObjectId(made["id"])}, {"$inc": {"version": 1}})
            return then(*args, **given)

        monkeypatch.setattr(owner, name, first)

    for name in ("replace", "delete") if path == "/views" else ("change", "delete"):
        between(Views if path == "/views" else Notifications, name)
    answer = program.ask("PUT", address, json={**body, "name": "Late"}, headers=known)
    # Without a tag, a subscription is read by who changes it, so nothing of others is lost unseen.
    seen = 409 if path == "/views" else 200
    assert answer.status_code == (412 if with_tag else seen)
    known = {"If-Match": tag(program, address)} if with_tag else {}
    assert program.ask("DELETE", address, headers=known).status_code == (412 if with_tag else 204)


def test_a_view_of_an_older_version_of_the_program_is_changed(program: Program, services: Services) -> None:
    address = f"/views/{program.post('/views', VIEW, 201)['id']}"
    services.db.saved_views.update_one({}, {"$unset": {"version": 1}})
    known = {"If-Match": tag(program, address)}
    assert program.ask("PUT", address, json=VIEW, headers=known).json["version"] == 2
    assert program.ask("PUT", address, json=VIEW, headers=known).status_code == 412


def test_what_is_known_is_not_sent_again(program: Program) -> None:
    task = program.post("/tasks", new(upload(program)), 201)
    view, hook = program.post("/views", VIEW, 201), program.post("/webhooks", HOOK, 201)
    for path in (
        f"/tasks/{task['id']}", f"/views/{view['id']}", f"/webhooks/{hook['id']}", "/views", "/webhooks",
        f"/types/{task['type']}",
    ):  # fmt: skip
        first = program.ask("GET", path)
        again = program.ask("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert program.ask("GET", path, headers={"If-None-Match": '"x"'}).status_code == 200
    known = {"If-None-Match": tag(program, f"/tasks/{task['id']}")}
    program.post(f"/tasks/{task['id']}/cancel")
    assert program.ask("GET", f"/tasks/{task['id']}", headers=known).status_code == 200
