"""Webhooks while processes of web and workers are killed: every end is told, once in effect, and signed."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from app.core.backup import IMPORT
from app.core.clock import utcnow
from app.core.notifications.deliveries import id_of
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription
from app.core.people.person import Person
from app.core.people.roles import Permission, Role
from app.local.servers import LocalStores
from tests.rig.fleet import Fleet, fleet
from tests.rig.person import LOST
from tests.rig.processes import until
from tests.rig.receiver import Receiver, receiver
from tests.rig.web import Web

pytestmark = pytest.mark.real

TASKS, EACH = 24, 4
"""So many kills of the web while it deletes, and of workers at each place: 20 in all."""
POINTS = ("ended", "notice_expanded", "delivering", "delivered")
FREED_EVERY_S = 5.0
"""How often the leases of the dead end here, which otherwise last 15 and 90 s."""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


def _armed(folder: Path, *points: str) -> dict[str, str]:
    """Settings of processes that are killed at a place for which there is a token."""
    for point in points:
        (folder / point).mkdir(parents=True)
    named = ",".join(f"{point}=kill" for point in points)
    return {"DTQ_FAILPOINTS": named, "DTQ_FAILPOINTS_FOLDER": str(folder)}


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path, hook: Receiver) -> Iterator[Fleet]:
    given = {"HTTP_ALLOW": f"127.0.0.1:{hook.port}", **_armed(tmp_path / "workers", *POINTS)}
    with fleet(real_stores, "notifications_killed", tmp_path, **given) as made:
        yield made


def test_killed_at_every_place(crew: Fleet, web: Web, hook: Receiver, tmp_path: Path) -> None:
    services = crew.services
    users = services.people.users
    alice = users.person(users.add("Alice", Role.SUBMITTER))
    asked = NewSubscription("CI", Channel.WEBHOOK, hook.url, (EventType.TASK_SUCCEEDED,))
    subscription, hook.secret = services.access(alice).notifications.create(asked)
    # Nobody is told before all have ended, and some are deleted. Only an import holds a lease for so long.
    held = {"_id": "notifications", "holder": IMPORT, "until": utcnow() + timedelta(hours=1)}
    services.db.leases.insert_one(held)
    wanted = [str(task) for task in _end_tasks(crew, tmp_path / "workers", alice)]
    _delete(crew, web, alice, wanted[:EACH])
    _deliver(crew, tmp_path / "workers", subscription.id)

    fired = Counter(line.split()[1] for line in _fired(tmp_path / "workers"))
    assert fired == dict.fromkeys(POINTS, EACH)
    ends = [body["data"]["task"]["id"] for body in hook.effects.values()]
    assert sorted(ends) == sorted(wanted)
    assert services.db.deliveries.count_documents({"state": "delivered"}) == TASKS
    assert not services.queries.noticed(1)
    print(f"{sum(fired.values()) + EACH} kills, {len(hook.received)} requests, {len(ends)} effects.")


def _end_tasks(crew: Fleet, tokens: Path, alice: Person) -> list[ObjectId]:
    """Let tasks end in worker processes of which some are killed right after."""
    tasks = [crew.submit("echo", params={"text": "x"}, owner=alice.id) for _ in range(TASKS)]
    for task in tasks[:EACH]:
        (tokens / "ended" / str(task.id)).touch()
    crew.start(2)
    for task in tasks:
        crew.ended(task, 120)
    return [task.id for task in tasks]


def _delete(crew: Fleet, web: Web, alice: Person, ids: list[str]) -> None:
    """Delete tasks over the API, by web processes that are killed meanwhile: later each time."""
    permissions = [Permission.TASK_READ, Permission.TASK_DELETE]
    _, token = crew.services.people.tokens.create(alice, "CI", timedelta(days=1), permissions)
    for number, task in enumerate(ids):
        serving = until(web.processes, 60)
        asking = threading.Thread(target=_ask, args=(web, token, task))
        asking.start()
        time.sleep(0.01 * number)
        for process in serving:
            os.kill(process, signal.SIGKILL)
        asking.join()
        assert until(lambda task=task: _ask(web, token, task) or None, 60) in (204, 404)  # type: ignore[misc]


def _ask(web: Web, token: str, task: str) -> int:
    """Return the status; 0 where the process was killed."""
    headers = {"Authorization": f"Bearer {token}"}
    with closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)) as connection:
        try:
            connection.request("DELETE", f"/api/v1/tasks/{task}", headers=headers)
            return connection.getresponse().status
        except LOST:
            return 0


def _deliver(crew: Fleet, tokens: Path, subscription: ObjectId) -> None:
    """Have everything delivered, while processes are killed at one place after the other."""
    db = crew.services.db
    noted = crew.services.queries.noticed(TASKS)
    made = [id_of(subscription, task.notices[0]["id"]) for task in noted]
    for point, ids in (
        ("notice_expanded", [task.id for task in noted[:EACH]]),
        ("delivering", made[EACH : 2 * EACH]),
        ("delivered", made[2 * EACH : 3 * EACH]),
    ):
        for one in ids:
            (tokens / point / str(one)).touch()
    free, taken = {"_id": "notifications"}, {"state": "pending", "attempts": {"$gt": 0}}
    at_once = {"next_at": utcnow() - timedelta(hours=1), "attempts": 1}
    looked, fired = 0.0, -1

    def told() -> bool:
        nonlocal looked, fired
        before, fired = fired, len(_fired(tokens))
        if fired != before or time.monotonic() - looked > FREED_EVERY_S:
            looked = time.monotonic()
            db.leases.delete_one(free)
            db.deliveries.update_many(taken, {"$set": at_once})
        return fired == EACH * len(POINTS) and not db.deliveries.count_documents({"state": "pending"})

    try:
        until(told, 240)
    except AssertionError:
        left = [sorted(path.name for path in (tokens / point).iterdir()) for point in POINTS]
        pending = list(db.deliveries.find({"state": "pending"}, {"body": 0}))
        noticed = len(crew.services.queries.noticed(TASKS))
        standing = (left, pending, list(db.leases.find()), noticed, utcnow())
        raise AssertionError(f"{standing}\n{crew.log.read_text()[-5_000:]}") from None


def _fired(tokens: Path) -> list[str]:
    path = tokens / "fired"
    return path.read_text().splitlines() if path.exists() else []
