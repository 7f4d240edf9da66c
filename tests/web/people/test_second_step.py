"""Signing in with a second step through the pages, and being led to set one up."""

from __future__ import annotations

import re

import pytest

from app.core.clock import utcnow
from app.core.errors import Conflict
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.sign_in.administration import COMMAND, link_path
from app.core.sign_in.factors import Factors
from tests.core.sign_in.phone import set_up
from tests.signing_in import link, signed_in, token_of
from tests.web.looking import text_of

GOOD = "correct horse battery"


@pytest.fixture
def ann(services):
    return services.people.users.add(
        "ann", Role.SUBMITTER, password_hash=services.sign_in.passwords.hashed(GOOD)
    )


@pytest.fixture
def second_factors(services):
    return Factors.of(services.db, services.settings).second_factors


def by_password(client, **more):
    token = token_of(client.get("/sign-in").text)
    return client.post("/sign-in", data={"csrf_token": token, "name": "ann", "password": GOOD, **more})


def by_code(client, code, **more):
    token = token_of(client.get("/sign-in/code").text)
    return client.post("/sign-in/code", data={"csrf_token": token, "code": code, **more})


def factors_of(services, user):
    return [session.factors for session in services.people.sessions.of_user(user.id)]


def test_between_the_steps_there_is_no_session(anonymous, ann, services, second_factors):
    app, _ = set_up(second_factors, ann)
    answer = by_password(anonymous, next="/tasks?status=failed")
    assert (answer.status_code, answer.location) == (303, "/sign-in/code?next=/tasks?status%3Dfailed")
    assert services.db.sessions.count_documents({}) == 0
    assert anonymous.get("/tasks").status_code == 303
    page = anonymous.get(answer.location)
    assert page.headers["Cache-Control"] == "no-store" and 'autocomplete="one-time-code"' in page.text
    before = token_of(page.text)
    answer = by_code(anonymous, f" {app.code()[:3]} {app.code()[3:]} ", next="/tasks?status=failed")
    assert (answer.status_code, answer.location) == (303, "/tasks?status=failed")
    assert factors_of(services, ann) == [("password", "totp")]
    assert token_of(anonymous.get("/tasks").text) != before
    assert anonymous.get("/sign-in/code").location == "/sign-in"


def test_a_recovery_code_signs_in(anonymous, ann, services, second_factors):
    _, codes = set_up(second_factors, ann)
    by_password(anonymous)
    assert by_code(anonymous, codes[0]).status_code == 303
    assert factors_of(services, ann) == [("password", "recovery")]


def test_a_wrong_code_is_said_and_signs_nobody_in(anonymous, ann, services, second_factors):
    set_up(second_factors, ann)
    by_password(anonymous)
    answer = by_code(anonymous, "no-such-code")
    assert (answer.status_code, "This code is wrong" in text_of(answer.text)) == (403, True)
    assert "no-such-code" not in answer.text
    assert services.db.sessions.count_documents({}) == 0
    json = anonymous.post(
        "/sign-in/code",
        data={"csrf_token": token_of(answer.text), "code": "1"},
        headers={"Accept": "application/json"},
    )
    assert (json.status_code, json.json["title"]) == (403, "Not signed in")


def test_too_many_codes_say_when_to_try_again(anonymous, ann, services, second_factors):
    app, _ = set_up(second_factors, ann)
    by_password(anonymous)
    last = [by_code(anonymous, "x") for _ in range(services.settings.sign_in_rate.count + 1)][-1]
    assert last.status_code == 429 and int(last.headers["Retry-After"]) > 0
    by_password(anonymous)
    assert by_code(anonymous, app.code()).status_code == 429
    assert services.db.sessions.count_documents({}) == 0


def test_the_step_belongs_to_the_browser_that_began_it(app, anonymous, ann, services, second_factors):
    phone, _ = set_up(second_factors, ann)
    by_password(anonymous)
    other = app.test_client()
    token = token_of(other.get("/sign-in").text)
    answer = other.post("/sign-in/code", data={"csrf_token": token, "code": phone.code()})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert services.db.sessions.count_documents({}) == 0


def test_a_step_that_is_over_leads_to_the_start(anonymous, ann, services, second_factors):
    app, _ = set_up(second_factors, ann)
    by_password(anonymous)
    token = token_of(anonymous.get("/sign-in/code").text)
    services.administration.disable(ann, COMMAND, Origin())
    answer = anonymous.post("/sign-in/code", data={"csrf_token": token, "code": app.code()})
    assert answer.location == "/sign-in"
    assert "Sign in again." in text_of(anonymous.get("/sign-in").text)


