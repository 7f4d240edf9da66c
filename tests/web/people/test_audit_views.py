"""The page of the audit and its files."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from pymongo.errors import AutoReconnect

from app.core.people.audit import AuditFilter, Event, Outcome
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.people.roles import Role, grants_of
from app.core.services import Services
from app.web.people.audit_views import EVENTS, changes
from app.web.platform import permissions
from tests.web.looking import text_of

ALICE = Person("a1", "Alice")
ORIGIN = Origin("192.0.2.1", "4f2a", "session")


@pytest.fixture
def record(services: Services):
    def add(event: Event = Event.SIGN_IN, target: str = "", who: Person = ALICE, **given):
        services.people.audit.record(who, ORIGIN, event, target, **given)

    return add


def export(alice, address: str = "/audit/export", **form: str):
    alice.open("/audit")
    return alice.client.post(address, data={"csrf_token": alice._token, **form})


def test_the_page_says_who_did_what_from_where_and_what_changed(alice, record):
    record(Event.USER_CHANGE, "u7", before={"role": "viewer"}, after={"role": "operator"})
    page = alice.read("/audit")
    for words in ("Change user", "Alice", "u7", "role viewer → became operator", "192.0.2.1 by session 4f2a"):
        assert words in page


def test_a_failure_says_so_and_why(alice, record):
    record(target="mallory", who=ANONYMOUS, outcome=Outcome.FAILED, reason="password")
    assert "Sign in Failed password not signed in mallory" in alice.read("/audit")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_it_is_for_administrators_only(role, client, services, monkeypatch, app):
    bob = Person("b1", "Bob", role, grants=grants_of(role))
    monkeypatch.setattr(permissions, "current_person", lambda: bob)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    assert client.get("/audit").status_code == 403
    assert client.post("/audit/export", data={"format": "csv"}).status_code == 403
    assert "/audit" not in client.get("/").text
    assert services.db.audit.count_documents({"event": Event.AUDIT_EXPORT.value}) == 0


def test_home_leads_there(alice):
    assert 'href="/audit"' in alice.open("/")


def test_a_task_is_a_link_while_it_is_there(alice, record, new_task, services):
    task = new_task(title="Count <b>")
    record(Event.TASK_CREATE, str(task.id))
    assert re.search(f'href="/tasks/{task.id}">Count &lt;b&gt;</a>', alice.open("/audit"))
    services.dispatch.cancel(task.id, "a1")
    services.dispatch.delete(task.id)
    page = alice.open("/audit")
    assert f'href="/tasks/{task.id}"' not in page and str(task.id) in page


def test_a_user_is_a_link_with_the_name(alice, record, services):
    bob = services.people.users.add("Bob", Role.VIEWER)
    record(Event.USER_ADD, bob.id)
    assert f'href="/audit?target={bob.id}">Bob</a>' in alice.open("/audit")


def test_filters_are_in_the_address(alice, record):
    record(Event.SIGN_IN, "one")
    record(Event.SIGN_OUT, "two")
    page = alice.open("/audit?event=sign_out")
    assert "two" in page and "<code>one</code>" not in page
    assert '<option value="sign_out" selected>Sign out</option>' in page


def test_a_person_is_found_by_name(alice, client, services):
    bob = services.people.users.add("Bob", Role.VIEWER)
    answer = client.get("/audit?person=bob&event=sign_in")
    assert (answer.status_code, answer.location) == (303, f"/audit?event=sign_in&person={bob.id}")
    assert 'value="Bob"' in alice.open(answer.location)


@pytest.mark.parametrize(
    "query", ["since=today", "outcome=x", "colour=red", "after=x", "event=a&event=b", "target=" + "x" * 201]
)
def test_bad_addresses(query, alice):
    alice.open(f"/audit?{query}", 400)


def test_pages_lead_on_and_back_with_the_filters(alice, record):
    for number in range(51):
        record(target=f"t{number}-")
    page = alice.open("/audit?event=sign_in")
    (further,) = re.findall(r'href="(/audit\?[^"]*after=[^"]*)"', page)
    last = alice.open(further.replace("&amp;", "&"))
    assert "event=sign_in" in further
    assert last.count("<code>t") == 1 and "t0-" in last


def test_nothing_yet_and_nothing_found(alice, record, services):
    services.db.audit.delete_many({})  # what signing in has left
    assert "No entries yet." in alice.read("/audit")
    record()
    assert "No entries match" in alice.read("/audit?event=sign_out")


def test_nothing_of_an_entry_is_markup(alice, services, record):
    bad = "<script>alert(1)</script>"
    record(Event.SIGN_IN, bad, Person(bad, bad), before={bad: bad}, after={bad: [bad]}, reason=bad)
    services.db.audit.update_one({}, {"$set": {"event": bad, "address": bad, "via": bad, "request": bad}})
    assert "<script>alert" not in alice.open("/audit")


def test_a_damaged_entry_is_counted(alice, record, services):
    record(target="good")
    record(target="bad")
    services.db.audit.update_one({"target": "bad"}, {"$set": {"outcome": 7}})
    page = alice.read("/audit")
    assert "1 entry on this page cannot be read" in page and "good" in page


def test_an_event_of_a_later_version_is_shown_as_it_is(alice, record, services):
    record()
    services.db.audit.update_one({}, {"$set": {"event": "robot.ask"}})
    assert "robot.ask" in alice.read("/audit?event=robot.ask")


def test_every_event_has_a_label():
    assert set(EVENTS) == {event.value for event in Event}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        ({"role": "a", "b": 1}, {"role": "c", "b": 1}, [("role", "a", "c")]),
        (None, {"n": [1, {"x": None}]}, [("n", None, '[1, {"x": null}]')]),
        ({"n": None}, {}, [("n", "", None)]),
        (1, "x", [("", "1", "x")]),
        (None, {"long": "x" * 300}, [("long", None, "x" * 200)]),
    ],
)
def test_changes(before, after, expected, services, record):
    record(before=before, after=after)
    (entry,) = services.people.audit.page(AuditFilter()).entries
    assert [(change.name, change.before, change.after) for change in changes(entry)] == expected


def test_a_file_has_all_that_match_and_is_recorded_first(alice, record, services, monkeypatch):
    services.db.audit.delete_many({})
    for number in range(3):
        record(target=f"={number}")
    record(Event.SIGN_OUT, "other")
    answer = export(alice, "/audit/export?event=sign_in", format="csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["target"] for row in rows] == ["'=2", "'=1", "'=0"]
    newest = services.people.audit.page(AuditFilter()).entries[0]
    assert (newest.event, newest.after) == ("audit.export", {"format": "csv", "event": "sign_in"})
    assert newest.who == "local" and newest.request == answer.headers["X-Request-Id"]


def test_json_lines(alice, record, services):
    services.db.audit.delete_many({})
    record(target="=1")
    answer = export(alice, format="jsonl")
    entries = [json.loads(line) for line in answer.text.splitlines()]
    assert [entry["event"] for entry in entries] == ["audit.export", "sign_in"]
    assert entries[1]["target"] == "=1"


def test_an_export_that_cannot_be_recorded_is_refused(alice, record, services, monkeypatch):
    record()
    alice.open("/audit")

    def away(*_: object) -> None:
        raise AutoReconnect("gone")

    monkeypatch.setattr(services.people.audit._audit, "insert_one", away)
    answer = alice.client.post("/audit/export", data={"csrf_token": alice._token, "format": "csv"})
    assert answer.status_code == 503 and "Alice" not in text_of(answer.text)


def test_an_export_is_asked_for_by_a_form(alice, record, services):
    record()
    assert alice.client.get("/audit/export").status_code == 405
    assert alice.client.post("/audit/export", data={"format": "csv"}).status_code == 400
    assert export(alice, format="xlsx").status_code == 422
    assert services.db.audit.count_documents({"event": "audit.export"}) == 0


def test_what_cannot_be_read_is_an_error_page_and_no_half_file(alice, record, services, monkeypatch):
    record()
    alice.open("/audit")

    def away(*_: object) -> None:
        raise AutoReconnect("gone")

    monkeypatch.setattr(services.people.audit, "_read", away)
    answer = alice.client.post("/audit/export", data={"csrf_token": alice._token, "format": "csv"})
    assert (answer.status_code, answer.headers.get("Content-Disposition")) == (503, None)
