"""Links and passwords: what each proves, what ends, and what the audit holds of it."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from app.core.errors import Conflict, Invalid
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.sign_in.administration import COMMAND
from app.core.sign_in.sign_in import LinkOver, WrongPassword
from app.core.sign_in.throttle import Attempt

GOOD, OTHER = "correct horse battery", "another good password"
ORIGIN = Origin("203.0.113.1", "request", "session")


@pytest.fixture
def core(services):
    return services.sign_in


@pytest.fixture
def alice(services, core):
    return services.people.users.add("alice", Role.SUBMITTER, password_hash=core.passwords.hashed(GOOD))


def events(services):
    return [(entry["event"], entry["outcome"]) for entry in services.db.audit.find().sort("_id")]


def by_password(core, name, password):
    return core.by_password(Attempt(name, "203.0.113.1"), password, ORIGIN)


def test_a_password_signs_in_and_its_session_is_stored_hashed(services, core, alice):
    proof = by_password(core, "Alice", GOOD)
    token = core.begin(proof, ORIGIN, "Firefox")
    assert services.people.sessions.find(token).factors == ("password",)
    assert services.db.sessions.count_documents({"_id": token}) == 0
    assert events(services) == [("sign_in", "done")]


@pytest.mark.parametrize(
    ("name", "password"), [("alice", OTHER), ("bob", GOOD), ("", ""), ("alice", "x" * 9_999)]
)
def test_a_wrong_one_does_not(services, core, alice, name, password):
    with pytest.raises(WrongPassword):
        by_password(core, name, password)
    assert events(services) == [("sign_in", "failed")]


def test_a_password_typed_as_the_name_is_stored_nowhere(services, core):
    with pytest.raises(WrongPassword):
        by_password(core, GOOD, "")
    entry = services.db.audit.find_one()
    assert entry["reason"] == "unknown name" and GOOD not in str(entry)


def test_a_disabled_user_is_told_what_a_wrong_password_is_told(services, core, alice):
    services.people.users.disable(alice.id)
    with pytest.raises(WrongPassword) as refused:
        by_password(core, "alice", GOOD)
    assert "disabled" not in str(refused.value)
    assert services.db.audit.find_one()["reason"] == "disabled"


def test_an_old_hash_is_renewed_at_sign_in(services, core):
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    user = services.people.users.add("bob", Role.VIEWER, password_hash=old)
    by_password(core, "bob", GOOD)
    renewed = services.people.users.get(user.id).password_hash
    assert renewed != old and not core.passwords.outdated(renewed)
    by_password(core, "bob", GOOD)


def test_a_new_password_takes_the_current_one_and_ends_other_sessions(services, core, alice):
    mine, other = (core.begin(by_password(core, "alice", GOOD), ORIGIN, "") for _ in range(2))
    session = services.people.sessions.find(mine)
    with pytest.raises(Invalid) as refused:
        core.change_password(alice, OTHER, OTHER, session.id, ORIGIN)
    assert set(refused.value.fields) == {"current"}
    core.change_password(alice, GOOD, OTHER, session.id, ORIGIN)
    assert services.people.sessions.find(mine) and not services.people.sessions.find(other)
    assert by_password(core, "alice", OTHER)
    assert events(services)[-2:] == [("password.set", "failed"), ("password.set", "done")]


# Links


def test_a_local_link_works_once(services, core):
    user = services.people.users.local()
    token = services.administration.local_link(user, COMMAND, Origin())
    assert core.by_link(token, ORIGIN).user == user
    with pytest.raises(LinkOver):
        core.by_link(token, ORIGIN)


def test_the_first_administrator_chooses_name_and_password(services, core):
    token = services.administration.bootstrap_link(COMMAND, Origin())
    with pytest.raises(Invalid):
        core.by_bootstrap(token, "root", "password", ORIGIN)
    proof = core.by_bootstrap(token, "root", GOOD, ORIGIN)
    assert (proof.user.role, by_password(core, "root", GOOD).user.id) == (Role.ADMINISTRATOR, proof.user.id)
    with pytest.raises(LinkOver):
        core.by_bootstrap(token, "another", GOOD, ORIGIN)
    assert services.administration.bootstrap_link(COMMAND, Origin()) is None


def test_a_bootstrap_link_makes_nobody_where_there_are_users(services, core):
    token = services.administration.bootstrap_link(COMMAND, Origin())
    services.people.users.add("alice", Role.VIEWER)
    with pytest.raises(Conflict):
        core.by_bootstrap(token, "root", GOOD, ORIGIN)
    assert [user.name for user in services.people.users.all()] == ["alice"]


def test_a_new_user_chooses_a_password_by_their_link(services, core):
    user, token = services.administration.add("carol", Role.VIEWER, ["ops"], COMMAND, Origin())
    with pytest.raises(Invalid):
        core.by_link_with_password(token, "password", ORIGIN)
    assert core.by_link_with_password(token, GOOD, ORIGIN).user.id == user.id
    assert by_password(core, "carol", GOOD)


@pytest.mark.parametrize("way", ["by_link", "bootstrap"])
def test_a_link_does_only_what_it_was_made_for(services, core, way):
    user, token = services.administration.add("carol", Role.ADMINISTRATOR, [], COMMAND, Origin())
    with pytest.raises(LinkOver):
        core.by_link(token, ORIGIN) if way == "by_link" else core.by_bootstrap(token, "x", GOOD, ORIGIN)
    assert core.link(token).user == user.id


def test_disabling_ends_sessions_and_links(services, core, alice):
    session = core.begin(by_password(core, "alice", GOOD), ORIGIN, "")
    link = services.administration.local_link(alice, COMMAND, Origin())
    services.administration.disable(alice, COMMAND, Origin())
    assert services.people.sessions.find(session) is None
    with pytest.raises(LinkOver):
        core.link(link)
    with pytest.raises(Conflict):
        services.administration.local_link(services.people.users.get(alice.id), COMMAND, Origin())


def test_a_reset_removes_the_password_and_ends_sessions(services, core, alice):
    session = core.begin(by_password(core, "alice", GOOD), ORIGIN, "")
    token = services.administration.reset(alice, COMMAND, Origin())
    assert services.people.sessions.find(session) is None
    with pytest.raises(WrongPassword):
        by_password(core, "alice", GOOD)
    assert core.by_link_with_password(token, OTHER, ORIGIN)
