"""Every route says what it takes, and without that nobody comes in."""

from __future__ import annotations

import pytest

from app import create_app
from app.core.people.person import ANONYMOUS, PUBLIC, Permission, Person, Reach
from app.web.platform import permissions
from app.web.platform.permissions import needed_by, requires

OPEN_TO_ALL = {"static", "bootstrap.static", "dashboard.healthz", "dashboard.readyz"}


def test_every_route_declares_a_permission(app):
    declared = {rule.endpoint: needed_by(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert {name for name, needed in declared.items() if needed is None} == set()
    assert {name for name, needed in declared.items() if needed == PUBLIC} == OPEN_TO_ALL


def test_a_route_without_one_is_refused(settings, services):
    app = create_app(settings, services)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_permission_that_does_not_exist_cannot_be_declared():
    with pytest.raises(ValueError, match="task.raed"):
        requires("task.raed")


def test_a_stranger_gets_nothing_and_changes_nothing(app, client, services, new_task, monkeypatch):
    """Charlie has no permission at all."""
    monkeypatch.setattr(permissions, "current_person", lambda: ANONYMOUS)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    task = new_task(title="A secret title")
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPEN_TO_ALL:
            continue
        address = str(rule).replace("<task_id>", str(task.id)).replace("<file_id>", "x")
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(address, method=method)
            assert answer.status_code == 403, (method, address)
            assert "secret" not in answer.text
    assert services.tasks.get(task.id) == task


def test_buttons_follow_permissions(alice, new_task, monkeypatch):
    """Bob may only look."""
    bob = Person("bob", "bob", grants={Permission.TASK_READ: Reach.ANY})
    monkeypatch.setattr(permissions, "current_person", lambda: bob)
    page = alice.open(f"/tasks/{new_task().id}")
    assert "/cancel" not in page
    assert "Change priority" not in page
    assert "Run again…" not in page


def test_the_local_person_has_them_all():
    assert set(permissions.current_person().grants) == set(Permission)
