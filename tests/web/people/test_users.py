"""The pages of administrators: users, everybody's tokens, roles; each change and each refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.clock import utcnow
from app.core.people.person import Origin, Person
from app.core.people.roles import Permission, Reach, Role, grants_of
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in.administration import COMMAND
from app.web.people import users
from app.web.people.permission_words import LABELS, table
from tests.signing_in import signed_in, token_of, user_of
from tests.web.looking import text_of

ADMIN_PAGES = ("/users", "/users/roles", "/users/tokens")
BELOW = [role for role in Role if role is not Role.ADMINISTRATOR]


@pytest.fixture
def alice(services: Services) -> User:
    return user_of(services, Role.SUBMITTER, "alice")


def send(client: FlaskClient, path: str, **data: Any) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get("/profile").text), **data})


def last(services: Services, event: str) -> dict[str, Any]:
    entries = list(services.db.audit.find({"event": event}).sort("_id", -1))
    assert entries, event
    return entries[0]


@pytest.mark.parametrize("role", BELOW)
def test_only_administrators_see_users(
    signed_in_as: Callable[..., FlaskClient], services: Services, alice: User, role: Role
) -> None:
    client = signed_in_as(role)
    for page in (*ADMIN_PAGES, f"/users/{alice.id}"):
        assert client.get(page).status_code == 403
    actions = ("role", "groups", "disable", "enable", "reset", "end-sessions", "revoke-tokens")
    for path in ("/users", "/users/tokens/revoke", *(f"/users/{alice.id}/{action}" for action in actions)):
        assert send(client, path, name="eve", role="administrator", token="x").status_code == 403
    assert services.people.users.get(alice.id) == alice
    assert services.people.users.by_name("eve") is None


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_links_what_is_permitted(signed_in_as: Callable[..., FlaskClient], role: Role) -> None:
    client = signed_in_as(role)
    page = client.get("/profile").text
    shown = {path for path in ("/users", "/audit", "/settings") if f'href="{path}"' in page}
    assert shown == {
        path for path in ("/users", "/audit", "/settings") if client.get(path).status_code == 200
    }


def test_a_user_is_added_with_a_link_that_is_shown_once(
    app: Flask, client: FlaskClient, services: Services
) -> None:
    answer = send(client, "/users", name="Bob", role="operator", groups="ops, data")
    assert answer.status_code == 201 and answer.headers["Cache-Control"] == "no-store"
    (path,) = set(re.findall(r"http://localhost(/sign-in/link/[\w-]{43})", answer.text))
    bob = services.people.users.by_name("bob")
    assert bob is not None and bob.role is Role.OPERATOR and bob.groups == ("data", "ops")
    assert path not in client.get(f"/users/{bob.id}").text
    entry = last(services, "user.add")
    assert entry["target"] == bob.id and entry["name"] == "local" and entry["via"] == "session"
    stranger = app.test_client()
    password = "correct horse battery"
    page = stranger.get(path)
    data = {"csrf_token": token_of(page.text), "password": password, "again": password}
    assert stranger.post(path, data=data).status_code == 303
    assert stranger.get("/tasks").status_code == 200
    assert services.people.users.get(bob.id).signed_in_at is not None


@pytest.mark.parametrize(
    ("field", "status", "data"),
    [
        ("name", 422, {"name": "<b>"}),
        ("role", 422, {"role": "king"}),
        ("groups", 422, {"groups": "a<b"}),
        ("", 409, {"name": "ALICE"}),
    ],
)
def test_a_wrong_user_is_not_added(
    client: FlaskClient, services: Services, alice: User, field: str, status: int, data: dict[str, str]
) -> None:
    answer = send(client, "/users", **{"name": "bob", "role": "viewer", **data})
    assert answer.status_code == status
    assert not field or f'id="{field}-about"' in answer.text
    assert len(services.people.users.all()) == 2


def test_a_list_says_who_there_is(client: FlaskClient, services: Services, alice: User) -> None:
    services.people.users.set_groups(alice.id, ["data"])
    services.db.users.update_one({"_id": alice.id}, {"$set": {"totp": {"secret": "x"}}})
    services.people.users.disable(alice.id)
    rows = [text_of(row) for row in re.findall(r"<tr>.*?</tr>", client.get("/users").text, re.S)]
    assert rows[1] == "alice Submitter data Set up Never Disabled"
    assert rows[2].startswith("local Administrator – – ") and rows[2].endswith(" Enabled")


def test_groups_that_somebody_else_has_changed_are_not_overwritten(
    client: FlaskClient, services: Services, alice: User
) -> None:
    def save(before: str, groups: str) -> int:
        answer = send(client, f"/users/{alice.id}/groups", groups_before=before, groups=groups)
        if answer.status_code == 409:
            assert "changed the groups of “alice” to: data." in answer.text
            assert 'name="groups_before" value="data"' in answer.text and f'value="{groups}"' in answer.text
        return answer.status_code

    assert [save("", "data"), save("", "ops"), save("data", "data ops")] == [303, 409, 303]
    assert services.people.users.get(alice.id).groups == ("data", "ops")


def test_role_and_groups_are_changed_and_recorded(
    client: FlaskClient, services: Services, alice: User
) -> None:
    assert send(client, f"/users/{alice.id}/role", role="operator").status_code == 303
    assert send(client, f"/users/{alice.id}/groups", groups="data ops").status_code == 303
    changed = services.people.users.get(alice.id)
    assert (changed.role, changed.groups) == (Role.OPERATOR, ("data", "ops"))
    entries = list(services.db.audit.find({"event": "user.change"}).sort("_id", 1))
    assert [(entry["before"], entry["after"]) for entry in entries] == [
        ({"role": "submitter"}, {"role": "operator"}),
        ({"groups": []}, {"groups": ["data", "ops"]}),
    ]
    assert send(client, f"/users/{alice.id}/role", role="king").status_code == 422
    assert send(client, f"/users/{alice.id}/groups", groups="<").status_code == 422


def test_a_disabled_user_is_out_at_once(app: Flask, client: FlaskClient, services: Services) -> None:
    theirs = signed_in(app.test_client(), services, Role.SUBMITTER, "alice")
    alice = user_of(services, name="alice")
    person = services.people.users.person(alice)
    token, text = services.programs.create_token(person, "x", timedelta(days=1), None, None, Origin())
    assert send(client, f"/users/{alice.id}/disable").status_code == 303
    assert theirs.get("/tasks").status_code == 303
    assert services.people.tokens.find(text) is None
    assert last(services, "user.disable")["target"] == alice.id
    assert send(client, f"/users/{alice.id}/reset").status_code == 409
    assert send(client, f"/users/{alice.id}/enable").status_code == 303
    assert services.people.users.get(alice.id).enabled
    assert last(services, "user.enable")["target"] == alice.id


def test_a_password_is_reset_by_a_link_that_is_shown_once(
    client: FlaskClient, services: Services, alice: User
) -> None:
    services.people.users.set_password_hash(alice.id, "x")
    answer = send(client, f"/users/{alice.id}/reset")
    assert answer.status_code == 201 and len(re.findall(r"/sign-in/link/[\w-]{43}</code>", answer.text)) == 1
    assert services.people.users.get(alice.id).password_hash is None
    assert last(services, "link.make")["target"] == alice.id
    assert "/sign-in/link/" not in client.get(f"/users/{alice.id}").text


def test_sessions_and_tokens_are_ended(app: Flask, client: FlaskClient, services: Services) -> None:
    theirs = signed_in(app.test_client(), services, Role.SUBMITTER, "alice")
    alice = user_of(services, name="alice")
    person = services.people.users.person(alice)
    for name in ("a", "b"):
        services.programs.create_token(person, name, timedelta(days=1), None, None, Origin())
    assert send(client, f"/users/{alice.id}/end-sessions").status_code == 303
    assert theirs.get("/tasks").status_code == 303
    assert last(services, "session.end")["after"] == {"ended": 1}
    assert send(client, f"/users/{alice.id}/revoke-tokens").status_code == 303
    assert not any(token.works for token in services.people.tokens.all())
    assert last(services, "token.revoke")["after"] == {"revoked": 2}


@pytest.mark.parametrize(("action", "data"), [("disable", {}), ("role", {"role": "viewer"})])
def test_the_last_administrator_stays(
    client: FlaskClient, services: Services, action: str, data: dict[str, str]
) -> None:
    local = user_of(services)
    answer = send(client, f"/users/{local.id}/{action}", **data)
    assert answer.status_code == 409
    assert "This is the only administrator who can sign in." in text_of(answer.text)
    assert services.people.users.get(local.id) == local or services.people.users.get(local.id).enabled
    assert services.people.users.get(local.id).role is Role.ADMINISTRATOR
    assert services.db.audit.count_documents({"event": {"$in": ["user.disable", "user.change"]}}) == 0


def test_no_button_leads_to_what_is_refused(client: FlaskClient, services: Services) -> None:
    refused = ("/disable", "/reset", "/role")
    local = user_of(services)
    only = client.get(f"/users/{local.id}").text
    assert not [action for action in refused if f"/users/{local.id}{action}" in only]
    assert "the only administrator" in text_of(only) and f"/users/{local.id}/groups" in only
    other = services.people.users.add("other", Role.ADMINISTRATOR, password_hash="x")
    for user in (local, other):
        page = client.get(f"/users/{user.id}").text
        assert all(f"/users/{user.id}{action}" in page for action in refused)


def test_the_only_administrator_is_not_reset_from_a_page(client: FlaskClient, services: Services) -> None:
    services.people.users.add("new", Role.ADMINISTRATOR)  # who has not used the link yet
    local = user_of(services)
    answer = send(client, f"/users/{local.id}/reset")
    assert answer.status_code == 409 and "only administrator" in text_of(answer.text)
    assert services.administration.reset(local, COMMAND, Origin())


def test_a_second_factor_is_required_and_no_longer(
    app: Flask, client: FlaskClient, services: Services, alice: User
) -> None:
    hers = signed_in(app.test_client(), services, Role.SUBMITTER, "alice")
    assert send(client, f"/users/{alice.id}/second-factor", required="1").status_code == 303
    assert services.people.users.get(alice.id).second_factor_required
    assert hers.get("/tasks").location.startswith("/sign-in")
    page = client.get(f"/users/{alice.id}").text
    assert "Not set up, required" in text_of(page) and "Stop requiring a second factor" in text_of(page)
    assert send(client, f"/users/{alice.id}/second-factor", required="0").status_code == 303
    assert not services.people.users.get(alice.id).second_factor_required
    assert last(services, "user.change")["after"] == {"second_factor_required": False}


def test_a_provider_requires_its_peoples_second_factors(client: FlaskClient, services: Services) -> None:
    other = services.people.users.external("company", "s1", "bob", Role.VIEWER, ())
    assert send(client, f"/users/{other.id}/second-factor").status_code == 409
    services.db.users.update_one({"_id": other.id}, {"$set": {"second_factor_required": True}})
    assert not services.people.users.get(other.id).second_factor_required
    assert "Require a second factor" not in text_of(client.get(f"/users/{other.id}").text)


def test_a_passkey_is_a_second_factor_too(client: FlaskClient, services: Services, alice: User) -> None:
    assert "Set up" not in text_of(client.get("/users").text)
    services.db.passkeys.insert_one({"_id": "k", "user": alice.id})
    assert "Set up" in text_of(client.get("/users").text)


def test_a_program_gets_refusals_as_json(client: FlaskClient, services: Services) -> None:
    local = user_of(services)
    data = {"csrf_token": token_of(client.get("/profile").text)}
    answer = client.post(f"/users/{local.id}/disable", data=data, headers={"Accept": "application/json"})
    assert answer.status_code == 409 and answer.mimetype == "application/problem+json"


def test_there_is_no_such_user(client: FlaskClient) -> None:
    assert client.get("/users/nobody").status_code == 404
    assert send(client, "/users/nobody/disable").status_code == 404


def test_everybodys_tokens_are_listed_and_revoked(
    client: FlaskClient, services: Services, alice: User
) -> None:
    person = services.people.users.person(alice)
    token, _ = services.programs.create_token(person, "import", timedelta(days=1), None, None, Origin())
    page = text_of(client.get("/users/tokens").text)
    assert "import" in page and "alice" in page
    assert send(client, "/users/tokens/revoke", token=token.id).status_code == 303
    assert not services.people.tokens.all()[0].works
    entry = last(services, "token.revoke")
    assert entry["target"] == token.id and entry["before"]["owner"] == alice.id
    assert send(client, "/users/tokens/revoke", token=token.id).status_code == 404


# Roles


def test_every_permission_has_a_label() -> None:
    assert set(LABELS) == set(Permission) and len(set(LABELS.values())) == len(LABELS)


@pytest.mark.parametrize("own_tasks_only", [False, True])
def test_the_table_of_roles_is_what_a_person_may_do(own_tasks_only: bool) -> None:
    rows = {row.label: row.by_role for row in table(own_tasks_only=own_tasks_only)}
    for number, role in enumerate(Role):
        person = Person("me", "Me", role, grants=grants_of(role, own_tasks_only=own_tasks_only))
        for permission, label in LABELS.items():
            word = rows[label][number]
            assert bool(word) == person.may(permission, "me")
            if word in ("Own", "All"):
                assert (word == "All") == (person.grants[permission] is Reach.ANY)


def test_the_page_of_roles_has_the_table(client: FlaskClient) -> None:
    page = text_of(client.get("/users/roles").text)
    assert "Cancel tasks – Own All All" in page and "Manage users – – – Yes" in page
    assert "Tasks per minute – 120 600 No limit" in page
    assert "Waiting tasks – 10,000 No limit No limit" in page


@pytest.mark.parametrize(("path", "sent"), [("reset", {}), ("role", {"role": "administrator"})])
def test_an_old_session_confirms_before_it_lets_somebody_else_in(
    client: FlaskClient, services: Services, alice: User, path: str, sent: dict[str, str]
) -> None:
    long_ago = utcnow() - timedelta(hours=1)
    services.db.sessions.update_many({}, {"$set": {"created_at": long_ago, "proved_at": long_ago}})
    services.people.users.set_password_hash(alice.id, "x")
    answer = send(client, f"/users/{alice.id}/{path}", **sent)
    assert (answer.status_code, answer.location) == (303, "/profile/confirm")
    user = services.people.users.get(alice.id)
    assert (user.password_hash, user.role) == ("x", Role.SUBMITTER)


def test_many_users_come_in_pages_and_are_found_by_how_their_names_begin(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "LISTED", 3)
    for name in ("ann", "Anna", "bob", "cleo", "dan"):
        services.people.users.add(name, Role.VIEWER)

    def names(address: str) -> list[str]:
        return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', client.get(address).text)

    first = client.get("/users").text
    assert names("/users") == ["ann", "Anna", "bob"]
    (following,) = re.findall(r'href="(/users\?[^"]*)">Next', first)
    assert names(unescape(following)) == ["cleo", "dan", "local"]
    assert names("/users?q=AN") == ["ann", "Anna"] and names("/users?q=nobody") == []
    assert client.get("/users?role=x").status_code == 400
