"""The collection `deliveries`: each is a message to one subscription, until it was accepted or given up.

Its ID is made from what it tells, so the same thing told twice is one delivery, whichever process does it and
however often it is killed in between. To send, a process takes a delivery: `next_at` moves behind the lease
and `attempts` counts up, in one compare-and-set; every write after it names that attempt.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import Conflict, NotFound
from app.core.listing.cursors import beyond, encode
from app.core.mongo import Document, Mongo
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Subscription

LEASE = timedelta(seconds=90)
"""Longer than any attempt; then another process may send it."""
FIRST_S, LONGEST_S = 5.0, 6 * 3600.0
MOST_ATTEMPTS = 14
"""With the waits between them, a receiver may be away for one to two days."""
RECEIVER_GONE = 410
"""The receiver of a webhook wants no more of it, ever (RFC 9110, 15.5.11)."""
KEPT = timedelta(days=30)
KEPT_ATTEMPTS = 20
PAGE_SIZE = 25
DUE_AT_ONCE = 20
MOST_PENDING = 10_000
"""Of one subscription; what comes on top is dropped and counted, so that one dead receiver fills no disk."""
MOST_MAILS, MAILS_WITHIN = 100, timedelta(hours=1)
"""Of one subscription: who sends thousands to a mailbox is blocked by its provider."""
DUPLICATE = 11000
PRUNE_S, PRUNED_AT_ONCE = 2.0, 500


class DeliveryState(str, Enum):
    """What became of a delivery; the value is what MongoDB holds."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Why(str, Enum):
    """How an attempt ended; the value is what MongoDB holds."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The receiver answered, but not with a status from 200 to 299."""
    NOT_ALLOWED = "not_allowed"
    """The address leads to where this server may not go."""
    NO_ANSWER = "no_answer"
    NO_SECRET = "no_secret"  # noqa: S105 - a code
    NO_MAIL_SERVER = "no_mail_server"
    GONE = "gone"
    """The subscription is deleted or off, or its owner may not have subscriptions any more."""
    NOT_PERMITTED = "not_permitted"
    """Its owner may not know of the task any more."""
    ERROR = "error"


@dataclass(frozen=True)
class Attempt:
    """How an attempt to send ended. ``final``: another one would end the same."""

    why: Why
    status: int | None = None
    duration_ms: int = 0
    excerpt: str = ""
    final: bool = False
    retry_after_s: float | None = None

    @property
    def accepted(self) -> bool:
        return self.why is Why.ACCEPTED


@dataclass(frozen=True)
class Delivery:
    """A delivery as MongoDB holds it. ``body`` is exactly what is sent, by every attempt.

    ``tries`` are its last attempts. ``task`` is the one that it is about, if any, ``of`` its owner.
    """

    id: ObjectId
    subscription: ObjectId
    owner: str
    event: str
    subject: str
    body: str
    created_at: datetime
    state: DeliveryState
    attempts: int
    allowed: int = MOST_ATTEMPTS
    next_at: datetime | None = None
    over_at: datetime | None = None
    task: ObjectId | None = None
    of: str = ""
    private: bool = False
    tries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def message_id(self) -> str:
        """What a receiver knows it by, in every attempt: the header `webhook-id`."""
        return f"msg_{self.id}"


_TRY = stored.shaped(
    {"at": stored.is_time, "why": stored.is_name},
    {"status": stored.maybe(stored.is_count), "duration_ms": stored.is_count, "excerpt": stored.is_text},
)
_REQUIRED: dict[str, stored.Check] = {
    **dict.fromkeys(("_id", "subscription"), stored.is_id),
    **dict.fromkeys(("owner", "event", "body"), stored.is_name),
    "subject": stored.is_text,
    "created_at": stored.is_time,
    "state": stored.one_of(*(state.value for state in DeliveryState)),
    "attempts": stored.is_count,
}
_OPTIONAL: dict[str, stored.Check] = {
    "allowed": stored.is_count,
    **dict.fromkeys(("next_at", "over_at"), stored.maybe(stored.is_time)),
    "task": stored.maybe(stored.is_id),
    "of": stored.is_text,
    "private": stored.is_flag,
    "tries": stored.list_of(_TRY),
}


def _delivery(document: Document) -> Delivery:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    values["state"] = DeliveryState(values["state"])
    return Delivery(id=values.pop("_id"), **values)


