"""What is looked for from time to time: tasks that wait for too long, and types that no worker has.

A condition is told when it begins to hold, and again only when it had ceased, or for another type. The
delivery is made first, under the number of the alert; then the subscription is counted up. So one that is
killed in between is told by the next process, and once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core.clock import utcnow
from app.core.mongo import Document
from app.core.notifications import message
from app.core.notifications.audience import Audience
from app.core.notifications.deliveries import Deliveries, id_of
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Subscription
from app.core.notifications.subscriptions import Subscriptions
from app.core.tasks.queries import Queries
from app.core.tasks.states import WAITING, Priority, Status
from app.core.tasks.task import Task

LOOKED_AT = 50
WAITS = "waits"
"""What is noted while some task waits for too long: the queue moves on, and not each of its tasks is news."""
UNSERVED_AFTER = timedelta(minutes=1)
"""Workers are replaced within seconds: only a type that is missing for longer is told of."""


@dataclass(frozen=True)
class Conditions:
    """``served`` returns the types that online workers have."""

    queries: Queries
    subscriptions: Subscriptions
    deliveries: Deliveries
    audience: Audience
    served: Callable[[], set[str]]

    def look(self) -> int:
        """Tell of conditions that have begun to hold; returns how many deliveries."""
        made = 0
        for subscription in self.subscriptions.enabled():
            if EventType.TASK_WAITING in subscription.asked.events:
                made += self._waiting(subscription)
            if EventType.TYPE_UNSERVED in subscription.asked.events:
                made += self._unserved(subscription)
        return made

    def _waiting(self, subscription: Subscription) -> int:
        minutes = subscription.asked.wait_minutes
        before = utcnow() - timedelta(minutes=minutes)
        found = self._first(subscription, EventType.TASK_WAITING, [Status.QUEUED.value], "queued_at", before)
        if not found:
            return self._ceased(subscription, EventType.TASK_WAITING)
        owner = self.audience.name(found[0].owner)
        said = message.of_task(EventType.TASK_WAITING, found[0], owner, utcnow())
        return self._begun(subscription, EventType.TASK_WAITING, [WAITS], lambda _: said)

    def _unserved(self, subscription: Subscription) -> int:
        served, before = self.served(), utcnow() - UNSERVED_AFTER
        statuses = sorted(status.value for status in WAITING)
        found = self._first(
            subscription, EventType.TYPE_UNSERVED, statuses, "created_at", before, {"$nin": sorted(served)}
        )
        missing = sorted({task.type for task in found})
        if not missing:
            return self._ceased(subscription, EventType.TYPE_UNSERVED)

        def said(new: list[str]) -> dict[str, Any]:
            subject = f"No online worker has {', '.join(new[:5])}{'' if len(new) <= 5 else ', …'}"
            return message.of_condition(EventType.TYPE_UNSERVED, subject, {"types": new}, utcnow())

        return self._begun(subscription, EventType.TYPE_UNSERVED, missing, said)

    def _first(
        self, subscription: Subscription, event: EventType, statuses: list[str], field: str, before: Any,
        types: Any = None,
    ) -> list[Task]:  # fmt: skip
        """Return the oldest waiting tasks that the subscription is for."""
        query: Document = {
            "status": {"$in": statuses},
            "priority": {"$in": [int(one) for one in Priority]},
            field: {"$lt": before},
        }
        if types is not None:
            query["type"] = types
        if subscription.asked.types:
            query["type"] = {**(types or {}), "$in": list(subscription.asked.types)}
        order = [("created_at", 1), ("_id", 1)]
        found = self.queries.find(query, order, LOOKED_AT)
        return [
            task
            for task in found
            if subscription.wants(event, task)
            and self.audience.sees(subscription.owner, task, subscription.asked.filter)
        ]

    def _begun(
        self, subscription: Subscription, event: EventType, now: list[str],
        said: Callable[[list[str]], dict[str, Any]],
    ) -> int:  # fmt: skip
        known = _alert(subscription, event)
        new = [one for one in now if one not in known["told"]]
        if new:
            new_id = id_of(subscription.id, event.value, known["number"])
            self.deliveries.insert(new_id, subscription.id, subscription.owner, said(new))
        if now != known["told"]:
            told = {"number": known["number"] + bool(new), "told": now}
            self.subscriptions.note_alert(subscription, event, told)
        return int(bool(new))

    def _ceased(self, subscription: Subscription, event: EventType) -> int:
        known = _alert(subscription, event)
        if known["told"]:
            self.subscriptions.note_alert(subscription, event, {**known, "told": []})
        return 0


def _alert(subscription: Subscription, event: EventType) -> Document:
    return subscription.alerts.get(event.value.replace(".", "_")) or {"number": 0, "told": []}