def test_a_new_step_ends_the_session_of_before(client, ann, services, second_factors):
    set_up(second_factors, ann)
    token = token_of(client.get("/").text)
    client.post("/sign-in", data={"csrf_token": token, "name": "ann", "password": GOOD})
    assert services.db.sessions.count_documents({}) == 0


def test_a_link_for_a_password_asks_for_the_code_too(anonymous, ann, services, second_factors):
    set_up(second_factors, ann)
    path = link_path(services.administration._password_link(ann, COMMAND, Origin()))
    token = token_of(anonymous.get(path).text)
    data = {"csrf_token": token, "password": "another good one", "again": "another good one"}
    assert anonymous.post(path, data=data).location == "/sign-in/code"
    assert services.db.sessions.count_documents({}) == 0


def test_a_link_of_the_machine_itself_does_not(anonymous, ann, services, second_factors):
    set_up(second_factors, ann)
    path = link(services, name="ann")
    token = token_of(anonymous.get(path).text)
    assert anonymous.post(path, data={"csrf_token": token}).location == "/"
    assert factors_of(services, ann) == [("link",)]


# A second factor is required


@pytest.fixture
def required(anonymous, ann, services):
    """Ann, of whom one is required, signed in without."""
    services.people.users.require_second_factor(ann.id, True)
    by_password(anonymous)
    return anonymous


def test_who_has_none_is_led_to_the_profile(required):
    for address in ("/", "/tasks", "/tasks/new", "/tasks/nothing"):
        answer = required.get(address)
        assert (answer.status_code, answer.location) == (303, "/profile")
    page = required.get("/profile")
    assert "An administrator requires a second factor" in text_of(page.text) and 'id="pulse"' not in page.text
    for headers in ({"HX-Request": "true"}, {"Accept": "application/json"}):
        assert required.get("/pulse", headers=headers).status_code == 403
    token = token_of(page.text)
    assert required.post("/tasks/new/x", data={"csrf_token": token}).status_code == 403
    assert required.get("/healthz").status_code == 200
    assert required.post("/sign-out", data={"csrf_token": token}).location == "/sign-in"


def test_the_page_of_who_has_none_has_that_alone(required):
    page = required.get("/profile").text
    assert set(re.findall(r'action="([^"]+)"', page)) == {
        "/sign-out",
        "/profile/app/begin",
        "/profile/passkeys",
    }
    assert not re.search(r'href="/(tasks|workers|queues|users|audit|settings|profile/tokens)', page)
    assert required.post("/profile/app/begin", data={"csrf_token": token_of(page)}).location == "/profile/app"
    assert "Key:" in text_of(required.get("/profile/app").text)


@pytest.fixture
def of_role(services, monkeypatch):
    """A second factor is required of every submitter (SECOND_FACTOR_ROLES)."""
    monkeypatch.setattr(services.people.users, "_second_factor_roles", ("submitter",))


def test_one_may_be_required_of_a_role(of_role, anonymous, ann, services, second_factors):
    by_password(anonymous)
    assert anonymous.get("/tasks").location == "/profile"
    services.people.users.set_role(ann.id, Role.VIEWER)
    assert anonymous.get("/tasks").status_code == 200
    services.people.users.set_role(ann.id, Role.SUBMITTER)
    services.db.passkeys.insert_one({"_id": "k", "user": ann.id, "name": "Phone", "created_at": utcnow(),
                                     "public_key": b"x", "sign_count": 0})  # fmt: skip
    assert anonymous.get("/tasks").status_code == 200, "a passkey is a second factor"
    with pytest.raises(Conflict, match="SECOND_FACTOR_ROLES"):
        services.administration.require_second_factor(
            services.people.users.get(ann.id), False, COMMAND, Origin()
        )


def test_setting_one_up_opens_everything(required, ann, second_factors):
    set_up(second_factors, ann)
    assert required.get("/tasks").status_code == 200


def test_a_link_of_the_machine_is_led_there_too(app, ann, services):
    services.people.users.require_second_factor(ann.id, True)
    ann_again = signed_in(app.test_client(), services, Role.SUBMITTER, "ann")
    assert ann_again.get("/tasks").location == "/profile"


def test_nobody_else_is(client, ann, services):
    services.people.users.require_second_factor(ann.id, True)
    assert client.get("/tasks").status_code == 200
