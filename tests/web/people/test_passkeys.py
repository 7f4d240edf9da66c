"""Passkeys through the pages: added, used, removed, and where the host is no name."""

from __future__ import annotations

import pytest

from app.core.people.roles import Role
from app.core.sign_in.factors import Factors
from app.core.sign_in.passkeys import Site
from tests.core.sign_in.authenticator import Authenticator
from tests.signing_in import link, token_of
from tests.web.looking import text_of

BASE = "http://localhost:8000"
JSON = {"Accept": "application/json"}


@pytest.fixture
def hers(app, services):
    """A browser at localhost in which Ann has signed in."""
    client = app.test_client()
    path = link(services, Role.SUBMITTER, "ann")
    token = token_of(client.get(path, base_url=BASE).text)
    client.post(path, base_url=BASE, data={"csrf_token": token})
    return client


@pytest.fixture
def device():
    return Authenticator(Site("localhost", BASE))


@pytest.fixture
def passkeys(services):
    return Factors.of(services.db, services.settings).passkeys


def post(client, path, page="/profile", headers=None, base=BASE, **values):
    values["csrf_token"] = token_of(client.get(page, base_url=base).text)
    return client.post(path, base_url=base, data=values, headers=headers)


def add(client, device, name="Phone"):
    options = post(client, "/profile/passkeys/options", headers=JSON).json
    return post(client, "/profile/passkeys", answer=device.create(options), name=name)


def ann(services):
    return services.people.users.by_name("ann")


def test_one_is_added_signs_in_and_is_removed(app, hers, device, passkeys, services):
    assert add(hers, device, "My <b>phone</b>").location == "/profile"
    assert "My <b>phone</b>" in text_of(hers.get("/profile", base_url=BASE).text)
    stranger = app.test_client()
    options = post(stranger, "/sign-in/passkey/options", "/sign-in", JSON).json
    answer = post(stranger, "/sign-in/passkey", "/sign-in", answer=device.get(options), next="/tasks")
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert services.people.sessions.of_user(ann(services).id)[0].factors == ("passkey",)
    assert "Signed in as" in stranger.get("/tasks", base_url=BASE).text
    key = passkeys.of_user(ann(services).id)[0]
    assert key.used_at
    assert post(hers, "/profile/passkeys/remove", passkey=key.id).location == "/profile"
    assert passkeys.of_user(ann(services).id) == []


def test_a_wrong_answer_signs_nobody_in(app, hers, device, services):
    add(hers, device)
    stranger = app.test_client()
    for answer in ("", "{}", "[" * 9_999, Authenticator(device.site).get({"challenge": "AAAA"})):
        refused = post(stranger, "/sign-in/passkey", "/sign-in", answer=answer, next="/tasks")
        assert (refused.status_code, refused.location) == (303, "/sign-in?next=/tasks")
    assert post(stranger, "/sign-in/passkey", "/sign-in", JSON, answer="{}").status_code == 422
    assert stranger.get("/tasks", base_url=BASE).status_code == 303
    assert len(services.people.sessions.of_user(ann(services).id)) == 1


def test_a_passkey_of_somebody_else_is_not_removed(hers, client, device, passkeys, services):
    add(hers, device)
    key = passkeys.of_user(ann(services).id)[0]
    post(client, "/profile/passkeys/remove", base="http://localhost", passkey=key.id)
    assert passkeys.of_user(ann(services).id) == [key]


def test_changes_take_a_session_that_was_proved_recently(hers, device, passkeys, services):
    add(hers, device)
    user = ann(services)
    old = {"created_at": user.created_at.replace(year=user.created_at.year - 1)}
    services.db.sessions.update_many({}, {"$set": old})
    key = passkeys.of_user(user.id)[0]
    for path in ("/profile/passkeys", "/profile/passkeys/remove"):
        assert post(hers, path, passkey=key.id, answer="{}").location == "/profile/confirm"
    assert post(hers, "/profile/passkeys/options", headers=JSON).status_code == 403
    assert passkeys.of_user(user.id) == [key]
    assert 'data-passkey="create"' not in hers.get("/profile", base_url=BASE).text


def test_a_refusal_is_said_on_the_profile(hers, device, passkeys, services):
    add(hers, device)
    assert post(hers, "/profile/passkeys", answer="{}").location == "/profile"
    assert "The passkey was not accepted." in text_of(hers.get("/profile", base_url=BASE).text)
    services.people.users.require_second_factor(ann(services).id, True)
    key = passkeys.of_user(ann(services).id)[0]
    post(hers, "/profile/passkeys/remove", passkey=key.id)
    assert passkeys.of_user(ann(services).id) == [key]
    assert post(hers, "/profile/passkeys/remove", headers=JSON, passkey=key.id).status_code == 409


def test_a_password_does_not_get_past_a_passkey_that_is_required(app, hers, device, services):
    add(hers, device)
    user = ann(services)
    services.people.users.set_password_hash(user.id, services.sign_in.passwords.hashed("correct horse"))
    services.people.users.require_second_factor(user.id, True)
    stranger = app.test_client()
    answer = post(stranger, "/sign-in", "/sign-in", name="ann", password="correct horse")
    assert answer.location == "/sign-in/code"
    page = stranger.get("/sign-in/code", base_url=BASE).text
    assert 'name="code"' not in page and 'data-passkey="get"' in page
    options = post(stranger, "/sign-in/passkey/options", "/sign-in/code", JSON).json
    assert post(stranger, "/sign-in/passkey", "/sign-in/code", answer=device.get(options)).location == "/"


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("http://127.0.0.1:8000", "http://localhost:8000/sign-in"),
        ("http://[::1]:8000", "http://localhost:8000/sign-in"),
    ],
)
def test_where_the_host_is_an_address_the_page_says_what_to_open(anonymous, base, said):
    page = anonymous.get("/sign-in", base_url=base).text
    assert f'href="{said}"' in page and "data-passkey" not in page
    assert post(anonymous, "/sign-in/passkey/options", "/sign-in", JSON, base).status_code == 409
    assert post(anonymous, "/sign-in/passkey", "/sign-in", None, base, answer="{}").location == "/sign-in"
    assert "Passkeys need a name" in text_of(anonymous.get("/sign-in", base_url=base).text)


def test_the_button_waits_for_the_script(anonymous):
    page = anonymous.get("/sign-in", base_url=BASE).text
    form = page[page.index('class="passkey"') :]
    assert " hidden>" in form[: form.index(">") + 1]
