"""The collection `subscriptions`: every change is a compare-and-set on its version.

Secrets of webhooks and addresses of chats are sealed by the vault and bound to their subscription. While a
former secret is valid, after a rotation, deliveries have a signature by each.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Changed, Conflict, NotFound
from app.core.mongo import Document, Mongo
from app.core.notifications.channels import signature
from app.core.notifications.events import OF_STATUS, EventType
from app.core.notifications.subscription import (
    Channel,
    NewSubscription,
    Off,
    Scope,
    Subscription,
    read,
    shown,
    written,
)
from app.core.secrets.rotation import Rotation
from app.core.secrets.vault import CannotOpen, Vault
from app.core.tasks.states import Status
from app.core.tasks.task import Task

MOST = 50
"""Subscriptions of a person."""
MOST_LISTED = 2_000
FORMER_SECRET = timedelta(hours=24)
"""How long a secret is valid after its rotation."""
KNOWN_S = 2.0
"""A process knows of a new subscription after so long at most."""
MISSING = "This subscription doesn't exist. It may have been deleted."
CHANGED = "The subscription was changed meanwhile. Reload the page and try again."


@dataclass
class _Known:
    """Subscriptions by whose tasks they are for: that a task ends costs little, however many there are."""

    own: dict[str, list[Subscription]] = field(default_factory=dict)
    others: list[Subscription] = field(default_factory=list)

    @classmethod
    def of(cls, subscriptions: list[Subscription]) -> _Known:
        known = cls()
        for found in subscriptions:
            of_any = found.asked.scope is Scope.ANY
            (known.others if of_any else known.own.setdefault(found.owner, [])).append(found)
        return known

    def __bool__(self) -> bool:
        return bool(self.own or self.others)

    def concern(self, task: Task, status: Status) -> bool:
        event, failing = OF_STATUS[status], status is Status.FAILED
        return any(
            found.wants(event, task) or (failing and found.wants(EventType.TASKS_FAILING, task))
            for found in (*self.own.get(task.owner, ()), *self.others)
        )


class Subscriptions:
    """Who is told of what."""

    def __init__(self, db: Mongo, vault: Vault) -> None:
        self._subscriptions, self._vault = db.subscriptions, vault
        self._known = (float("-inf"), _Known())
        self._lock = threading.Lock()

    # People

    def get(self, subscription_id: ObjectId | None, owner: str | None = None) -> Subscription:
        """Return a subscription, of this owner where one is given. Raises NotFound."""
        query: Document = {"_id": subscription_id} | ({} if owner is None else {"owner": owner})
        found = self._read([document] if (document := self._subscriptions.find_one(query)) else [])
        if not found:
            raise NotFound(MISSING)
        return found[0]

    def of_owner(self, owner: str | None) -> list[Subscription]:
        """Return the subscriptions of a person, or of everybody, the newest first."""
        query: Document = {} if owner is None else {"owner": owner}
        return self._read(self._subscriptions.find(query).sort([("_id", -1)]).limit(MOST_LISTED))

    def create(self, owner: str, asked: NewSubscription) -> tuple[Subscription, str]:
        """Create a subscription; returns it and its secret, which is shown once; empty but for a webhook.

        Raises Invalid; Conflict where the person has too many; CannotOpen where there is no key to seal with.
        """
        asked = asked.checked()
        if self._subscriptions.count_documents({"owner": owner}, limit=MOST) >= MOST:
            raise Conflict(f"You have {MOST} subscriptions, the most allowed. Delete one first.")
        new_id, secret, secrets = ObjectId(), "", []
        if asked.channel is Channel.WEBHOOK:
            secret = signature.new_secret()
            secrets = [self._sealed(secret, new_id)]
        elif asked.channel.chat:
            asked, secrets = self._address_sealed(asked, new_id)
        document = {"_id": new_id, "owner": owner, "version": 1, "created_at": utcnow(), **written(asked)}
        self._subscriptions.insert_one({**document, "secrets": secrets, "alerts": {}})
        return self.get(new_id), secret

    def change(self, subscription: Subscription, asked: NewSubscription) -> Subscription:
        """Change what `Subscription.changed_to` lets. Raises Invalid, Changed, NotFound, CannotOpen."""
        asked = subscription.changed_to(asked)
        values: Document = {"off": None, "dropped": 0, "dropped_at": None}
        if asked.channel.chat and asked.address != subscription.asked.address:
            asked, values["secrets"] = self._address_sealed(asked, subscription.id)
        return self._set(subscription, {**written(asked), **values})

    def _address_sealed(
        self, asked: NewSubscription, subscription_id: ObjectId
    ) -> tuple[NewSubscription, list[Document]]:
        """Return what is stored of the subscription of a chat: its address as it is shown, and sealed."""
        as_shown = replace(asked, address=shown(asked.channel, asked.address))
        return as_shown, [self._sealed(asked.address, subscription_id)]

    def _sealed(self, secret: str, subscription_id: ObjectId) -> Document:
        return {"sealed": self._vault.seal(secret, _place(subscription_id)), "until": None}

    def rotate(self, subscription: Subscription) -> tuple[Subscription, str]:
        """Give a webhook a new secret; the former is valid for `FORMER_SECRET`. Raises Conflict, NotFound."""
        if subscription.asked.channel is not Channel.WEBHOOK:
            raise Conflict("Only webhooks have a secret.")
        secret = signature.new_secret()
        newest = self._sealed(secret, subscription.id)
        former = [{**known, "until": utcnow() + FORMER_SECRET} for known in subscription.secrets[:1]]
        return self._set(subscription, {"secrets": [newest, *former]}), secret

    def _set(self, subscription: Subscription, values: Document) -> Subscription:
        guard = {"_id": subscription.id, "version": subscription.version}
        update = {"$set": {**values, "version": subscription.version + 1}}
        if not self._subscriptions.update_one(guard, update).matched_count:
            raise self._moved(subscription)
        return self.get(subscription.id)

    def delete(self, subscription: Subscription, *, as_read: bool = False) -> None:
        """Delete a subscription; with ``as_read``, only as it was read. Raises Changed, NotFound."""
        guard = {"_id": subscription.id} | ({"version": subscription.version} if as_read else {})
        if not self._subscriptions.delete_one(guard).deleted_count:
            raise self._moved(subscription)

    def _moved(self, subscription: Subscription) -> Changed | NotFound:
        there = self._subscriptions.find_one({"_id": subscription.id}, {"_id": 1})
        return Changed(CHANGED) if there else NotFound(MISSING)

    # What sends

    def secrets(self, subscription: Subscription) -> list[str]:
        """Return the secrets that are valid now, the newest first. Raises CannotOpen."""
        valid = [known for known in subscription.secrets if _lasts(known)]
        return [self._vault.open(known["sealed"], _place(subscription.id)) for known in valid]

    def address(self, subscription: Subscription) -> str:
        """Return where messages are sent. Raises CannotOpen."""
        if not subscription.asked.channel.chat:
            return subscription.asked.address
        return next(iter(self.secrets(subscription)), "")

    def enabled(self) -> list[Subscription]:
        """Return all that are on, as they are now."""
        found = self._read(self._subscriptions.find({"enabled": True}))
        self._known = (time.monotonic(), _Known.of(found))
        return found

    def turn_off(self, subscription: Subscription, why: Off) -> bool:
        """Turn a subscription off by itself; False where it was changed meanwhile."""
        try:
            self._set(subscription, {"enabled": False, "off": why.value})
        except (Conflict, NotFound):
            return False
        return True

    def note_dropped(self, subscription: Subscription, count: int) -> None:
        """Count messages for which there was no room."""
        update = {"$inc": {"dropped": count}, "$set": {"dropped_at": utcnow()}}
        self._subscriptions.update_one({"_id": subscription.id}, update)

    def note_alert(self, subscription: Subscription, event: EventType, told: Document) -> bool:
        """Write that it was told of a condition; False where another process did, or it was changed."""
        name = f"alerts.{event.value.replace('.', '_')}"
        guard = {"_id": subscription.id, name: subscription.alerts.get(event.value.replace(".", "_"))}
        return bool(self._subscriptions.update_one(guard, {"$set": {name: told}}).matched_count)

    # Keys

    def rotate_keys(self, done: Rotation, *, dry_run: bool = False) -> None:
        """Seal again what is not under the first key, and count it in ``done``; a dry run only counts."""
        for subscription in self._read(self._subscriptions.find()):
            counted, after = Rotation(), []
            for known in subscription.secrets:
                sealed = self._sealed_again(known["sealed"], subscription.id, counted)
                after.append({**known, "sealed": sealed})
            if counted.renewed and not dry_run:
                guard = {"_id": subscription.id, "secrets": list(subscription.secrets)}
                if not self._subscriptions.update_one(guard, {"$set": {"secrets": after}}).matched_count:
                    continue  # It was rotated meanwhile, so under the first key, or deleted.
            done.add(counted)

    def _sealed_again(self, token: str, subscription_id: ObjectId, counted: Rotation) -> str:
        place = _place(subscription_id)
        try:
            if self._vault.is_current(token):
                counted.current += 1
                return token
            sealed = self._vault.seal(self._vault.open(token, place), place)
        except (CannotOpen, IndexError):
            counted.unreadable += 1
            return token
        counted.renewed += 1
        return sealed

    # What ends tasks

    def concern(self, task: Task | None, status: Status) -> bool:
        """Return whether somebody may want to be told that a task came into this final status.

        Without a task, whether anybody wants to be told of anything. Read from MongoDB every `KNOWN_S` at
        most, except where the answer would be No without a task. Where MongoDB does not say, they may.
        """
        if task is not None and task.notify:
            return True
        try:
            known = self._lately()
            if task is None:
                return bool(known or self.enabled())
        except PyMongoError:
            return True
        return known.concern(task, status)

    def _lately(self) -> _Known:
        with self._lock:
            if time.monotonic() - self._known[0] >= KNOWN_S:
                self.enabled()
            return self._known[1]

    def _read(self, documents: Any) -> list[Subscription]:
        return list(stored.readable("subscription", read, documents))


def _lasts(secret: Document) -> bool:
    return secret.get("until") is None or utcnow() < secret["until"]


def _place(subscription_id: ObjectId) -> str:
    """Return what a sealed secret is bound to."""
    return f"subscription:{subscription_id}"
