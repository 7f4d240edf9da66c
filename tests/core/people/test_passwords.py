"""Which passwords may be chosen, and how they are hashed: OWASP's parameters, bounded in size and number."""

from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher

from app.core.errors import Invalid, Unavailable
from app.core.people import passwords
from app.core.people.passwords import MOST_BYTES, Passwords, common_passwords, require_good

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    ["", "short7!", "password", "Password1", "12345678", "aaaaaaaaaaaa", "abababababab", "Alice Liddell"],
)
def test_what_is_guessed_first_is_refused(password):
    with pytest.raises(Invalid) as refused:
        require_good(password, "alice liddell")
    assert set(refused.value.fields) == {"password"}


@pytest.mark.parametrize("password", [GOOD, "é" * 7 + "xy", "x y" * 300, "👩🏽‍🚀 takes off!"])
def test_there_are_no_rules_of_composition(password):
    require_good(password, "alice")


def test_the_length_is_looked_at_before_anything_else(monkeypatch):
    monkeypatch.setattr(passwords, "unicodedata", None)
    for password in ("x" * (MOST_BYTES + 1), "é" * (MOST_BYTES // 2 + 1)):
        with pytest.raises(Invalid):
            require_good(password, "alice")
        with pytest.raises(Invalid):
            Passwords().verify(None, password)


def test_the_list_holds_ten_thousand():
    assert len(common_passwords()) == 10_000
    assert all(len(password) >= 8 for password in common_passwords())


def test_a_hash_is_argon2id_of_at_least_what_owasp_asks_for():
    found = Passwords().hashed(GOOD)
    assert found.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.NOBODYS.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not Passwords.outdated(found)
    assert Passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD))


def test_a_password_is_right_however_its_letters_are_typed():
    found = Passwords().hashed("Übermäßig gut")
    assert Passwords().verify(found, "U\u0308berma\u0308ßig gut")
    assert not Passwords().verify(found, "Ubermäßig gut")


def test_nobody_takes_as_much_work_as_somebody(monkeypatch):
    worked = []

    class Counting:
        def verify(self, password_hash, given):
            worked.append(password_hash)
            return True

    monkeypatch.setattr(passwords, "_hasher", Counting)
    assert Passwords().verify(None, GOOD) is False
    assert worked == [passwords.NOBODYS]


@pytest.mark.parametrize("damaged", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$x$y"])
def test_a_damaged_hash_is_nobodys_password(damaged):
    assert Passwords().verify(damaged, GOOD) is False


def test_only_so_many_are_hashed_at_once(monkeypatch):
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        def verify(self, password_hash, given):
            entered.set()
            return leave.wait(30)

    monkeypatch.setattr(passwords, "_hasher", Slow)
    capped = Passwords(at_once=1, wait_s=0.01)
    thread = threading.Thread(target=capped.verify, args=("x", GOOD))
    thread.start()
    assert entered.wait(30)
    with pytest.raises(Unavailable):
        capped.verify("x", GOOD)
    leave.set()
    thread.join()
    assert capped.verify("x", GOOD)
