"""Subscriptions of Alice over stores in memory, and a receiver on this machine that she may reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from app.core.access.access import Access
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription, Subscription
from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.services import Services
from config import Settings
from tests.rig.receiver import Receiver, receiver
from tests.signing_in import user_of


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
def settings(settings: Settings, hook: Receiver) -> Settings:
    return dataclasses.replace(settings, http_allow=(f"127.0.0.1:{hook.port}",))


@pytest.fixture
def person_of(services: Services) -> Callable[..., Person]:
    """Somebody with a role, who is a user."""

    def person(role: Role = Role.SUBMITTER, name: str = "alice") -> Person:
        return services.people.users.person(user_of(services, role, name))

    return person


@pytest.fixture
def alice(services: Services, person_of: Callable[..., Person]) -> Access:
    return services.access(person_of())


@pytest.fixture
def subscribe(alice: Access, hook: Receiver) -> Callable[..., Subscription]:
    """Subscribe to failures of one's own tasks by a webhook, or to anything else."""

    def subscribe(access: Access = alice, **given: object) -> Subscription:
        values: dict = {"name": "CI", "channel": Channel.WEBHOOK, "address": hook.url}
        values |= {"events": (EventType.TASK_FAILED,), **given}
        made, hook.secret = access.notifications.create(NewSubscription(**values))
        return made

    return subscribe
