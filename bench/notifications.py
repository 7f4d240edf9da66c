"""What notifications cost the end of a task: without a subscription, with one of another, with its own.

Ends with and without the question whom to tell take turns; operations are commands that MongoDB was sent.

    python -m bench.notifications
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import monitoring

from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription, Scope
from app.core.people.roles import Role
from app.core.schema.indexes import create_indexes
from app.core.services import Services, connect
from app.core.tasks.states import Status
from app.core.tasks.store import Tasks
from app.core.tasks.task import NewTask
from app.local.servers import stores
from config import load

ROUNDS, EACH = 10, 20
BULK = 2_000


class Counter(monitoring.CommandListener):
    """Counts commands, of every connection of this process."""

    count = 0

    def started(self, event: Any) -> None:
        Counter.count += 1

    def succeeded(self, event: Any) -> None:
        """Nothing."""

    def failed(self, event: Any) -> None:
        """Nothing."""


def main() -> None:
    """Print a line per variant, then what a bulk action of many tasks costs the one who tells."""
    monitoring.register(Counter())
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as found:
        settings = {
            "MONGODB_URI": found.mongodb_uri,
            "REDIS_URL": found.redis_url,
            "ENVIRONMENT": "local",
            "MONGODB_TIMEOUT_MS": "20000",
        }
        services = connect(load({**settings, "SECRETS_KEY": "bench-only"}))
        create_indexes(services.db)
        try:
            _ends(services)
            _bulk(services)
        finally:
            services.close()


def _ends(services: Services) -> None:
    owner, other = ObjectId(), ObjectId()
    before = Tasks(services.db, services.tasks._retention, services.tasks._learn)
    took: dict[str, list[float]] = {}
    ops: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, whose in (("none", None), ("of another", other), ("wanted", owner)):
            services.db.subscriptions.delete_many({})
            if whose is not None:
                _subscribe(services, str(whose))
            services.subscriptions.enabled()
            _end(services, {f"before ({name})": before, name: services.tasks}, str(owner), took, ops)
    for variant, times in took.items():
        median, count = statistics.median(times) * 1e6, ops[variant] / len(times)
        print(f"{variant:20} {median:6,.0f} µs median, {count:.3f} operations, {len(times):,} ends")
    _alone(services)


def _end(
    services: Services, variants: dict[str, Tasks], owner: str,
    took: dict[str, list[float]], ops: dict[str, float],
) -> None:  # fmt: skip
    for _ in range(EACH):
        for name, tasks in variants.items():
            task = services.dispatch.submit(NewTask(type="x", params={}, title="x", owner=owner)).task
            taken = tasks.claim(task.id, task.dispatch, "worker")
            assert taken is not None
            commands, began = Counter.count, time.perf_counter()
            tasks.succeed(taken, None)
            took.setdefault(name, []).append(time.perf_counter() - began)
            ops[name] = ops.get(name, 0) + Counter.count - commands


def _alone(services: Services) -> None:
    """The question alone, without the store."""
    services.db.subscriptions.delete_many({})
    services.subscriptions.enabled()
    task = services.dispatch.submit(NewTask(type="x", params={}, title="x", owner="x")).task
    for count in (0, 1, 1_000):
        while len(services.subscriptions.enabled()) < count:
            _subscribe(services, str(ObjectId()))
        services.subscriptions.enabled()
        began = time.perf_counter()
        for _ in range(10_000):
            services.subscriptions.concern(task, Status.SUCCEEDED)
        print(f"asking, {count:5,} subscriptions of others: {(time.perf_counter() - began) * 100:.2f} µs")


def _subscribe(services: Services, owner: str, scope: Scope = Scope.OWN, **given: Any) -> None:
    asked = NewSubscription(
        "x", Channel.WEBHOOK, "http://127.0.0.1:9/", (EventType.TASK_SUCCEEDED,), scope, **given
    )
    services.subscriptions.create(owner, asked)


def _bulk(services: Services) -> None:
    services.db.subscriptions.delete_many({})
    services.db.tasks.delete_many({})
    user = services.people.users.add("Bench", Role.SUBMITTER)
    asked = NewSubscription(
        "x", Channel.WEBHOOK, "http://127.0.0.1:9/", (EventType.TASK_CANCELED,), filter={"tag": "night"}
    )
    services.subscriptions.create(user.id, asked)
    new = NewTask(type="x", params={}, title="x", owner=user.id, tags=("night",))
    first = services.db.tasks.find_one({"_id": services.dispatch.submit(new).task.id}) or {}
    ids = [ObjectId() for _ in range(BULK)]
    for start in range(0, BULK, 500):
        services.db.tasks.insert_many([{**first, "_id": one} for one in ids[start : start + 500]])
    for start in range(0, BULK, 100):
        services.tasks.cancel_many(ids[start : start + 100], "x")
    began, commands = time.perf_counter(), Counter.count
    while services.outbox.empty():
        pass
    took = time.perf_counter() - began
    made = services.db.deliveries.count_documents({})
    print(
        f"{BULK:,} ends by a bulk action: {made:,} deliveries in {took:.1f} s, "
        f"{(Counter.count - commands) / BULK:.3f} operations per task"
    )


if __name__ == "__main__":
    main()