def _new(new_id: ObjectId, subscription: Subscription, message: Mapping[str, Any]) -> Document:
    now = utcnow()
    return {
        "_id": new_id, "subscription": subscription.id, "owner": subscription.owner, **message,
        "created_at": now, "next_at": now, "state": DeliveryState.PENDING.value, "attempts": 0,
        "allowed": MOST_ATTEMPTS, "tries": [],
    }  # fmt: skip


def backoff_s(attempts: int) -> float:
    """Seconds to wait after so many attempts: three times as long each time, half of it at random, so that
    receivers that come back are not asked by all at once."""
    longest = min(LONGEST_S, FIRST_S * 3.0 ** (attempts - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - no secret


def id_of(*parts: object) -> ObjectId:
    """Return the ID of the delivery that tells this."""
    return ObjectId(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:12])


@dataclass(frozen=True)
class DeliveriesPage:
    """Deliveries, the newest first; ``next`` is empty where there is nothing further."""

    deliveries: list[Delivery]
    next: str = ""


class Deliveries:
    """Every write but the first is a compare-and-set."""

    def __init__(self, db: Mongo) -> None:
        self._deliveries = db.deliveries

    def insert(self, new_id: ObjectId, subscription: Subscription, message: Mapping[str, Any]) -> bool:
        """Make a delivery durable; False where it was already. ``message`` is of `message`."""
        try:
            self._deliveries.insert_one(_new(new_id, subscription, message))
        except DuplicateKeyError:
            return False
        return True

    def insert_many(self, subscription: Subscription, messages: Mapping[ObjectId, Mapping[str, Any]]) -> int:
        """Make deliveries durable, by ID, as far as there is room; returns how many were dropped."""
        new = [_new(new_id, subscription, said) for new_id, said in messages.items()]
        taken = new[: self._room(subscription, len(new))]
        try:
            if taken:
                self._deliveries.insert_many(taken, ordered=False)
        except BulkWriteError as error:
            if any(wrong.get("code") != DUPLICATE for wrong in error.details.get("writeErrors", ())):
                raise
        return len(new) - len(taken)

    def _room(self, subscription: Subscription, wanted: int) -> int:
        """Return how many more deliveries a subscription may have, ``wanted`` at most."""
        pending = {"subscription": subscription.id, "state": DeliveryState.PENDING.value}
        room = MOST_PENDING - int(self._deliveries.count_documents(pending, limit=MOST_PENDING))
        if subscription.asked.channel.read_by_people:
            lately = {"subscription": subscription.id, "created_at": {"$gt": utcnow() - MAILS_WITHIN}}
            room = min(room, MOST_MAILS - int(self._deliveries.count_documents(lately, limit=MOST_MAILS)))
        return max(0, min(room, wanted))

    def get(self, delivery_id: ObjectId | None, owner: str | None = None) -> Delivery:
        """Return a delivery, of this owner where one is given. Raises NotFound."""
        query: Document = {"_id": delivery_id} | ({} if owner is None else {"owner": owner})
        document = self._deliveries.find_one(query)
        found = list(stored.readable("delivery", _delivery, [document] if document else []))
        if not found:
            raise NotFound(f"This delivery doesn't exist. Deliveries are kept for {KEPT.days} days.")
        return found[0]

    def page(
        self, owner: str | None, subscription: ObjectId | None = None, after: str = "", size: int = PAGE_SIZE
    ) -> DeliveriesPage:
        """Return deliveries of a person or a subscription. Raises BadQuery for an invalid cursor."""
        query: Document = {} if owner is None else {"owner": owner}
        if subscription is not None:
            query["subscription"] = subscription
        if after:
            query.update(beyond("created_at", True, after, {}))
        found = list(self._deliveries.find(query).sort([("created_at", -1), ("_id", -1)]).limit(size + 1))
        read = list(stored.readable("delivery", _delivery, found[:size]))
        more = len(found) > size and bool(read)
        return DeliveriesPage(read, encode(read[-1], "created_at") if more else "")

    # What sends

    def due(self, but: Collection[ObjectId] = (), limit: int = DUE_AT_ONCE) -> list[Delivery]:
        """Return what is due, the longest first, without the deliveries of some subscriptions."""
        query: Document = {"state": DeliveryState.PENDING.value, "next_at": {"$lte": utcnow()}}
        if but:
            query["subscription"] = {"$nin": list(but)}
        found = self._deliveries.find(query).sort([("next_at", 1)]).batch_size(limit + 1)
        return list(islice(stored.readable("delivery", _delivery, found), limit))

    def take(self, delivery: Delivery) -> Delivery | None:
        """Begin an attempt; None where another process has, or it is over."""
        values = {"next_at": utcnow() + LEASE, "attempts": delivery.attempts + 1}
        taken = self._deliveries.update_one(self._guard(delivery), {"$set": values})
        return self.get(delivery.id) if taken.matched_count else None

    def settle(self, delivery: Delivery, ended: Attempt) -> bool:
        """Write how the attempt ended, and when the next one is; False where it was another's by now."""
        now = utcnow()
        tried = {
            "at": now, "why": ended.why.value, "status": ended.status,
            "duration_ms": ended.duration_ms, "excerpt": ended.excerpt,
        }  # fmt: skip
        over = ended.accepted or ended.final or delivery.attempts >= delivery.allowed
        state = DeliveryState.DELIVERED if ended.accepted else DeliveryState.FAILED
        wait_s = max(backoff_s(delivery.attempts), ended.retry_after_s or 0.0)
        values: Document = {"next_at": now + timedelta(seconds=wait_s)}
        if over:
            values = {"state": state.value, "over_at": now, "next_at": None}
        update = {"$set": values, "$push": {"tries": {"$each": [tried], "$slice": -KEPT_ATTEMPTS}}}
        return bool(self._deliveries.update_one(self._guard(delivery), update).matched_count)

    def give_up(self, subscription: ObjectId) -> int:
        """End all that is pending of a subscription that is off or deleted; returns how many."""
        now = utcnow()
        tried = {"at": now, "why": Why.GONE.value, "status": None, "duration_ms": 0, "excerpt": ""}
        pending = {
            "subscription": subscription, "state": DeliveryState.PENDING.value,
            "event": {"$ne": EventType.TEST.value},
        }  # fmt: skip
        values = {"state": DeliveryState.FAILED.value, "over_at": now, "next_at": None}
        update = {"$set": values, "$push": {"tries": {"$each": [tried], "$slice": -KEPT_ATTEMPTS}}}
        return int(self._deliveries.update_many(pending, update).modified_count)

    def accepted_since(self, subscription: ObjectId, since: datetime) -> bool:
        """Return whether a receiver has accepted anything since then."""
        accepted = {"state": DeliveryState.DELIVERED.value, "over_at": {"$gte": since}}
        return self._deliveries.find_one({"subscription": subscription, **accepted}, {"_id": 1}) is not None

    def _guard(self, delivery: Delivery) -> Document:
        return {"_id": delivery.id, "state": DeliveryState.PENDING.value, "attempts": delivery.attempts}

    # People

    def send_again(self, delivery: Delivery) -> Delivery:
        """Have a delivery sent at once, as it is. Raises Conflict where it is being sent."""
        guard: Document = {
            "_id": delivery.id,
            "state": delivery.state.value,
            "attempts": delivery.attempts,
        }
        if delivery.state is DeliveryState.PENDING and delivery.next_at and delivery.attempts:
            guard["next_at"] = delivery.next_at
        values = {
            "state": DeliveryState.PENDING.value, "next_at": utcnow(), "over_at": None,
            "allowed": max(delivery.allowed, delivery.attempts + MOST_ATTEMPTS),
        }  # fmt: skip
        if not self._deliveries.update_one(guard, {"$set": values}).matched_count:
            raise Conflict("This delivery is being sent. Reload the page.")
        return self.get(delivery.id)

    # Maintenance

    def prune(self) -> int:
        """Delete deliveries that have been over for `KEPT`, the oldest first; returns how many."""
        until, gone = time.monotonic() + PRUNE_S, 0
        past = {"over_at": {"$gte": stored.EARLIEST, "$lt": utcnow() - KEPT}}
        while True:
            found = self._deliveries.find(past, {"_id": 1}).sort([("over_at", 1)]).limit(PRUNED_AT_ONCE)
            ids = [document["_id"] for document in found]
            if ids:
                gone += self._deliveries.delete_many({**past, "_id": {"$in": ids}}).deleted_count
            if len(ids) < PRUNED_AT_ONCE or time.monotonic() >= until:
                return gone
