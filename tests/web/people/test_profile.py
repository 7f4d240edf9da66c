"""One's own profile: the password, and the sessions that are open."""

from __future__ import annotations

import pytest

from app.core.people.roles import Role
from app.web.people.profile import browser_of
from tests.signing_in import signed_in, token_of
from tests.web.looking import text_of

GOOD, OTHER = "correct horse battery", "another good password"


def post(client, path, **values):
    values["csrf_token"] = token_of(client.get("/profile").text)
    return client.post(f"/profile/{path}", data=values)


@pytest.mark.parametrize("role", Role)
def test_everybody_sees_name_and_role(signed_in_as, role):
    said = text_of(signed_in_as(role, "dora").get("/profile").text)
    assert "dora" in said and role.label in said


def test_a_password_is_set_and_then_changed_with_the_current_one(client, services):
    assert post(client, "password", password=GOOD, again=GOOD).status_code == 303
    first = services.people.users.local().password_hash
    assert services.sign_in.passwords.verify(first, GOOD)
    for wrong in ({"current": OTHER}, {"current": ""}, {"current": GOOD, "again": "typo"}):
        answer = post(client, "password", **{"password": OTHER, "again": OTHER, **wrong})
        assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
        assert GOOD not in answer.text and OTHER not in answer.text
    assert services.people.users.local().password_hash == first
    assert post(client, "password", current=GOOD, password=OTHER, again=OTHER).status_code == 303
    assert services.sign_in.passwords.verify(services.people.users.local().password_hash, OTHER)


def test_sessions_are_listed_and_ended(app, client, services):
    other = signed_in(app.test_client(), services, headers={"User-Agent": "Mozilla (X11; Linux) Firefox/140"})
    page = client.get("/profile").text
    assert "Firefox on Linux" in page and page.count("(this one)") == 1
    user = services.people.users.local()
    ended = next(s for s in services.people.sessions.of_user(user.id) if "Firefox" in s.agent)
    assert post(client, "sessions/end", session=ended.id).status_code == 303
    assert (other.get("/").status_code, client.get("/").status_code) == (303, 200)


def test_all_others_are_ended(app, client, services):
    others = [signed_in(app.test_client(), services) for _ in range(2)]
    assert post(client, "sessions/end-others").status_code == 303
    assert [one.get("/").status_code for one in (client, *others)] == [200, 303, 303]
    assert services.db.audit.find_one({"event": "session.end"})["after"] == {"ended": 2}


def test_nobody_ends_a_session_of_somebody_else(client, signed_in_as, services):
    viewer = signed_in_as(Role.VIEWER)
    mine = services.people.sessions.of_user(services.people.users.local().id)[0]
    post(viewer, "sessions/end", session=mine.id)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10) Version/17 Safari/605", "Safari on macOS"),
        ("curl/8.5", "curl/8.5"),
        ("", "Unknown browser"),
    ],
)
def test_what_a_browser_is_called(agent, name):
    assert browser_of(agent) == name
