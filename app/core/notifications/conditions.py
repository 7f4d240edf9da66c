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
from app.core.notifications.audience import Audience, concerned
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
        before = utcnow() - timedelta(minutes=subscription.asked.wait_minutes)
        late: Document = {"status": Status.QUEUED.value, "queued_at": {"$lt": before}}
        found = self._oldest(subscription, late, 1)
        if not found:
            return self._ceased(subscription, EventType.TASK_WAITING)
        task = found[0]
        name = self.audience.names([task.owner])[task.owner]
        said = message.of_task(EventType.TASK_WAITING, task, name, utcnow())
        return self._begun(subscription, EventType.TASK_WAITING, [WAITS], lambda _: said)

    def _unserved(self, subscription: Subscription) -> int:
        statuses = sorted(status.value for status in WAITING)
        unserved: Document = {
            "status": {"$in": statuses},
            "created_at": {"$lt": utcnow() - UNSERVED_AFTER},
            "type": {"$nin": sorted(self.served())},
        }
        missing = sorted({task.type for task in self._oldest(subscription, unserved, LOOKED_AT)})
        if not missing:
            return self._ceased(subscription, EventType.TYPE_UNSERVED)

        def said(new: list[str]) -> dict[str, Any]:
            subject = f"No online worker has {', '.join(new[:5])}{'' if len(new) <= 5 else ', …'}"
            return message.of_condition(EventType.TYPE_UNSERVED, subject, {"types": new}, utcnow())

        return self._begun(subscription, EventType.TYPE_UNSERVED, missing, said)

    def _oldest(self, subscription: Subscription, query: Document, limit: int) -> list[Task]:
        """Return the oldest tasks of a query that the subscription is for."""
        concern = concerned(self.audience, subscription)
        if concern is None:
            return []
        known: Document = {**query, "priority": {"$in": [int(one) for one in Priority]}}
        both: Document = {"$and": [known, concern]} if concern else known
        return self.queries.brief(both, [("created_at", 1), ("_id", 1)], limit)

    def _begun(
        self, subscription: Subscription, event: EventType, now: list[str],
        said: Callable[[list[str]], dict[str, Any]],
    ) -> int:  # fmt: skip
        known = _alert(subscription, event)
        new = [one for one in now if one not in known["told"]]
        if new:
            new_id = id_of(subscription.id, event.value, known["number"])
            self.deliveries.insert(new_id, subscription, said(new))
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
