"""Signing in and out through the pages, and what somebody sees who does neither."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.queue import connection
from app.core.sign_in.administration import COMMAND, link_path
from app.web.sign_in.local_path import local_path
from tests.signing_in import link, token_of
from tests.web.looking import text_of

GOOD = "correct horse battery"
COOKIE = "session-"


@pytest.fixture
def alice_user(services):
    return services.people.users.add(
        "alice", Role.SUBMITTER, password_hash=services.sign_in.passwords.hashed(GOOD)
    )


def send(client, password, name="alice", address="/sign-in", **more):
    token = token_of(client.get(address).text)
    return client.post(address, data={"csrf_token": token, "name": name, "password": password, **more})


def cookie_of(client):
    found = [cookie for cookie in client._cookies.values() if cookie.key.startswith(COOKIE)]
    return found[0].value if found else ""


def test_a_password_signs_in_and_leads_to_the_page_that_was_asked_for(anonymous, alice_user, services):
    asked = anonymous.get("/tasks?status=failed&q=a%26b")
    assert (asked.status_code, asked.location.partition("?")[0]) == (303, "/sign-in")
    page = anonymous.get(asked.location)
    assert 'id="pulse"' not in page.text and "/pulse" not in page.text
    token = token_of(page.text)
    values = {"csrf_token": token, "name": "alice", "password": GOOD, "next": "/tasks?status=failed&q=a%26b"}
    answer = anonymous.post("/sign-in", data=values)
    assert (answer.status_code, answer.location) == (303, "/tasks?status=failed&q=a%26b")
    assert "Signed in as" in anonymous.get("/tasks").text
    assert token_of(anonymous.get("/tasks").text) != token
    assert [session.user for session in services.people.sessions.of_user(alice_user.id)] == [alice_user.id]


def test_a_session_that_was_there_before_is_not_the_one_after(anonymous, alice_user):
    anonymous.get("/sign-in")
    before = cookie_of(anonymous)
    send(anonymous, GOOD)
    assert cookie_of(anonymous) != before


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", GOOD), ("", "")])
def test_a_wrong_password_is_said_and_nothing_of_it_kept(anonymous, alice_user, services, name, password):
    answer = send(anonymous, password, name)
    assert answer.status_code == 403
    assert "The name or the password is wrong." in text_of(answer.text)
    assert password == "" or f'value="{password}"' not in answer.text
    assert anonymous.get("/").status_code == 303
    assert services.db.sessions.count_documents({}) == 0


def test_too_many_tries_say_when_to_try_again(anonymous, alice_user, services):
    answers = [send(anonymous, "wrong") for _ in range(services.settings.sign_in_rate.count + 1)]
    assert [answer.status_code for answer in answers][-2:] == [403, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    assert send(anonymous, GOOD).status_code == 429


def test_a_browser_that_was_signed_in_is_known(app, anonymous, alice_user, services):
    """Somebody hammers the account from everywhere; its owner signs in all the same."""
    send(anonymous, GOOD)
    anonymous.post("/sign-out", data={"csrf_token": token_of(anonymous.get("/profile").text)})
    for number in range(services.settings.sign_in_rate_account.count + 1):
        stranger = app.test_client()
        token = token_of(stranger.get("/sign-in").text)
        last = stranger.post(
            "/sign-in",
            data={"csrf_token": token, "name": "alice", "password": "wrong"},
            environ_base={"REMOTE_ADDR": f"127.0.{number}.1"},
        )
    assert last.status_code == 429
    assert send(app.test_client(), GOOD).status_code == 429
    assert send(anonymous, GOOD).status_code == 303


def test_without_redis_it_is_said_in_a_sentence(anonymous, alice_user, services, monkeypatch):
    monkeypatch.setattr(services.queues, "redis", connection.connect("redis://127.0.0.1:1/0", 200))
    answer = send(anonymous, GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "A link that signs in once still works" in answer.text
    path = link(services)
    token = token_of(anonymous.get(path).text)
    assert anonymous.post(path, data={"csrf_token": token}).status_code == 303


def test_signing_out_ends_the_session_on_the_server(client, services):
    old = cookie_of(client)
    token = token_of(client.get("/").text)
    assert client.get("/sign-out").status_code == 405
    answer = client.post("/sign-out", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert services.db.sessions.count_documents({}) == 0
    client.set_cookie(next(c.key for c in client._cookies.values() if c.key.startswith(COOKIE)), old)
    assert client.get("/").status_code == 303
    assert services.db.audit.count_documents({"event": "sign_out"}) == 1


@pytest.mark.parametrize("ends", ["disabled", "ended", "expired"])
def test_a_session_that_is_over_is_nobodys(client, services, ends):
    user = services.people.users.local()
    if ends == "disabled":
        services.people.users.add("other", Role.ADMINISTRATOR, password_hash="x")
        services.people.users.disable(user.id)
    elif ends == "ended":
        services.people.sessions.end_all(user.id)
    else:
        services.db.sessions.update_many({}, {"$set": {"expires_at": user.created_at}})
    assert client.get("/tasks").status_code == 303
    assert client.get("/tasks/counts", headers={"HX-Request": "true"}).status_code == 401


def test_a_role_holds_from_the_next_request_on(signed_in_as, services):
    viewer = signed_in_as(Role.VIEWER)
    assert viewer.get("/tasks/new").status_code == 403
    services.people.users.set_role(services.people.users.by_name("viewer").id, Role.SUBMITTER)
    assert viewer.get("/tasks/new").status_code == 200


# Links


def test_opening_a_link_changes_nothing(anonymous, services):
    path = link(services)
    for _ in range(2):
        page = anonymous.get(path)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert "data-sends-itself" in page.text
    assert services.db.sessions.count_documents({}) == 0


def test_a_link_works_once(anonymous, app, services):
    path = link(services)
    token = token_of(anonymous.get(path).text)
    assert anonymous.post(path, data={"csrf_token": token}).location == "/"
    assert app.test_client().get(path).status_code == 404
    assert anonymous.get(path).location == "/"


def test_the_first_administrator_of_a_server(anonymous, services):
    path = link_path(services.administration.bootstrap_link(COMMAND, Origin()))
    bad = send(anonymous, "short", "root", path, again="short")
    assert (bad.status_code, 'aria-invalid="true"' in bad.text) == (422, True)
    assert send(anonymous, GOOD, "root", path, again="other").status_code == 422
    assert send(anonymous, GOOD, "<b>", path, again=GOOD).status_code == 422
    assert send(anonymous, GOOD, "root", path, again=GOOD).status_code == 303
    assert "root" in anonymous.get("/profile").text
    assert services.people.users.by_name("root").role is Role.ADMINISTRATOR


def test_a_user_who_is_new_chooses_a_password(anonymous, services):
    _, token = services.administration.add("carol", Role.VIEWER, [], COMMAND, Origin())
    answer = send(anonymous, GOOD, "ignored", link_path(token), again=GOOD, role="administrator")
    assert answer.status_code == 303
    assert "carol" in anonymous.get("/profile").text
    assert services.people.users.by_name("carol").role is Role.VIEWER


# Where to


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example", "javascript:alert(1)",
     "/\t/evil.example", "/a\r\nSet-Cookie: x=1", "\n//evil.example", " //evil.example", "evil",
     "/" + "a" * 9_999, "/a\\..", "///evil.example", "http:/evil"],
)  # fmt: skip
def test_next_is_a_path_of_this_server(anonymous, alice_user, address):
    assert local_path(address) is None
    page = anonymous.get("/sign-in?" + urlencode({"next": address}))
    assert 'name="next"' not in page.text
    token = token_of(page.text)
    values = {"csrf_token": token, "name": "alice", "password": GOOD, "next": address}
    assert anonymous.post("/sign-in", data=values).location == "/"


@pytest.mark.parametrize("address", ["/", "/tasks?q=a&b=%2F%2Fx", "/tasks/1#log", "/queue/tasks"])
def test_a_path_of_this_server_is_taken(address):
    assert local_path(address) == address


def test_a_link_does_not_take_a_browser_over_unasked(client, services):
    page = client.get(link(services, Role.VIEWER, "vera")).text
    assert "This link ends that session here." in text_of(page)
    assert "data-sends-itself" not in page
    assert "data-sends-itself" in client.get(link(services)).text
