"""Changing one's own factors: what it takes, what ends, and what the audit holds."""

from __future__ import annotations

import pytest

from app.core.errors import Conflict, Invalid, NotFound, TooManyTries
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.services import Services
from app.core.sign_in.factors import Factors
from app.core.sign_in.own_factors import ConfirmationRequired, OwnFactors
from app.core.sign_in.passkeys import Site
from tests.core.sign_in.authenticator import Authenticator
from tests.core.sign_in.phone import Phone, set_up

ORIGIN = Origin("203.0.113.1", "request", "session")
HERE = Site("localhost", "http://localhost:8000")
GOOD = "correct horse battery"


@pytest.fixture
def own(services: Services) -> OwnFactors:
    factors = Factors.of(services.db, services.settings)
    return OwnFactors(services.people, services.sign_in.throttle, services.sign_in.passwords, factors)


@pytest.fixture
def ann(services):
    return services.people.users.add(
        "Ann", Role.SUBMITTER, password_hash=services.sign_in.passwords.hashed(GOOD)
    )


@pytest.fixture
def sessions(services, ann):
    """Two sessions of Ann: the one she is at, and another."""
    return [services.people.sessions.find(services.people.sessions.begin(ann.id, ["password"])) for _ in "ab"]


def events(services):
    return [(entry["event"], entry["outcome"]) for entry in services.db.audit.find().sort("_id")]


def lasting(services, ann):
    return [session.id for session in services.people.sessions.of_user(ann.id)]


def added(own, ann, session, device=None):
    device = device or Authenticator(HERE)
    answer = device.create(own.passkey_options(ann, session, HERE))
    return own.add_passkey(ann, session, HERE, answer, "Phone", ORIGIN)


def test_an_app_is_set_up_and_the_other_sessions_end(own, ann, sessions, services):
    begun = own.begin_app(ann, sessions[0])
    with pytest.raises(Invalid):
        own.confirm_app(ann, sessions[0], "12345", ORIGIN)
    assert len(lasting(services, ann)) == 2
    assert len(own.confirm_app(ann, sessions[0], Phone(begun.secret).code(), ORIGIN)) == 10
    assert lasting(services, ann) == [sessions[0].id]
    assert events(services) == [("second_factor.set", "done")]


def test_a_passkey_is_added_and_removed(own, ann, sessions, services):
    passkey = added(own, ann, sessions[0])
    assert lasting(services, ann) == [sessions[0].id]
    with pytest.raises(NotFound):
        own.remove_passkey(ann, sessions[0], "other", ORIGIN)
    own.remove_passkey(ann, sessions[0], passkey.id, ORIGIN)
    assert events(services) == [("passkey.add", "done"), ("passkey.remove", "done")]


def test_changes_take_a_session_that_was_proved_recently(own, ann, sessions, services, clock):
    passkey = added(own, ann, sessions[0])
    clock.advance(minutes=11)
    old = sessions[0]
    for change in (
        lambda: own.begin_app(ann, old),
        lambda: own.fresh_codes(ann, old, ORIGIN),
        lambda: own.passkey_options(ann, old, HERE),
        lambda: own.add_passkey(ann, old, HERE, "{}", "x", ORIGIN),
        lambda: own.remove_passkey(ann, old, passkey.id, ORIGIN),
    ):
        with pytest.raises(ConfirmationRequired):
            change()
    own.confirm(ann, old, GOOD, ORIGIN)
    session = services.people.sessions.of_user(ann.id)[0]
    own.begin_app(ann, session)
    own.remove_passkey(ann, session, passkey.id, ORIGIN)


def test_a_password_a_code_or_a_recovery_code_confirms_and_nothing_else(own, ann, sessions, services, clock):
    app, codes = set_up(own.factors.second_factors, ann)
    for right in (GOOD, app.code(), codes[0]):
        own.confirm(ann, sessions[0], right, ORIGIN)
    for wrong in ("", "x" * 9_999, app.code(), codes[0], "000000"):
        with pytest.raises(Invalid) as refused:
            own.confirm(ann, sessions[1], wrong, ORIGIN)
        assert set(refused.value.fields) == {"proof"}
    assert events(services) == [("sign_in", "failed")] * 5


