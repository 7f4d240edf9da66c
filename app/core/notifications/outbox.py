"""From notes in tasks to deliveries: each note becomes one delivery per subscription that wants it.

Deliveries first, then the note is taken away, in a compare-and-set. A process that is killed in between
leaves the note, and the next one makes the same deliveries, which are there already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.failpoints import reach
from app.core.mongo import is_away
from app.core.notifications import message
from app.core.notifications.audience import Audience
from app.core.notifications.deliveries import Deliveries, id_of
from app.core.notifications.events import OF_STATUS, EventType
from app.core.notifications.subscription import Subscription
from app.core.notifications.subscriptions import Subscriptions
from app.core.tasks.queries import Queries
from app.core.tasks.states import Priority, Status
from app.core.tasks.store import Tasks
from app.core.tasks.task import Task

BATCH = 100
MOST_FAULTY = 1_000
FAILED = EventType.TASKS_FAILING.value.replace(".", "_")

log = logging.getLogger("app.core.notifications.outbox")


@dataclass
class Outbox:
    """Makes deliveries of what has happened; several processes may, and lose nothing but work."""

    tasks: Tasks
    queries: Queries
    subscriptions: Subscriptions
    deliveries: Deliveries
    audience: Audience
    _faulty: list[ObjectId] = field(default_factory=list)
    """Tasks whose notices could not be told: they are tried again by the next process, and block no other."""

    def empty(self) -> int:
        """Work off a batch of notes; returns how many tasks."""
        found = self.tasks.noted(BATCH, self._faulty)
        subscriptions = self.subscriptions.enabled() if found else []
        for task in found:
            try:
                self._tell(task, subscriptions)
            except Exception as error:
                if isinstance(error, PyMongoError) and is_away(error):
                    raise
                self._faulty = [*self._faulty, task.id][-MOST_FAULTY:]
                log.exception("Nobody can be told that task %s has ended.", task.id)
        return len(found)

    def tell_of(self, task_ids: Sequence[ObjectId]) -> None:
        """Make the deliveries of these tasks now, as they are about to be deleted."""
        found = self.tasks.noted_among(task_ids)
        subscriptions = self.subscriptions.enabled() if found else []
        for task in found:
            self._tell(task, subscriptions)

    def _tell(self, task: Task, subscriptions: Iterable[Subscription]) -> None:
        for note in task.notices:
            ended = message.at_end(task, note["status"], note)
            event = OF_STATUS[Status(note["status"])]
            for subscription in subscriptions:
                if subscription.wants(event, ended) and self._sees(subscription, task, event):
                    self._deliver(subscription, event, ended, note)
                if event is EventType.TASK_FAILED and subscription.wants(EventType.TASKS_FAILING, ended):
                    with suppress(NotFound):  # It was deleted a moment ago.
                        self._look_for_failures(subscription, task)
        reach("notice_expanded", task.id)
        self.tasks.told_of(task)

    def _sees(self, subscription: Subscription, task: Task, event: EventType) -> bool:
        named = subscription.id in task.notify
        return self.audience.sees(subscription.owner, task, {} if named else subscription.asked.filter)

    def _deliver(
        self, subscription: Subscription, event: EventType, task: Task, note: dict[str, Any]
    ) -> None:
        said = message.of_task(event, task, self.audience.name(task.owner), note["at"])
        self.deliveries.insert(id_of(subscription.id, note["id"]), subscription.id, subscription.owner, said)

    def _look_for_failures(self, subscription: Subscription, task: Task) -> None:
        """Tell of several failures, once for each span of ``minutes``."""
        asked, now = subscription.asked, utcnow()
        subscription = self.subscriptions.get(subscription.id)
        before = subscription.alerts.get(FAILED) or {"number": 0, "at": None}
        since = now - timedelta(minutes=asked.minutes)
        if (before["at"] and before["at"] > since) or not self._sees(
            subscription, task, EventType.TASKS_FAILING
        ):
            return
        query: dict[str, Any] = {
            "status": Status.FAILED.value,
            "priority": {"$in": [int(one) for one in Priority]},
        }
        if asked.types:
            query["type"] = {"$in": list(asked.types)}
        found = self.queries.find(
            {**query, "finished_at": {"$gte": since}}, [("finished_at", -1), ("_id", -1)], 10 * asked.count
        )
        failed = [one for one in found if subscription.wants(EventType.TASKS_FAILING, one)]
        failed = [one for one in failed if self._sees(subscription, one, EventType.TASKS_FAILING)]
        if len(failed) < asked.count:
            return
        self._tell_of_failures(subscription, failed[: asked.count], before["number"])

    def _tell_of_failures(self, subscription: Subscription, failed: list[Task], number: int) -> None:
        asked = subscription.asked
        said = {
            "count": asked.count,
            "minutes": asked.minutes,
            "tasks": [str(task.id) for task in failed[:20]],
            "types": sorted({task.type for task in failed}),
        }
        subject = f"{asked.count:,} tasks failed within {asked.minutes:,} minutes"
        told = message.of_condition(EventType.TASKS_FAILING, subject, said, utcnow())
        self.deliveries.insert(
            id_of(subscription.id, FAILED, number), subscription.id, subscription.owner, told
        )
        self.subscriptions.note_alert(
            subscription, EventType.TASKS_FAILING, {"number": number + 1, "at": utcnow()}
        )
