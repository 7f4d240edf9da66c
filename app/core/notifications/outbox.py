"""From notes in tasks to deliveries: each note becomes one delivery per subscription that wants it.

Deliveries first, then the note is taken away, in a compare-and-set. A process that is killed in between
leaves the note, and the next one makes the same deliveries, which are there already. A batch of tasks costs
each subscription a few queries, however many tasks there are: a bulk action may end thousands at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.failpoints import reach
from app.core.mongo import Document, is_away
from app.core.notifications import message
from app.core.notifications.audience import Audience, concerned
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
AGAIN_S = 600.0
"""After so long a notice that could not be told is tried again: what refused it may have been a moment's."""
FAILED = EventType.TASKS_FAILING.value.replace(".", "_")

log = logging.getLogger("app.core.notifications.outbox")


@dataclass(frozen=True)
class _End:
    """An end of a task; ``task`` is as it was then. ``note`` is the ID of the note."""

    note: ObjectId
    at: datetime
    event: EventType
    task: Task


@dataclass
class Outbox:
    """Makes deliveries of what has happened; several processes may, and lose nothing but work."""

    tasks: Tasks
    queries: Queries
    subscriptions: Subscriptions
    deliveries: Deliveries
    audience: Audience
    _faulty: dict[ObjectId, float] = field(default_factory=dict)
    """Tasks whose notices could not be told, and when: they are tried again later, and block no other."""

    def empty(self) -> int:
        """Work off a batch of notes; returns how many tasks."""
        since = time.monotonic() - AGAIN_S
        self._faulty = {task: at for task, at in self._faulty.items() if at > since}
        found = self.queries.noticed(BATCH, list(self._faulty))
        self._tell(found)
        return len(found)

    def tell_of(self, task_ids: Sequence[ObjectId]) -> None:
        """Make the deliveries of these tasks now, as they are about to be deleted."""
        self._tell(self.queries.noticed_among(task_ids))

    def _tell(self, tasks: Sequence[Task]) -> None:
        """Make the deliveries of tasks; where that fails, of each by itself."""
        if not tasks:
            return
        subscriptions = self.subscriptions.enabled()
        try:
            self._tell_at_once(tasks, subscriptions)
        except Exception as error:
            if isinstance(error, PyMongoError) and is_away(error):
                raise
            for task in tasks:
                self._tell_alone(task, subscriptions)

    def _tell_alone(self, task: Task, subscriptions: Sequence[Subscription]) -> None:
        try:
            self._tell_at_once([task], subscriptions)
        except Exception as error:
            if isinstance(error, PyMongoError) and is_away(error):
                raise
            self._faulty[task.id] = time.monotonic()
            if len(self._faulty) > MOST_FAULTY:
                del self._faulty[next(iter(self._faulty))]
            log.exception("Nobody can be told that task %s has ended.", task.id)

    def _tell_at_once(self, tasks: Sequence[Task], subscriptions: Sequence[Subscription]) -> None:
        ends = [_end(task, note) for task in tasks for note in task.notices]
        names = self.audience.names({task.owner for task in tasks})
        for subscription in subscriptions:
            wanted = [end for end in ends if subscription.wants(end.event, end.task)]
            if wanted:
                self._deliver(subscription, self._seen(subscription, wanted), names)
            if any(self._may_be_of_many(subscription, end) for end in ends):
                with suppress(NotFound):  # It was deleted a moment ago.
                    self._look_for_failures(subscription)
        for task in tasks:
            reach("notice_expanded", task.id)
        self.tasks.forget_notices(tasks)

    def _seen(self, subscription: Subscription, ends: Sequence[_End]) -> list[_End]:
        """Return the ends of tasks that its owner may know of now, and its filter matches.

        Who named it in a task asked for that task: its filter doesn't count there.
        """
        named = {end.task.id for end in ends if subscription.id in end.task.notify}
        others = {end.task.id for end in ends} - named
        seen: set[ObjectId] = set()
        for ids, wanted in ((named, {}), (others, subscription.asked.filter)):
            if ids:
                seen |= self._matching(subscription.owner, ids, wanted)
        return [end for end in ends if end.task.id in seen]

    def _matching(self, owner: str, ids: set[ObjectId], wanted: Mapping[str, str]) -> set[ObjectId]:
        visible = self.audience.visible(owner, wanted)
        if visible is None:
            return set()
        query: Document = {"_id": {"$in": list(ids)}}
        return self.queries.ids({"$and": [query, visible]} if visible else query)

    def _deliver(self, subscription: Subscription, ends: Sequence[_End], names: Mapping[str, str]) -> None:
        made = {
            id_of(subscription.id, end.note): message.of_task(
                end.event, end.task, names.get(end.task.owner, end.task.owner), end.at
            )
            for end in ends
        }
        dropped = self.deliveries.insert_many(subscription, made)
        if dropped:
            self.subscriptions.note_dropped(subscription, dropped)

    # Several failures

    def _may_be_of_many(self, subscription: Subscription, end: _End) -> bool:
        failed = end.event is EventType.TASK_FAILED
        return failed and subscription.wants(EventType.TASKS_FAILING, end.task)

    def _look_for_failures(self, subscription: Subscription) -> None:
        """Tell of several failures, once for each span of ``minutes``."""
        asked, now = subscription.asked, utcnow()
        subscription = self.subscriptions.get(subscription.id)
        before = subscription.alerts.get(FAILED) or {"number": 0, "at": None}
        since = now - timedelta(minutes=asked.minutes)
        if before["at"] and before["at"] > since:
            return
        concern = concerned(self.audience, subscription)
        if concern is None:
            return
        failures: Document = {
            "status": Status.FAILED.value,
            "priority": {"$in": [int(one) for one in Priority]},
            "finished_at": {"$gte": since},
        }
        query = {"$and": [failures, concern]} if concern else failures
        failed = self.queries.brief(query, [("finished_at", -1), ("_id", -1)], asked.count)
        if len(failed) == asked.count:
            self._tell_of_failures(subscription, failed, before["number"])

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
        self.deliveries.insert(id_of(subscription.id, FAILED, number), subscription, told)
        self.subscriptions.note_alert(
            subscription, EventType.TASKS_FAILING, {"number": number + 1, "at": utcnow()}
        )


def _end(task: Task, note: Mapping[str, Any]) -> _End:
    """Raise ValueError or KeyError for a status that is not final."""
    event = OF_STATUS[Status(note["status"])]
    return _End(note["id"], note["at"], event, message.at_end(task, note["status"], note))
