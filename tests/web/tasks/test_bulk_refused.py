"""Many tasks at once, refused: what is not understood, forged or not allowed, and then nothing changes."""

from __future__ import annotations

import pytest
from bson import ObjectId

from app.core.tasks.states import Status
from app.web.platform.permissions import needed_by
from tests.web.looking import text_of


@pytest.mark.parametrize(
    ("address", "values", "status", "sentence"),
    [
        ("cancel{}", {}, 422, "Please tick tasks in the list first."),
        ("cancel{}", {"id": "x"}, 422, "“x” is not the ID of a task"),
        ("cancel{}", {"id": [str(ObjectId()) for _ in range(201)]}, 422, "Choose 200 tasks or fewer"),
        ("priority{}", {"all": "1", "priority": "urgent"}, 422, "high, medium, low"),
        ("priority{}", {"all": "1"}, 422, "high, medium, low"),
        ("cancel{}?status=lost", {"all": "1"}, 400, "“lost” isn't a valid status."),
        ("cancel{}?lease=bob", {"all": "1"}, 400, "There is no filter “lease”."),
    ],
)
def test_what_is_not_understood(bob, services, new_task, address, values, status, sentence):
    task = new_task()
    bob.open("/tasks")
    for run in ("", "/run"):
        answer = bob.send(address.format(run), values)
        assert answer.status_code == status
        assert sentence in text_of(answer.text)
    assert services.tasks.get(task.id) == task


def test_a_run_whose_fields_are_wrong(bob, services, new_task):
    task = new_task()
    bob.open("/tasks")
    good = {"all": "1", "until": "4102444800000", "key": "k" * 16, "total": "1"}
    for name, value in (
        *(("until", wrong) for wrong in ("", "soon", "²", "9" * 15)),
        *(("total", wrong) for wrong in ("all", "-1", "1e3", "9" * 10)),
        *(("key", wrong) for wrong in ("", "short", "k" * 65, "\0" * 16)),
    ):
        answer = bob.send("cancel/run", {**good, name: value})
        assert (answer.status_code, name) == (400, name)
        assert "tart again from the " in answer.text
    assert services.tasks.get(task.id) == task
    assert bob.send("cancel/run", good).status_code == 303
    assert services.tasks.get(task.id).status is Status.CANCELED


def test_the_way_back_keeps_the_filter(bob, new_task):
    new_task()
    assert 'href="/tasks?tag=nightly">View Tasks' in bob.choose("cancel?tag=nightly", status=422)


def test_forged(client, services, new_task):
    task = new_task()
    for part in ("", "/run"):
        answer = client.post(f"/tasks/many/cancel{part}", data={"id": str(task.id)})
        assert answer.status_code == 400
        assert "another session" in answer.text
    assert services.tasks.get(task.id) == task


def test_no_change_by_get(client):
    assert client.get("/tasks/many/cancel/run?status=queued").status_code == 405


def test_each_takes_the_permission_of_its_action(app):
    needed = {
        rule.endpoint: needed_by(app, rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("many.")
    }
    actions = {"cancel": "cancel", "retry": "retry", "priority": "reprioritize", "delete": "delete"}
    actions |= {"again": "clone", "tag": "tag", "untag": "tag"}
    assert needed == {
        f"many.{path}{part}": f"task.{action}"
        for path, action in actions.items()
        for part in ("", "_preview", "_run")
    }
