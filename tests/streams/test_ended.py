"""Whose streams end: sessions and tokens that are over, users who may not sign in or have another role."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.people.roles import Role
from app.streams.listening import ended
from app.streams.stream import Watcher


@pytest.fixture
def user(services):
    return services.people.users.add("Ann", Role.OPERATOR)


@pytest.fixture
def by_session(services, user) -> Watcher:
    session = services.people.sessions.find(services.people.sessions.begin(user.id, ["password"]))
    return Watcher(services.people.users.person(user), session=session.id)


@pytest.fixture
def by_token(services, user) -> Watcher:
    owner = services.people.users.person(user)
    token, _ = services.people.tokens.create(owner, "ci", timedelta(days=1))
    return Watcher(token.of(owner))


@pytest.fixture
def by_proxy(services, user) -> Watcher:
    return Watcher(services.people.users.person(user))


def test_who_may_watch_goes_on(services, by_session, by_token, by_proxy):
    assert ended(services, [by_session, by_token, by_proxy]) == []
    assert ended(services, []) == []


def test_signing_out_and_revoking(services, user, by_session, by_token, by_proxy):
    services.people.sessions.end(by_session.session, user.id)
    services.people.tokens.revoke(by_token.person.token)
    assert ended(services, [by_session, by_token, by_proxy]) == [by_session, by_token]


def test_a_session_that_is_over(services, by_session, by_proxy, clock):
    clock.advance(days=400)
    assert ended(services, [by_session, by_proxy]) == [by_session]


def test_another_role_or_none(services, user, by_session, by_token, by_proxy):
    everyone = [by_session, by_token, by_proxy]
    services.people.users.set_role(user.id, Role.VIEWER)
    assert ended(services, everyone) == everyone
    services.people.users.set_role(user.id, Role.OPERATOR)
    assert ended(services, everyone) == []
    services.people.users.disable(user.id)
    assert ended(services, everyone) == everyone
