"""Codes of an authenticator app, each once, and recovery codes."""

from __future__ import annotations

import contextlib

import pytest

from app.core.errors import Conflict, Invalid
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.secrets.vault import CannotOpen, Vault
from app.core.services import Services
from app.core.sign_in.factors import Factors
from app.core.sign_in.second_factor import SecondFactors
from tests.core.sign_in.phone import Phone


@pytest.fixture
def ann(services: Services) -> User:
    return services.people.users.add("Ann", Role.SUBMITTER)


@pytest.fixture
def factors(services: Services) -> SecondFactors:
    return Factors.of(services.db, services.settings).second_factors


@pytest.fixture
def phone(factors, ann, clock):
    app = Phone(factors.enroll(ann).secret)
    factors.confirm(ann, app.code())
    clock.advance(seconds=90)
    return app


def test_it_is_in_force_once_a_code_is_confirmed(factors, ann, clock):
    begun = factors.enroll(ann)
    assert begun.uri.startswith("otpauth://totp/Task%20Queue:Ann?secret=" + begun.secret)
    assert factors.pending(ann) == begun
    with pytest.raises(Invalid):
        factors.confirm(ann, "000000")
    assert not factors.active(ann.id)
    codes = factors.confirm(ann, Phone(begun.secret).code())
    assert factors.active(ann.id) and len(set(codes)) == 10 == factors.codes_left(ann.id)
    assert factors.pending(ann) is None


def test_the_time_to_confirm_is_limited(factors, ann, clock):
    app = Phone(factors.enroll(ann).secret)
    clock.advance(minutes=16)
    with pytest.raises(Conflict):
        factors.confirm(ann, app.code())


def test_each_code_works_once_and_only_near_its_time(factors, ann, phone):
    code = phone.code()
    assert factors.verify(ann.id, f" {code[:3]} {code[3:]} ")
    assert not factors.verify(ann.id, code)
    assert not factors.verify(ann.id, phone.code(-1)), "an older one than the last"
    assert factors.verify(ann.id, phone.code(1))
    assert not factors.verify(ann.id, phone.code(3))


def test_the_code_of_the_confirmation_does_not_work_again(factors, ann, clock):
    app = Phone(factors.enroll(ann).secret)
    factors.confirm(ann, app.code())
    assert not factors.verify(ann.id, app.code())


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "123456\n", "0x1234"])
def test_what_is_no_code_is_refused(factors, ann, phone, code):
    assert not factors.verify(ann.id, code)


def test_recovery_codes_work_once_however_they_are_typed(factors, ann, phone):
    first, second = factors.fresh_codes(ann.id)[:2]
    assert factors.use_recovery_code(ann.id, first.upper().replace("-", " "))
    assert not factors.use_recovery_code(ann.id, first)
    assert not factors.use_recovery_code("other", second)
    assert factors.codes_left(ann.id) == 9
    factors.fresh_codes(ann.id)
    assert not factors.use_recovery_code(ann.id, second)


def test_nothing_secret_is_stored_as_it_is(factors, ann, phone, services):
    codes = factors.fresh_codes(ann.id)
    said = str(services.db.users.find_one({"_id": ann.id}))
    assert phone.totp.secret not in said and codes[0] not in said and codes[0].replace("-", "") not in said


def test_a_secret_of_another_user_or_another_key_lets_nobody_in(factors, ann, phone, services):
    bob = services.people.users.add("Bob", Role.SUBMITTER)
    totp = services.db.users.find_one({"_id": ann.id})["totp"]
    services.db.users.update_one({"_id": bob.id}, {"$set": {"totp": totp}})
    with pytest.raises(CannotOpen):
        factors.verify(bob.id, phone.code())
    with pytest.raises(CannotOpen):
        SecondFactors(services.db, Vault(["another key"])).verify(ann.id, phone.code())


@pytest.mark.parametrize("damage", [7, {}, {"secret": 7, "last_step": 1}, {"secret": "x"}, None])
def test_damage_lets_nobody_in_and_is_no_way_around(factors, ann, phone, services, damage):
    services.db.users.update_one({"_id": ann.id}, {"$set": {"totp": damage}})
    with contextlib.suppress(CannotOpen):
        assert not factors.verify(ann.id, phone.code())
    assert factors.active(ann.id)


def test_it_is_removed(factors, ann, phone):
    assert factors.remove(ann.id) and not factors.remove(ann.id)
    assert not factors.active(ann.id) and factors.codes_left(ann.id) == 0
    with pytest.raises(Conflict):
        factors.fresh_codes(ann.id)