def test_confirming_is_counted(own, ann, sessions, services):
    for _ in range(services.settings.sign_in_rate.count):
        with pytest.raises(Invalid):
            own.confirm(ann, sessions[0], "wrong", ORIGIN)
    with pytest.raises(TooManyTries):
        own.confirm(ann, sessions[0], GOOD, ORIGIN)


def test_without_a_password_nothing_typed_confirms(own, sessions, services):
    bob = services.people.users.add("Bob", Role.VIEWER)
    assert not own.can_confirm(bob)
    with pytest.raises(Invalid):
        own.confirm(bob, sessions[0], "", ORIGIN)


def test_a_secret_that_cannot_be_read_leaves_the_password(own, ann, sessions, services):
    set_up(own.factors.second_factors, ann)
    services.db.users.update_one({"_id": ann.id}, {"$set": {"totp.secret": "1.x.eA=="}})
    digits = "141421356237309"
    ann = services.people.users.set_password_hash(ann.id, services.sign_in.passwords.hashed(digits))
    with pytest.raises(Invalid):
        own.remove_app(ann, sessions[0], "123456", ORIGIN)
    own.remove_app(ann, sessions[0], digits, ORIGIN)
    assert not own.factors.second_factors.active(ann.id)


@pytest.mark.parametrize("by", ["password", "code", "recovery"])
def test_removing_the_app_takes_a_proof_at_any_time(own, ann, sessions, services, by):
    app, codes = set_up(own.factors.second_factors, ann)
    with pytest.raises(Invalid):
        own.remove_app(ann, sessions[0], "wrong", ORIGIN)
    assert own.factors.second_factors.active(ann.id)
    own.remove_app(ann, sessions[0], {"password": GOOD, "code": app.code(), "recovery": codes[3]}[by], ORIGIN)
    assert not own.factors.second_factors.active(ann.id)
    assert lasting(services, ann) == [sessions[0].id]
    assert events(services) == [("sign_in", "failed"), ("second_factor.remove", "done")]


def test_fresh_codes_replace_the_old_ones(own, ann, sessions, services):
    _, old = set_up(own.factors.second_factors, ann)
    fresh = own.fresh_codes(ann, sessions[0], ORIGIN)
    with pytest.raises(Invalid):
        own.confirm(ann, sessions[0], old[0], ORIGIN)
    own.confirm(ann, sessions[0], fresh[0], ORIGIN)
    assert len(lasting(services, ann)) == 2


def test_the_last_factor_stays_where_one_is_required(own, ann, sessions, services):
    assert not own.missing(ann)
    ann = services.people.users.require_second_factor(ann.id, True)
    assert own.missing(ann)
    passkey = added(own, ann, sessions[0])
    assert not own.missing(ann)
    with pytest.raises(Conflict):
        own.remove_passkey(ann, sessions[0], passkey.id, ORIGIN)
    set_up(own.factors.second_factors, ann)
    own.remove_passkey(ann, sessions[0], passkey.id, ORIGIN)
    with pytest.raises(Conflict):
        own.remove_app(ann, sessions[0], GOOD, ORIGIN)
    assert own.factors.second_factors.active(ann.id)


def test_requiring_one_ends_the_sessions_and_is_audited(ann, sessions, services):
    services.administration.require_second_factor(ann, True, services.people.users.person(ann), ORIGIN)
    assert lasting(services, ann) == []
    entry = services.db.audit.find_one({"event": "user.change"})
    assert (entry["before"], entry["after"]) == (
        {"second_factor_required": False},
        {"second_factor_required": True},
    )


def test_the_only_way_in_of_the_only_administrator_stays(own, services):
    root = services.people.users.add("root", Role.ADMINISTRATOR)
    session = services.people.sessions.find(services.people.sessions.begin(root.id, ["passkey"]))
    passkey = added(own, root, session)
    with pytest.raises(Conflict, match="Set a password"):
        own.remove_passkey(root, session, passkey.id, ORIGIN)
    assert own.factors.passkeys.of_user(root.id) == [passkey]
    services.people.users.set_password_hash(root.id, "x")
    own.remove_passkey(root, session, passkey.id, ORIGIN)
    assert own.factors.passkeys.of_user(root.id) == []
    assert [event for event, _ in events(services)] == ["passkey.add", "passkey.remove"]
