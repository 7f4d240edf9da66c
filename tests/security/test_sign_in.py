"""Signing in, tried by people who should not get in: guesses, old cookies, addresses of elsewhere."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.core.people.passwords import NOBODYS, Passwords, require_good
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.sign_in.administration import COMMAND, link_path
from app.web.sign_in.local_path import local_path
from tests.signing_in import signed_in, token_of

PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody
LEAST = "$argon2id$v=19$m=19456,t=2,p=1$"


@pytest.fixture
def alice(services):
    user = services.people.users.add("alice", Role.SUBMITTER)
    return services.people.users.set_password_hash(user.id, services.sign_in.passwords.hashed(PASSWORD))


@pytest.fixture
def enter(anonymous):
    def send(password=PASSWORD, name="alice", client=anonymous, **more):
        token = token_of(client.get("/sign-in").text)
        return client.post("/sign-in", data={"csrf_token": token, "name": name, "password": password, **more})

    return send


def test_passwords_are_hashed_by_argon2id_with_owasps_least():
    passwords = Passwords()
    assert passwords.hashed("x" * 1_000).startswith(LEAST) and NOBODYS.startswith(LEAST)
    assert passwords.verify(passwords.hashed("ﬁrst"), "first")  # typed in another way


def test_a_hash_of_other_parameters_is_renewed_at_sign_in(enter, alice, services):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    services.people.users.set_password_hash(alice.id, weak)
    assert enter().status_code == 303
    assert services.people.users.get(alice.id).password_hash.startswith(LEAST)


@pytest.mark.parametrize("password", ["short", "password123", "aaaaaaaaaaaaaaaa", "alice-the-submitter"])
def test_what_is_guessed_first_is_refused(password):
    with pytest.raises(Invalid):
        require_good(password, "alice-the-submitter")
    require_good("all lowercase and long enough", "alice")
    require_good("x1y" * 40, "alice")


@pytest.mark.parametrize("guesses", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_of_many_guesses_no_more_than_the_budget_reach_a_check(
    enter, alice, services, monkeypatch, figure, guesses
):
    checked = []
    monkeypatch.setattr(Passwords, "verify", lambda self, *given: checked.append(given) or False)
    statuses = [enter(f"guess {number}").status_code for number in range(guesses)]
    assert len(checked) == services.settings.sign_in_rate.count
    assert statuses[-1] == 429
    figure(password_guesses_sent=len(statuses), guesses_that_were_checked=len(checked))


def test_a_name_that_nobody_has_takes_the_same_check(enter, alice, monkeypatch):
    checked = []
    monkeypatch.setattr(Passwords, "_verified", lambda self, known, given: checked.append(known) or False)
    answers = [enter(name=name, password="wrong").text for name in ("alice", "nobody")]  # noqa: S106
    assert checked[0].startswith(LEAST) and checked[1] == NOBODYS
    assert len({answer.count("Sign in") for answer in answers}) == 1


def test_a_session_is_new_at_sign_in_and_over_at_sign_out(enter, anonymous, alice, services):
    before = token_of(anonymous.get("/sign-in").text)
    assert enter().status_code == 303
    with anonymous.session_transaction() as cookie:
        kept = dict(cookie)
    page = anonymous.get("/profile").text
    assert token_of(page) != before and len(kept["_user_id"]) >= 22
    assert kept["_user_id"] not in repr(list(services.db.sessions.find()))
    assert anonymous.post("/sign-out", data={"csrf_token": token_of(page)}).status_code == 303
    with anonymous.session_transaction() as cookie:
        cookie.update(kept)  # as somebody who copied the cookie would
    assert anonymous.get("/profile").status_code == 303


def test_nobody_is_there_at_first_and_the_first_link_works_once(app, services):
    assert services.db.users.count_documents({}) == 0
    path = link_path(services.administration.bootstrap_link(COMMAND, Origin()))
    made = [_first(app.test_client(), path, name) for name in ("first", "second")]
    assert made[0] == 303 and made[1] != 303
    assert [user.name for user in services.people.users.all()] == ["first"]


def _first(client, path, name):
    page = client.get(path)
    if page.status_code != 200:
        return page.status_code
    sent = {"name": name, "password": PASSWORD, "again": PASSWORD, "csrf_token": token_of(page.text)}
    return client.post(path, data=sent).status_code


ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/x\r\nLocation: //evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " /x",
    "evil.example",
    "",
]


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_after_signing_in_one_stays_here(asked, enter, alice):
    assert local_path(asked) is None
    answer = enter(next=asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_disabling_a_user_ends_all_their_sessions(app, services, alice):
    clients = [signed_in(app.test_client(), services, Role.SUBMITTER, "alice") for _ in range(3)]
    assert {client.get("/profile").status_code for client in clients} == {200}
    services.administration.disable(alice, services.people.users.person(alice), Origin())
    assert {client.get("/profile").status_code for client in clients} == {303}
