"""The second step: what ends it, what is counted, and what the audit holds."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid, TooManyTries
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in import second_step as module
from app.core.sign_in.administration import COMMAND
from app.core.sign_in.factors import Factors
from app.core.sign_in.passkeys import Site
from app.core.sign_in.second_step import CodeUnreadable, PendingSteps, SecondStep, StepOver, WrongCode
from app.core.sign_in.sign_in import Proof
from tests.core.sign_in.authenticator import Authenticator
from tests.core.sign_in.phone import Phone, set_up

ORIGIN = Origin("203.0.113.1", "request", "session")
HERE = Site("localhost", "http://localhost:8000")


@pytest.fixture
def ann(services: Services) -> User:
    return services.people.users.add("Ann", Role.SUBMITTER, password_hash="hash")


@pytest.fixture
def steps(services: Services) -> SecondStep:
    factors = Factors.of(services.db, services.settings)
    return SecondStep(services.people, services.sign_in.throttle, factors, PendingSteps(services.db))


@pytest.fixture
def phone(steps: SecondStep, ann: User) -> Phone:
    return set_up(steps.factors.second_factors, ann)[0]


def begun(steps, user):
    return steps.pending.begin(Proof(user, ("password",)))


def failures(services):
    return [entry["reason"] for entry in services.db.audit.find({"event": "sign_in", "outcome": "failed"})]


def wrong_for(app):
    return f"{(int(app.code()) + 1) % 10**6:06}"


def test_a_code_finishes_what_a_password_began(steps, phone, ann):
    assert steps.by_code(begun(steps, ann), phone.code(), ORIGIN).factors == ("password", "totp")


def test_a_recovery_code_does_so_once(steps, ann):
    _, codes = set_up(steps.factors.second_factors, ann)
    assert steps.by_code(begun(steps, ann), codes[0].upper(), ORIGIN).factors == ("password", "recovery")
    with pytest.raises(WrongCode):
        steps.by_code(begun(steps, ann), codes[0], ORIGIN)
    assert steps.factors.second_factors.codes_left(ann.id) == 9


def test_a_wrong_code_is_audited_and_the_step_goes_on(steps, phone, ann, services):
    token = begun(steps, ann)
    for wrong in (wrong_for(phone), "", "000", "no-such-code"):
        with pytest.raises(WrongCode):
            steps.by_code(token, wrong, ORIGIN)
    assert failures(services) == ["code"] * 4
    assert steps.by_code(token, phone.code(), ORIGIN).user == ann


def test_a_step_works_once_and_ends(steps, phone, ann, clock):
    token = begun(steps, ann)
    steps.by_code(token, phone.code(), ORIGIN)
    with pytest.raises(StepOver):
        steps.by_code(token, phone.code(1), ORIGIN)
    late = begun(steps, ann)
    clock.advance(minutes=11)
    with pytest.raises(StepOver):
        steps.by_code(late, phone.code(), ORIGIN)


@pytest.mark.parametrize("change", ["disabled", "reset", "password", "gone"])
def test_it_ends_with_what_began_it(steps, phone, ann, services, change):
    token = begun(steps, ann)
    if change == "disabled":
        services.administration.disable(ann, COMMAND, ORIGIN)
    elif change == "reset":
        services.administration.reset(ann, COMMAND, ORIGIN)
    elif change == "password":
        services.people.users.set_password_hash(ann.id, "another")
    else:
        services.people.users.remove_new(ann.id)
    with pytest.raises(StepOver):
        steps.user(token)


@pytest.mark.parametrize("damage", [{"factors": 7}, {"user": None}, {"password": 1}, {"factors": [""]}])
def test_a_damaged_one_is_none(steps, ann, services, damage):
    token = begun(steps, ann)
    services.db.challenges.update_one({}, {"$set": damage})
    with pytest.raises(StepOver):
        steps.user(token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_what_is_no_token_is_none(steps, token):
    with pytest.raises(StepOver):
        steps.by_code(token, "123456", ORIGIN)


def test_no_challenge_of_a_passkey_is_a_step(steps, ann):
    options = steps.factors.passkeys.registration(ann, HERE)
    with pytest.raises(StepOver):
        steps.user(options["challenge"])


def test_codes_are_counted_and_a_right_password_gives_no_tries_back(steps, phone, ann, services):
    for _ in range(services.settings.sign_in_rate.count):
        with pytest.raises(WrongCode):
            steps.by_code(begun(steps, ann), wrong_for(phone), ORIGIN)
    with pytest.raises(TooManyTries):
        steps.by_code(begun(steps, ann), phone.code(), ORIGIN)
    assert steps.by_code(begun(steps, ann), phone.code(), ORIGIN, "her own browser")


def test_without_the_key_nobody_gets_in_by_a_code(steps, ann, services):
    app, codes = set_up(steps.factors.second_factors, ann)
    services.db.users.update_one({"_id": ann.id}, {"$set": {"totp.secret": "1.x.eA=="}})
    token = begun(steps, ann)
    with pytest.raises(CodeUnreadable):
        steps.by_code(token, app.code(), ORIGIN)
    assert failures(services) == ["key"]
    assert steps.by_code(token, codes[0], ORIGIN).factors == ("password", "recovery")


def passkey_of(steps, user):
    device = Authenticator(HERE)
    passkeys = steps.factors.passkeys
    passkeys.register(user, HERE, device.create(passkeys.registration(user, HERE)), "Phone")
    return device


def test_a_password_is_enough_until_there_is_an_app_or_a_passkey_is_required(steps, ann, services):
    assert not steps.needed(ann)
    passkey_of(steps, ann)
    assert not steps.needed(ann)
    assert steps.needed(services.people.users.require_second_factor(ann.id, True))
    bob = services.people.users.add("Bob", Role.VIEWER)
    set_up(steps.factors.second_factors, bob)
    assert steps.needed(bob)


def test_a_passkey_is_both_factors(steps, ann):
    device = passkey_of(steps, ann)
    proof = steps.by_passkey(HERE, device.get(steps.passkey_options(HERE, ORIGIN)), ORIGIN)
    assert (proof.user, proof.factors) == (ann, ("passkey",))


def test_a_passkey_of_somebody_disabled_and_a_wrong_one_are_refused(steps, ann, services):
    device = passkey_of(steps, ann)
    services.people.users.disable(ann.id)
    for answer in (device.get(steps.passkey_options(HERE, ORIGIN)), "{}"):
        with pytest.raises(Invalid):
            steps.by_passkey(HERE, answer, ORIGIN)
    assert failures(services) == ["disabled", "passkey"]


def test_challenges_are_counted_by_address(steps, services):
    for _ in range(services.settings.sign_in_rate_address.count):
        steps.passkey_options(HERE, ORIGIN)
    with pytest.raises(TooManyTries):
        steps.passkey_options(HERE, ORIGIN)
    assert steps.passkey_options(HERE, Origin("203.0.113.2"))


def test_a_reset_removes_app_and_passkeys(steps, phone, ann, services):
    passkey_of(steps, ann)
    services.administration.reset(ann, COMMAND, ORIGIN)
    assert not steps.factors.second_factors.active(ann.id)
    assert steps.factors.second_factors.codes_left(ann.id) == 0
    assert steps.factors.passkeys.of_user(ann.id) == []
    events = {entry["event"] for entry in services.db.audit.find({"target": ann.id})}
    assert {"second_factor.remove", "passkey.remove"} <= events


def test_steps_that_are_over_are_deleted(steps, ann, services, clock):
    begun(steps, ann)
    clock.advance(seconds=module.STEP_FOR.total_seconds() + 1)
    begun(steps, ann)
    assert services.db.challenges.count_documents({}) == 1
