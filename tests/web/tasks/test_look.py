"""Columns and density of the list: kept per person, and by a saved view."""

from __future__ import annotations

import re
from typing import Any

from app.core.people.roles import Role
from app.core.views.look import COLUMNS, USUAL, Look
from app.core.views.saved_views import NewView
from tests.web.looking import claim, text_of
from tests.web.tasks.test_saved_views import someone

__all__ = ["someone"]


def heads(html: str) -> list[str]:
    return [re.sub("[↕↑↓ ]+$", "", text_of(head)) for head in re.findall(r"<th scope.*?</th>", html, re.S)]


def cells(html: str) -> int:
    row = re.search(r'<tr id="task-.*?</tr>', html, re.S)
    assert row
    return len(re.findall("<td", row[0]))


def test_columns_and_density_are_kept_per_person(someone: Any, new_task: Any) -> None:
    new_task()
    ann, bob = someone("ann"), someone("bob")
    usual = ["Status", "Task", *(COLUMNS[name] for name in USUAL[1:])]
    assert heads(ann.open("/tasks")) == usual
    answer = ann.send("/views/look?status=queued", column=["worker", "status", "owner"], density="compact")
    assert (answer.status_code, answer.location) == (303, "/tasks?status=queued")
    for page in ("/tasks?status=queued", "/tasks"):
        html = ann.open(page)
        assert heads(html) == ["Status", "Task", "Owner", "Worker"] and "is-compact" in html
        assert cells(html) == 5
    assert heads(bob.open("/tasks")) == usual and "is-compact" not in bob.open("/tasks")
    ann.send("/views/look", density="comfortable")
    assert heads(ann.open("/tasks")) == ["Task"] and cells(ann.open("/tasks")) == 2


def test_every_column_has_a_head_and_a_cell_and_rows_renew_with_them(
    someone: Any, services: Any, new_task: Any
) -> None:
    ann = someone("ann", Role.OPERATOR)
    task = new_task(owner=ann.id)
    ann.send("/views/look", column=[*COLUMNS], density="comfortable")
    html = ann.open("/tasks")
    assert len(heads(html)) == cells(html) - 1 == len(COLUMNS) + 1 and "is-wide" in html
    claim(services, task, "worker-7")
    row = ann.open(f"/tasks/rows?ids={task.id}")
    assert cells(row) == cells(html)
    assert "ann" in text_of(row) and "worker-7" in text_of(row) and "1 of 1" in text_of(row)


def test_a_view_has_columns_of_its_own(someone: Any, services: Any, new_task: Any) -> None:
    task = new_task()
    ann, olga = someone("ann"), someone("olga", Role.OPERATOR)
    new = NewView("Ours", {"status": "queued"}, Look(("owner",), "compact"), shared=True)
    view = str(services.views.add(olga.id, new).id)
    html = ann.open(f"/tasks?view={view}")
    assert heads(html) == ["Task", "Owner"] and "has columns of its own" in text_of(html)
    assert f"/tasks/rows?based_on={view}&amp;ids={task.id}" in html
    assert cells(ann.open(f"/tasks/rows?based_on={view}&ids={task.id}")) == 3
    assert ann.send(f"/views/look?view={view}", column="id", density="compact").status_code == 403
    assert (
        olga.send(f"/views/look?view={view}", column="id", density="compact").location
        == f"/tasks?view={view}"
    )
    assert heads(ann.open(f"/tasks?view={view}")) == ["Task", "ID"]
    assert services.db.list_preferences.count_documents({}) == 0
    assert [found["filter"] for found in services.db.saved_views.find()] == [{"status": "queued"}]


def test_what_is_not_offered_is_refused(someone: Any, services: Any) -> None:
    ann = someone("ann")
    assert ann.send("/views/look", column="color", density="compact").status_code == 400
    assert ann.send("/views/look", column="id", density="tight").status_code == 400
    assert services.db.list_preferences.count_documents({}) == 0
    services.db.list_preferences.insert_one({"_id": ann.id, "columns": ["color"], "density": 5, "first": "x"})
    assert ann.client.get("/tasks").status_code == 200
