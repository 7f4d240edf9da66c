"""Passkeys: made by a device, used, and refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.core.errors import Conflict, Invalid, NotFound
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in import passkeys as module
from app.core.sign_in.factors import Factors
from app.core.sign_in.passkeys import Passkeys, Site
from tests.core.sign_in.authenticator import Authenticator

HERE = Site("localhost", "http://localhost:8000")
ELSEWHERE = Site("evil.example", "https://evil.example")


@pytest.fixture
def ann(services: Services) -> User:
    return services.people.users.add("Ann", Role.SUBMITTER)


@pytest.fixture
def passkeys(services: Services) -> Passkeys:
    return Factors.of(services.db, services.settings).passkeys


@pytest.fixture
def device(passkeys: Passkeys, ann: User) -> Authenticator:
    """A device whose passkey is registered for Ann."""
    made = Authenticator(HERE)
    passkeys.register(ann, HERE, made.create(passkeys.registration(ann, HERE)), "  Phone \n")
    return made


def test_a_device_signs_in(passkeys, device, ann):
    for _ in range(2):
        found = passkeys.authenticate(HERE, device.get(passkeys.authentication(HERE)))
        assert (found.user, found.name) == (ann.id, "Phone")
    assert passkeys.of_user(ann.id)[0].sign_count == 2
    assert passkeys.of_user(ann.id)[0].used_at


def test_an_answer_works_once(passkeys, device):
    answer = device.get(passkeys.authentication(HERE))
    passkeys.authenticate(HERE, answer)
    with pytest.raises(Invalid):
        passkeys.authenticate(HERE, answer)


def test_a_challenge_ends(passkeys, device, clock):
    options = passkeys.authentication(HERE)
    clock.advance(minutes=6)
    with pytest.raises(Invalid):
        passkeys.authenticate(HERE, device.get(options))


def test_a_copied_device_is_refused(passkeys, device):
    passkeys.authenticate(HERE, device.get(passkeys.authentication(HERE)))
    device.count = 0
    with pytest.raises(Invalid):
        passkeys.authenticate(HERE, device.get(passkeys.authentication(HERE)))


def test_another_device_another_site_and_one_that_asks_for_no_pin_are_refused(passkeys, device, ann):
    stranger = Authenticator(HERE)
    stranger.id = device.id
    elsewhere = Authenticator(ELSEWHERE)
    elsewhere.id, elsewhere.key = device.id, device.key
    careless = Authenticator(HERE, verifies=False)
    careless.id, careless.key, careless.count = device.id, device.key, 10
    for wrong in (stranger, elsewhere, careless):
        with pytest.raises(Invalid):
            passkeys.authenticate(HERE, wrong.get(passkeys.authentication(HERE)))
    with pytest.raises(Invalid):
        passkeys.register(ann, HERE, Authenticator(ELSEWHERE).create(passkeys.registration(ann, HERE)), "x")


def test_a_challenge_of_ones_own_is_needed_to_register(passkeys, ann, services):
    bob = services.people.users.add("Bob", Role.SUBMITTER)
    answer = Authenticator(HERE).create(passkeys.registration(bob, HERE))
    with pytest.raises(Invalid):
        passkeys.register(ann, HERE, answer, "x")
    answer = Authenticator(HERE).create({"challenge": "AAAA"})
    with pytest.raises(Invalid):
        passkeys.register(ann, HERE, answer, "x")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "7",
        "[]",
        "{}",
        "[" * 60_000,
        '{"response": 7}',
        '{"response": {"clientDataJSON": "%%%"}}',
        "x" * 70_000,
    ],
)
def test_what_no_browser_sends_is_refused(passkeys, answer, ann):
    for use in (
        lambda: passkeys.authenticate(HERE, answer),
        lambda: passkeys.register(ann, HERE, answer, "x"),
    ):
        with pytest.raises(Invalid):
            use()


def test_damage_to_any_field_of_an_answer_is_refused(passkeys, device):
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        for value in ("", "AAAA", 7, None, [], "é"):
            credential = json.loads(device.get(passkeys.authentication(HERE)))
            credential["response"][name] = value
            with pytest.raises(Invalid):
                passkeys.authenticate(HERE, json.dumps(credential))


def test_they_are_removed_by_their_owner(passkeys, device, ann):
    key = passkeys.of_user(ann.id)[0]
    with pytest.raises(NotFound):
        passkeys.remove(key.id, "other")
    passkeys.remove(key.id, ann.id)
    with pytest.raises(Invalid):
        passkeys.authenticate(HERE, device.get(passkeys.authentication(HERE)))


def test_the_same_passkey_and_too_many_are_refused(passkeys, device, ann, monkeypatch):
    with pytest.raises(Conflict):
        passkeys.register(ann, HERE, device.create(passkeys.registration(ann, HERE)), "x")
    monkeypatch.setattr(module, "MOST_PASSKEYS", 1)
    with pytest.raises(Conflict):
        passkeys.registration(ann, HERE)


def test_a_site_is_what_the_browser_says(passkeys, device):
    with pytest.raises(Invalid):
        passkeys.authenticate(
            replace(HERE, origin="http://localhost:9"), device.get(passkeys.authentication(HERE))
        )
