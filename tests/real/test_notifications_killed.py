"""Webhooks while worker processes are killed: every end is told, once in effect, with a valid signature."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.clock import utcnow
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription
from app.core.people.roles import Role
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until
from tests.rig.receiver import Receiver, receiver

pytestmark = pytest.mark.real

TASKS = 12
POINTS = ("ended", "notice_expanded", "delivering", "delivered")


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
def armed(real_stores: LocalStores, tmp_path: Path, hook: Receiver) -> Iterator[tuple[Fleet, Path]]:
    """A fleet whose processes are killed at a place for which there is a token; it may reach the receiver."""
    tokens = tmp_path / "tokens"
    for point in POINTS:
        (tokens / point).mkdir(parents=True)
    given = {
        "DTQ_FAILPOINTS": ",".join(f"{point}=kill" for point in POINTS),
        "DTQ_FAILPOINTS_FOLDER": str(tokens),
        "HTTP_ALLOW": f"127.0.0.1:{hook.port}",
    }
    with fleet(real_stores, "notifications_killed", tmp_path, **given) as made:
        yield made, tokens


def test_killed_at_every_place(armed: tuple[Fleet, Path], hook: Receiver) -> None:
    crew, tokens = armed
    services = crew.services
    users = services.people.users
    alice = users.person(users.add("Alice", Role.SUBMITTER))
    asked = NewSubscription("CI", Channel.WEBHOOK, hook.url, (EventType.TASK_SUCCEEDED,))
    _, hook.secret = services.access(alice).notifications.create(asked)
    held = {"_id": "notifications", "holder": "test", "until": utcnow() + timedelta(seconds=25)}
    services.db.leases.insert_one(held)  # Nobody is told before all have ended: to lose one takes a minute.
    (tokens / POINTS[0] / "once").touch()
    crew.start(2)
    tasks = [crew.submit("echo", params={"text": "x"}, owner=alice.id) for _ in range(TASKS)]

    for task in tasks:
        crew.ended(task, 60)
    for point in POINTS[1:]:
        (tokens / point / "once").touch()
    services.db.leases.delete_one({"_id": "notifications"})
    wanted = {str(task.id) for task in tasks}
    fired = 0

    def told() -> bool:
        nonlocal fired
        if fired != (fired := len(_fired(tokens))):  # As if the leases of the dead had passed.
            services.db.leases.delete_one({"_id": "notifications"})
            taken = {"state": "pending", "attempts": {"$gt": 0}}
            services.db.deliveries.update_many(taken, {"$set": {"next_at": utcnow()}})
        return {body["data"]["task"]["id"] for body in hook.effects.values()} == wanted and fired == len(
            POINTS
        )

    until(told, 90)
    until(lambda: not services.db.deliveries.count_documents({"state": "pending"}) or None, 60)
    assert {line.split()[1] for line in _fired(tokens)} == set(POINTS)
    assert len(hook.effects) == TASKS == services.db.deliveries.count_documents({"state": "delivered"})
    assert not services.tasks.noted(1)


def _fired(tokens: Path) -> list[str]:
    path = tokens / "fired"
    return path.read_text().splitlines() if path.exists() else []
