"""10,000 tries from 50 addresses: few reach a password check, and the real person still gets in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.errors import QueueUnavailable, TooManyTries
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.queue import connection
from app.core.sign_in.sign_in import WrongPassword
from app.core.sign_in.throttle import Attempt, Throttle, network

GOOD = "correct horse battery"
WRONG = "not the password"
TRIES, ADDRESSES = 10_000, 50


class Counter:
    """Stands for hashing, which is slow by design: counts the checks."""

    def __init__(self, right=GOOD):
        self.checks, self._right = 0, right

    def verify(self, password_hash, password):
        self.checks += 1
        return password_hash is not None and password == self._right

    @staticmethod
    def outdated(password_hash):
        return False


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def sign_in(services, counter):
    services.people.users.add("alice", Role.VIEWER, password_hash="a hash")
    return replace(services.sign_in, passwords=counter)


def tried(sign_in, attempt, password=WRONG):
    """What came of it, as a word."""
    try:
        sign_in.by_password(attempt, password, Origin(attempt.address))
    except WrongPassword:
        return "checked"
    except TooManyTries as refused:
        assert 0 < refused.retry_after_s <= 3_600
        return "refused"
    return "in"


def address_of(number):
    return f"203.0.113.{number % ADDRESSES}"


@pytest.mark.parametrize("tries", [1_000, pytest.param(TRIES, marks=pytest.mark.slow)])
def test_ten_thousand_tries_at_one_account(sign_in, services, counter, tries):
    settings = services.settings
    for number in range(tries):
        tried(sign_in, Attempt("alice", address_of(number)))
    assert counter.checks == settings.sign_in_rate_account.count
    assert tried(sign_in, Attempt("alice", address_of(0), "known device"), GOOD) == "in"
    assert counter.checks == settings.sign_in_rate_account.count + 1
    assert services.db.audit.count_documents({"outcome": "failed"}) == settings.sign_in_rate_account.count


@pytest.mark.slow
@pytest.mark.parametrize("names", [2_000, TRIES])
def test_ten_thousand_tries_at_many_accounts(sign_in, services, counter, names):
    for number in range(TRIES):
        tried(sign_in, Attempt(f"user {number % names}", address_of(number)))
    assert counter.checks == ADDRESSES * services.settings.sign_in_rate_address.count
    assert tried(sign_in, Attempt("alice", "198.51.100.7"), GOOD) == "in"


def test_one_address_has_few_tries_at_one_account(sign_in, services, counter):
    count = services.settings.sign_in_rate.count
    seen = [tried(sign_in, Attempt(name, "203.0.113.1")) for name in ("alice", "ALICE", "ａlice") * count]
    assert seen == ["checked"] * count + ["refused"] * (2 * count)
    assert tried(sign_in, Attempt("alice", "203.0.113.2"), GOOD) == "in"


def test_a_known_device_has_few_tries_too(sign_in, services):
    count = services.settings.sign_in_rate.count
    attempts = [Attempt("alice", address_of(number), "device") for number in range(count + 1)]
    assert [tried(sign_in, attempt) for attempt in attempts] == ["checked"] * count + ["refused"]


def test_who_signs_in_gets_their_own_tries_back(sign_in, services):
    attempt = Attempt("alice", "203.0.113.1")
    for _ in range(3):
        assert [tried(sign_in, attempt) for _ in range(services.settings.sign_in_rate.count - 1)][
            -1
        ] == "checked"
        assert tried(sign_in, attempt, GOOD) == "in"


def test_a_network_of_ipv6_counts_as_one_address():
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:203.0.113.1") == network("203.0.113.1") == "203.0.113.1"
    assert network("") == ""


def test_without_redis_no_password_is_checked(services, sign_in, counter):
    throttle = Throttle.of(lambda: connection.connect("redis://127.0.0.1:1/0", 200), services.settings)
    away = replace(sign_in, throttle=throttle)
    with pytest.raises(QueueUnavailable):
        away.by_password(Attempt("alice", "203.0.113.1"), GOOD, Origin())
    assert counter.checks == 0


@pytest.mark.slow
def test_the_same_with_real_hashing(services):
    """Fewer tries, as each takes tens of milliseconds that are not to be spared."""
    core = services.sign_in
    services.people.users.add("alice", Role.VIEWER, password_hash=core.passwords.hashed(GOOD))
    seen = [tried(core, Attempt("alice", address_of(number))) for number in range(500)]
    assert seen.count("checked") == services.settings.sign_in_rate_account.count
    assert tried(core, Attempt("alice", address_of(0), "known device"), GOOD) == "in"
