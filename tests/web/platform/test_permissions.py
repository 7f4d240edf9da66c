"""Every route says what it takes, and without that nobody comes in."""

from __future__ import annotations

import pytest

from app import create_app
from app.core.people.person import PUBLIC, Person
from app.core.people.roles import Permission, Reach, Role, grants_of
from app.web.platform import permissions
from app.web.platform.permissions import needed_by, requires
from tests.signing_in import signed_in

SIGNING_IN = {
    *("sign_in.form", "sign_in.by_password", "sign_in.link", "sign_in.by_link"),
    *("second_step.form", "second_step.by_code", "passkeys.sign_in_options", "passkeys.sign_in"),
    *("single_sign_on.begin", "single_sign_on.back", "single_sign_on.signed_out"),
}
OPEN_TO_ALL = {
    *("static", "bootstrap.static", "dashboard.healthz", "dashboard.readyz", "api.openapi"),
    *SIGNING_IN,
}


def test_every_route_declares_a_permission(app):
    declared = {rule.endpoint: needed_by(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert {name for name, needed in declared.items() if needed is None} == set()
    assert {name for name, needed in declared.items() if needed == PUBLIC} == OPEN_TO_ALL


def test_a_route_without_one_is_refused(settings, services):
    app = create_app(settings, services)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    for client, status in ((app.test_client(), 303), (signed_in(app.test_client(), services), 403)):
        answer = client.get("/forgotten")
        assert answer.status_code == status
        assert "secret" not in answer.text


def test_a_permission_that_does_not_exist_cannot_be_declared():
    with pytest.raises(ValueError, match="task.raed"):
        requires("task.raed")


def closed_addresses(app, task):
    """Method and address of every route that is not open to all."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in OPEN_TO_ALL:
            address = str(rule).replace("<task_id>", str(task.id)).replace("<file_id>", "x")
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield method, address


def test_nobody_gets_anything_without_signing_in(app, anonymous, services, new_task, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    task = new_task(title="A secret title")
    for method, address in closed_addresses(app, task):
        page = anonymous.open(address, method=method)
        part = anonymous.open(address, method=method, headers={"HX-Request": "true"})
        program = anonymous.open(address, method=method, headers={"Accept": "application/json"})
        is_page = method == "GET" and not address.startswith(("/api/", "/metrics"))
        assert page.status_code == (303 if is_page else 401), (method, address)
        assert (part.status_code, program.status_code) == (401, 401), (method, address)
        assert program.mimetype == "application/problem+json"
        for answer in (page, part, program):
            assert "secret" not in answer.text
            assert 'id="pulse"' not in answer.text
    assert services.tasks.get(task.id) == task


def test_a_stranger_gets_nothing_and_changes_nothing(app, client, services, new_task, monkeypatch):
    """Charlie is signed in and has no permission at all."""
    charlie = Person("charlie", "charlie", Role.VIEWER)
    monkeypatch.setattr(permissions, "current_person", lambda: charlie)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    task = new_task(title="A secret title")
    for method, address in closed_addresses(app, task):
        answer = client.open(address, method=method)
        assert answer.status_code == 403, (method, address)
        assert "secret" not in answer.text
    assert services.tasks.get(task.id) == task


def test_buttons_follow_permissions(alice, new_task, monkeypatch):
    """Bob may only look."""
    bob = Person("bob", "bob", Role.VIEWER, grants={Permission.TASK_READ: Reach.ANY})
    monkeypatch.setattr(permissions, "current_person", lambda: bob)
    page = alice.open(f"/tasks/{new_task().id}")
    assert "/cancel" not in page
    assert "Change priority" not in page
    assert "Run again" not in page


@pytest.mark.parametrize("role", Role)
def test_a_person_has_the_permissions_of_their_role(signed_in_as, role):
    with signed_in_as(role) as client:
        client.get("/profile")
        person = permissions.current_person()
    assert (person.role, person.grants) == (role, grants_of(role))
