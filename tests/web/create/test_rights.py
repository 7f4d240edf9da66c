"""Rights on Create Task: which types are offered, private tasks, and that nothing else can be set."""

from __future__ import annotations

import pytest

from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.tasks.task import NewTask, Task
from app.web.create.envelope import NAMES
from app.web.platform import permissions
from tests.core.access.people import ADA, ALICE, BOB
from tests.core.params.schemas import schema_of
from tests.web.create.creating import Browser, only, publish, upload
from tests.web.looking import text_of

PLAIN = schema_of(rows=(int, 1))


@pytest.fixture
def acts(app, monkeypatch):
    """From now on this person sends the requests; forms need no token."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    return lambda someone: monkeypatch.setattr(permissions, "current_person", lambda: someone)


@pytest.fixture
def limited(services):
    publish(services, "payroll", title="Payroll", roles=["operator"], groups=["finance"])
    publish(services, "plain", title="Plain", schema=PLAIN)


@pytest.mark.usefixtures("limited")
class TestTypes:
    def test_only_types_that_one_may_use_are_offered(self, client, acts):
        mel = Person("mel", "Mel", Role.SUBMITTER, frozenset({"finance"}), ALICE.grants)
        for someone, offered in ((ALICE, False), (mel, True), (BOB, True), (ADA, True)):
            acts(someone)
            page = client.get("/tasks/new").text
            assert ("/tasks/new/payroll" in page) is offered
            assert "/tasks/new/plain" in page

    def test_a_direct_address_says_what_is_required(self, client, services, acts):
        acts(ALICE)
        answer = client.get("/tasks/new/payroll")
        assert answer.status_code == 403
        assert "requires the role operator or higher or membership in the group finance" in text_of(
            answer.text
        )
        assert client.post("/tasks/new/payroll", data={"priority": "high"}).status_code == 403
        sent = client.post("/tasks/new/payroll/source", data={"file": upload()})
        assert sent.status_code == 403
        assert services.db.tasks.count_documents({}) == 0
        assert services.db["files.files"].count_documents({}) == 0

    def test_a_page_without_any_says_so(self, client, services, acts):
        services.db.task_types.delete_one({"_id": "plain"})
        acts(ALICE)
        assert "Ask an administrator." in text_of(client.get("/tasks/new").text)


@pytest.mark.usefixtures("limited")
class TestPrivate:
    def test_a_task_is_private_where_that_is_chosen(self, client, services, acts):
        acts(ALICE)
        browser = Browser(client)
        form = browser.open("/tasks/new/plain")
        assert "private" not in form
        assert browser.send(form, "plain", private="1").status_code == 303
        task = only(services)
        assert (task.private, task.owner) == (True, "alice")
        assert "for:alice" in services.db.tasks.find_one()["keywords"]

    def test_a_rerun_keeps_it(self, client, services, new_task, acts):
        past = new_task(type="plain", params={"rows": 2}, owner="alice", private=True)
        acts(ALICE)
        form = Browser(client).open(f"/tasks/new/plain?from={past.id}")
        assert form["private"] == "1"

    def test_the_inputs_of_a_hidden_task_cannot_be_used(self, client, new_task, acts):
        past = new_task(type="plain", params={"rows": 2}, owner="bob", private=True)
        acts(ALICE)
        assert client.get(f"/tasks/new/plain?from={past.id}").status_code == 404


FIELDS = sorted({*Task.__dataclass_fields__, *NewTask.__dataclass_fields__, "keywords", "id_end"} - {*NAMES})


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("name", FIELDS)
def test_no_other_field_of_a_task_can_be_sent(client, services, acts, name):
    acts(ALICE)
    browser = Browser(client)
    answer = browser.send(browser.open("/tasks/new/plain"), "plain", **{name: "9"})
    assert answer.status_code == 422
    assert services.db.tasks.count_documents({}) == 0


@pytest.mark.usefixtures("limited")
def test_what_may_be_sent_sets_no_more_than_it_says(client, services, acts):
    acts(ALICE)
    browser = Browser(client)
    sent = browser.send(browser.open("/tasks/new/plain"), "plain", private="1", tags="owner:bob,for:team")
    assert sent.status_code == 303
    keywords = services.db.tasks.find_one()["keywords"]
    assert {"owner:alice", "for:alice", "tag:owner:bob", "tag:for:team"} <= set(keywords)
    assert not {"owner:bob", "for:team", "for:bob"} & set(keywords)
