"""Rights on the pages of tasks: what is hidden is as if missing, and what is refused is never offered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bson import ObjectId

from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, Task
from app.web.platform import permissions
from tests.core.access.people import ADA, ALICE, BOB, VERA, person
from tests.core.conftest import running, task_in
from tests.web.create.creating import publish
from tests.web.looking import text_of, worker

__all__ = ["running", "task_in"]

ROLES = [VERA, ALICE, BOB, ADA, person(Role.SUBMITTER, "Alice", own_tasks_only=True)]
NAMES = ["viewer", "submitter", "operator", "administrator", "submitter, own"]


@pytest.fixture
def acts(app, monkeypatch):
    """From now on this person sends the requests; forms need no token."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    return lambda someone: monkeypatch.setattr(permissions, "current_person", lambda: someone)


def routes(app, task_id: Any) -> list[tuple[str, str]]:
    """Every route of a task, as method and address."""
    return [
        (method, str(rule).replace("<task_id>", str(task_id)).replace("<file_id>", "0" * 24))
        for rule in app.url_map.iter_rules()
        if "<task_id>" in str(rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
    ]


def test_every_route_of_a_hidden_task_answers_as_for_none(app, client, services, task_in, document, acts):
    task, nobody = task_in(Status.FAILED, owner="bob", private=True, title="A secret title"), ObjectId()
    before = document_of(services, task)
    acts(ALICE)
    for (method, address), (_, missing) in zip(routes(app, task.id), routes(app, nobody), strict=True):
        sent: dict[str, Any] = {"data": {"priority": "high"}} if method == "POST" else {}
        if sent and address.startswith("/api/"):
            sent = {"json": sent["data"]}
        hidden, none = (client.open(one, method=method, **sent) for one in (address, missing))
        assert hidden.status_code == none.status_code, address
        assert hidden.status_code in (404, 200), address  # 200: what a page asks again says that it is gone
        assert _same(hidden.text) == _same(none.text).replace(str(nobody), str(task.id)), address
        assert "secret" not in hidden.text
    assert document_of(services, task) == before


def _same(page: str) -> str:
    """The words of a page without the ID of its request."""
    return re.sub('(Request |"request_id":")[0-9a-f]{16}', "", text_of(page))


def document_of(services: Any, task: Task) -> Any:
    return services.db.tasks.find_one({"_id": task.id})


@pytest.fixture
def document() -> None:
    """Not that of the core: these tests read the database."""


@pytest.mark.parametrize("action", ["cancel", "retry", "priority", "delete"])
def test_an_action_on_somebody_elses_task_is_refused(client, services, new_task, acts, action):
    task = new_task(owner="bob")
    before = document_of(services, task)
    acts(ALICE)
    answer = client.post(f"/tasks/{task.id}/{action}", data={"priority": "high"})
    assert answer.status_code == 403
    assert "your own tasks only" in text_of(answer.text)
    assert document_of(services, task) == before
    assert [entry["event"] for entry in services.db.audit.find({"who": ALICE.id})] == ["refused"]


@pytest.mark.parametrize("someone", ROLES, ids=NAMES)
def test_no_link_and_no_button_leads_to_a_refusal(client, services, task_in, acts, someone):
    publish(services, "count_slowly")
    worker(services)
    tasks = [
        task_in(status, owner=owner, private=private, title=f"{status.value} of {owner}")
        for owner in ("alice", "bob")
        for private in (False, True)
        for status in Status
    ]
    acts(someone)
    pages = [
        "/",
        "/tasks",
        "/tasks?status=failed",
        "/tasks?sort=finished",
        "/tasks/new",
        "/tasks/new/count_slowly",
    ]
    pages += [f"/tasks/{task.id}" for task in tasks]
    links, forms = set(), set()
    for page in pages:
        answer = client.get(page)
        if answer.status_code in (403, 404):
            continue
        links |= set(re.findall(r'(?:href|hx-get)="(/[^"#]*)', answer.text))
        forms |= set(re.findall(r'method="post" action="(/tasks/[0-9a-f]{24}/[^"]*)', answer.text))
        forms |= set(re.findall(r'formaction="(/tasks/many/[^"]*)', answer.text))
    for link in sorted(link for link in links if not link.startswith(("/static", "/bootstrap"))):
        assert client.get(link.replace("&amp;", "&")).status_code < 400, link
    assert bool(forms) is (someone.role is not Role.VIEWER)
    for form in sorted(forms, key=lambda form: ("delete" in form, form)):
        data = {
            "priority": "low",
            "tag": "night",
            "submission_key": "a-key-of-this-button",
            "id": [str(task.id) for task in tasks],
        }
        assert client.post(form.replace("&amp;", "&"), data=data).status_code in (303, 409), form


def test_a_bulk_action_says_how_many_are_not_yours(client, services, new_task, acts):
    tasks = [new_task(owner="alice"), new_task(owner="bob"), new_task(owner="bob", private=True)]
    acts(ALICE)
    answer = client.post("/tasks/many/cancel", data={"id": [str(task.id) for task in tasks]})
    page = text_of(client.get(answer.location).text)
    assert "Cancel 1 task?" in page
    assert "Skipped: 1 no longer exists, 1 is not yours to change." in page
    data = {"all": "1", "until": "4102444800000", "key": "k" * 16, "total": "1"}
    done = client.post("/tasks/many/cancel/run", data=data)
    assert "1 task canceled. Skipped 1 is not yours to change" in text_of(client.get(done.location).text)
    assert [services.tasks.get(task.id).status.value for task in tasks] == ["canceled", "queued", "queued"]


def test_the_list_by_owner_has_a_chip_and_mine(client, services, new_task, acts):
    user = services.people.users.add("Zoe Zed", Role.SUBMITTER)
    acts(services.people.users.person(user))
    new_task(owner=user.id, title="Hers"), new_task(owner="bob", title="His")
    assert f'href="/tasks?owner={user.id}">Mine' in client.get("/tasks").text
    page = client.get(f"/tasks?owner={user.id}").text
    assert "owner: Zoe Zed" in text_of(page)
    assert "Hers" in page and "His" not in page
    detail = client.get(f"/tasks/{services.queries.find({}, [('_id', 1)], 1)[0].id}").text
    assert "by Zoe Zed" in text_of(detail)


def test_the_list_of_who_sees_all_reads_neither_users_nor_audit(
    client, services, new_task, acts, monkeypatch
):
    new_task(owner="alice", private=True)
    acts(ADA)
    monkeypatch.setattr(services.people.users, "_users", None)
    monkeypatch.setattr(services.people.audit, "_audit", None)
    assert client.get("/tasks").status_code == 200
    assert client.get("/tasks/counts").status_code == 200


def test_a_private_task_says_so(client, new_task, acts):
    task = new_task(owner="alice", private=True)
    acts(ALICE)
    assert "Private" in text_of(client.get("/tasks").text)
    assert "Private" in text_of(client.get(f"/tasks/{task.id}").text)


def test_home_shows_no_task_that_is_hidden(client, services, task_in, acts):
    task_in(Status.FAILED, owner="bob", private=True, title="A secret title")
    busy = task_in(Status.RUNNING, owner="bob", private=True, title="A secret run")
    worker(services, task=str(busy.id))
    acts(VERA)
    page = client.get("/").text
    assert "secret" not in page and str(busy.id) not in page
    acts(BOB)
    assert "A secret run" in client.get("/").text


def test_a_search_for_a_piece_of_a_hidden_id_finds_nothing(client, new_task, acts):
    task = new_task(owner="bob", private=True)
    acts(ALICE)
    answer = client.get(f"/tasks?q={str(task.id)[-8:]}")
    assert answer.status_code == 200 and str(task.id) not in answer.text
    acts(BOB)
    assert client.get(f"/tasks?q={str(task.id)[-8:]}").location == f"/tasks/{task.id}"


FIELDS = sorted(
    {*Task.__dataclass_fields__, *NewTask.__dataclass_fields__, "keywords", "id_end", "status_at"}
)


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_of_a_task_is_set_by_an_action_or_an_address(client, services, new_task, acts, name):
    task = new_task(owner="alice")
    acts(ALICE)
    before = document_of(services, task)
    sent = {} if name == "priority" else {name: "9"}
    assert (
        client.post(f"/tasks/{task.id}/priority?{name}=9", data={"priority": "low", **sent}).status_code
        == 303
    )
    after = document_of(services, task)
    moved = {"priority", "dispatch", "queued_at", "hint", "dispatched_at"}
    assert {key for key in after if after[key] != before.get(key)} <= moved
    assert after["priority"] == 2 and after["dispatch"] == before["dispatch"] + 1


def test_somebody_without_the_permission_of_downloads(client, services, task_in, acts):
    task = task_in(Status.SUCCEEDED, owner="alice")
    acts(Person("eve", "Eve", Role.VIEWER, grants={p: r for p, r in VERA.grants.items() if p == "task.read"}))
    assert client.get(f"/tasks/{task.id}/result.json").status_code == 403
    assert "result.json" not in client.get(f"/tasks/{task.id}").text
