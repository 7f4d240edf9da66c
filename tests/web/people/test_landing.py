"""Where a person comes to after signing in: always a whole page, whatever address was asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.core.people.roles import Role
from app.web.sign_in.local_path import page_path
from tests.security.world import World
from tests.signing_in import token_of

GOOD = "correct horse battery"
WHOLE = "<!doctype html>"
NOT_THERE = (
    "/users/0000",
    "/bulk/0000",
    "/batches/0000",
    "/batches/new/clean_table/",
    "/tasks/many/",
    "/profile/notifications/",
)
"""Pages of what no example is in the world of these tests (its file is no table), or of tasks when none were
chosen."""


@pytest.fixture
def world(app, client, services):
    services.people.users.add(
        "root", Role.ADMINISTRATOR, password_hash=services.sign_in.passwords.hashed(GOOD)
    )
    return World(app, client, services)


def test_every_address_leads_to_a_whole_page(world, app):
    with app.test_request_context():
        landings = {page_path(route.path) or "/": str(route) for route in world.routes()}
    assert len(landings) > 20
    for address, route in landings.items():
        answer = world.client.get(address)
        while answer.status_code == 303:  # Such as a step that has not begun.
            answer = world.client.get(answer.location)
        there = answer.status_code == 200 or urlsplit(address).path.startswith(NOT_THERE)
        assert there, f"{route} leads to {address}: {answer.status}"
        assert answer.mimetype == "text/html", f"{route} leads to {address}"
        assert answer.text.lower().lstrip().startswith(WHOLE), f"{route} leads to {address}"
        assert "attachment" not in answer.headers.get("Content-Disposition", "")


@pytest.mark.parametrize(
    ("asked", "landing"),
    [
        ("/tasks/rows?status=failed&q=a%26b", "/tasks?status=failed&q=a%26b"),
        ("/tasks/ID/log?attempt=1", "/tasks/ID"),
        ("/tasks/ID?attempt=1", "/tasks/ID?attempt=1"),
        ("/tasks/ID/cancel", "/"),
        ("/sign-out", "/"),
        ("/sign-in?next=/sign-in", "/"),
        ("/nothing/here", "/"),
        ("/api/v1/tasks", "/"),
        ("/%2e%2e//evil.example", "/"),
        ("/tasks/new/clean_table?from=x", "/tasks/new/clean_table?from=x"),
    ],
)
def test_a_part_of_a_page_leads_to_its_page(world, anonymous, asked, landing):
    task = str(world.tasks["succeeded"].id)
    page = anonymous.get("/sign-in", query_string={"next": asked.replace("ID", task)})
    data = {"csrf_token": token_of(page.text), "name": "root", "password": GOOD}
    answer = anonymous.post("/sign-in", data={**data, "next": asked.replace("ID", task)})
    assert (answer.status_code, answer.location) == (303, landing.replace("ID", task))


def test_under_a_prefix_only_what_lies_there_is_a_page_of_ours(app):
    with app.test_request_context("/", base_url="http://localhost/queue/"):
        assert page_path("/queue/tasks?q=x") == "/queue/tasks?q=x"
        assert urlsplit(page_path("/queue/tasks/rows?q=x") or "").path == "/queue/tasks"
        assert page_path("/tasks") is None
        assert page_path("/queue") is None
