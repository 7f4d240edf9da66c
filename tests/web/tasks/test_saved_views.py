"""Saved views of the list: saved, opened, changed, shared, and what of them others may not do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.core.access.saved_views import Views
from app.core.people.roles import Role
from app.core.services import Services
from app.core.views import saved_views
from app.core.views.look import Look
from app.core.views.saved_views import NewView
from tests.signing_in import signed_in
from tests.web.looking import Looker, fail, text_of


class Viewer(Looker):
    """Somebody with the list open."""

    def send(self, path: str, **values: Any) -> Any:
        self.open("/views")
        return self.client.post(path, data={"csrf_token": self._token, **values})


@pytest.fixture
def someone(app: Any, services: Services) -> Any:
    def make(name: str, role: Role = Role.SUBMITTER) -> Viewer:
        viewer = Viewer(signed_in(app.test_client(), services, role, name))
        viewer.id = services.people.users.by_name(name).id
        return viewer

    return make


def stored(services: Services) -> list[tuple[str, dict[str, Any], bool]]:
    return [(view["name"], view["filter"], view["shared"]) for view in services.db.saved_views.find()]


def view_of(services: Services, owner: str, name: str = "Mine", **given: Any) -> str:
    new = NewView(name, given.pop("filter", {"status": "failed"}), Look(), **given)
    return str(services.views.add(owner, new).id)


def test_a_list_is_saved_and_opened_again(someone, services, new_task):
    ann = someone("ann")
    new_task(title="Waits")
    fail(services, new_task(title="Broke"), "No.")
    answer = ann.send("/views?status=failed&sort=finished", name="  My\u200b failures ")
    view = services.db.saved_views.find_one()
    assert (answer.status_code, answer.location) == (303, f"/tasks?view={view['_id']}")
    assert stored(services) == [("My failures", {"status": "failed", "sort": "finished"}, False)]
    html = ann.open(answer.location)
    assert "View “My failures” saved." in text_of(html)
    assert "Broke" in html and "Waits" not in html
    assert f'name="based_on" value="{view["_id"]}"' in html


def test_the_links_of_a_view_keep_it_and_its_pages_are_pages_of_it(someone, services, new_task):
    ann = someone("ann")
    for _ in range(30):
        new_task()
    view = view_of(services, ann.id, filter={"status": "queued"})
    html = ann.open(f"/tasks?view={view}")
    following = re.search(r'href="(/tasks\?[^"]+)">Next', html)[1].replace("&amp;", "&")
    assert re.fullmatch(rf"/tasks\?after=[^&]+&view={view}", following)
    assert len(re.findall('<tr id="task-', ann.open(following))) == 5
    assert f"/tasks?status=failed&amp;based_on={view}" in html
    changed = ann.open(f"/tasks?status=running&based_on={view}")
    assert "Mine (changed)" in text_of(changed) and "Save changes to “Mine”" in text_of(changed)
    assert ann.send(f"/views/{view}/filter?status=running").status_code == 303
    assert stored(services) == [("Mine", {"status": "running"}, False)]


def test_the_list_begins_with_a_view_and_every_task_is_still_a_link_away(someone, services, new_task):
    ann = someone("ann")
    new_task(title="Waits")
    view = view_of(services, ann.id)
    ann.send("/views/first", view=view)
    assert ann.client.get("/tasks").location == f"/tasks?view={view}"
    html = ann.open("/tasks?view=all")
    assert "Waits" in html
    assert "/tasks?status=failed&amp;view=all" in html
    assert ann.client.get("/tasks?priority=&view=all").status_code == 200
    ann.send(f"/views/{view}/delete")
    assert ann.client.get("/tasks").status_code == 200
    ann.send("/views/first", view=view_of(services, ann.id))
    ann.send("/views/first", view="")
    assert ann.client.get("/tasks").status_code == 200


def test_a_view_of_another_version_does_not_shut_the_list(someone, services, new_task):
    ann = someone("ann")
    new_task(title="Waits")
    view = view_of(services, ann.id, filter={"colour": "red"})
    ann.send("/views/first", view=view)
    html = ann.open(f"/tasks?view={view}")
    assert "This view can't be shown any more" in text_of(html) and "Waits" in html


def test_what_is_wrong_is_said_and_nothing_is_saved(someone, services):
    ann = someone("ann")
    for name in ("", "\u200b ", "x" * 61):
        answer = ann.send("/views?status=failed", name=name)
        assert answer.location == "/tasks?status=failed"
        assert "View not saved. Use 1 to 60 characters." in text_of(ann.open(answer.location))
    assert ann.send("/views?colour=red", name="x").status_code == 400
    assert ann.send("/views?after=1-0", name="x").status_code == 400
    assert stored(services) == []
    for address in ("/tasks?view=5", f"/tasks?view={'0' * 24}", f"/tasks?based_on={'0' * 24}"):
        assert ann.client.get(address).status_code == 404
    view = view_of(services, ann.id)
    for address in (f"view={view}&status=failed", f"view={view}&based_on={view}", f"view={view}&view={view}"):
        assert ann.client.get(f"/tasks?{address}").status_code == 400


def test_a_name_is_used_once_unless_it_is_replaced(someone, services):
    ann = someone("ann")
    ann.send("/views?status=failed", name="Mine")
    ann.send("/views?status=running", name="MINE")
    assert stored(services) == [("Mine", {"status": "failed"}, False)]
    ann.send("/views?status=running", name="MINE", over="1")
    assert stored(services) == [("MINE", {"status": "running"}, False)]
    ann.send("/views?status=running", name="Other")
    other = services.db.saved_views.find_one({"name": "Other"})["_id"]
    assert "already" in text_of(ann.open(ann.send(f"/views/{other}/rename", name="mine").location))
    ann.send(f"/views/{other}/rename", name="Third")
    assert {name for name, _, _ in stored(services)} == {"MINE", "Third"}


def test_nobody_has_more_than_the_most(someone, services, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST", 2)
    ann, bob = someone("ann"), someone("bob")
    for name in ("a", "b", "c"):
        ann.send("/views", name=name)
    bob.send("/views", name="c")
    assert [name for name, _, _ in stored(services)] == ["a", "b", "c"]
    assert services.db.saved_views.count_documents({"owner": ann.id}) == 2


def test_sharing_takes_a_permission_and_is_recorded(someone, services):
    ann, olga, vera = someone("ann"), someone("olga", Role.OPERATOR), someone("vera", Role.VIEWER)
    assert ann.send("/views?status=failed", name="All", shared="1").status_code == 403
    assert stored(services) == []
    olga.send("/views?status=failed", name="Ours <b>", shared="1")
    view = str(services.db.saved_views.find_one()["_id"])
    assert services.db.audit.find_one({"event": "view.share"})["after"]["name"] == "Ours <b>"
    for other in (ann, vera):
        assert "Ours &lt;b&gt;" in other.open("/views") and "by olga" in text_of(other.open("/tasks"))
        assert other.client.get(f"/tasks?view={view}").status_code == 200
        for path in ("rename", "delete", "filter"):
            assert other.send(f"/views/{view}/{path}", name="x").status_code == 403
    assert stored(services) == [("Ours <b>", {"status": "failed"}, True)]
    someone("otto", Role.OPERATOR).send(f"/views/{view}/rename", name="Ours")
    assert stored(services) == [("Ours", {"status": "failed"}, False)]
    assert ann.client.get(f"/tasks?view={view}").status_code == 404


def test_a_view_of_somebody_else_is_as_if_it_did_not_exist(someone, services):
    ann, bob = someone("ann"), someone("bob", Role.ADMINISTRATOR)
    view = view_of(services, ann.id, "Ann's secret")
    assert "secret" not in bob.open("/views") + bob.open("/tasks")
    assert bob.client.get(f"/tasks?view={view}").status_code == 404
    for path in ("rename", "delete", "filter"):
        assert bob.send(f"/views/{view}/{path}", name="x").status_code == 404
    assert bob.send("/views/first", view=view).status_code == 404
    assert stored(services) == [("Ann's secret", {"status": "failed"}, False)]


def test_what_changed_between_reading_and_saving_is_not_overwritten(someone, services, monkeypatch):
    ann = someone("ann")
    view = view_of(services, ann.id)
    read = Views.get

    def read_first(views: Views, view_id: Any) -> Any:
        found = read(views, view_id)
        services.db.saved_views.update_one({}, {"$set": {"name": "Shared"}, "$inc": {"version": 1}})
        return found

    monkeypatch.setattr(Views, "get", read_first)
    assert ann.send(f"/views/{view}/filter?status=queued").status_code == 409
    assert "View not saved. The view was changed meanwhile." in text_of(
        ann.open(ann.send(f"/views/{view}/rename", name="Mine").location)
    )
    assert stored(services) == [("Shared", {"status": "failed"}, False)]
