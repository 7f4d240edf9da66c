"""Sending deliveries: who takes which, how many at once, and what is written of it.

Each attempt has a thread, so a slow receiver delays nobody else: of one subscription a few are sent at once,
and after a failure none for a while. Any number of processes may send.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bson import ObjectId

from app.core.errors import NotFound
from app.core.failpoints import reach
from app.core.notifications.audience import Audience
from app.core.notifications.deliveries import RECEIVER_GONE, Attempt, Deliveries, Delivery, Why
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, Off, Subscription
from app.core.notifications.subscriptions import Subscriptions
from app.core.secrets.vault import CannotOpen

THREADS = 16
MOST_OF_ONE = 4
REST_S = 10.0
"""How long nothing is sent to a subscription after a failed attempt: what is dead would hold every thread."""

_OF_NO_RECEIVER = (Why.ACCEPTED, Why.GONE, Why.NOT_PERMITTED)
"""After these, the receiver can be asked again at once: it took the message, or was not asked."""

Send = Callable[[Subscription, Delivery], Attempt]

log = logging.getLogger("app.core.notifications.sending")


@dataclass
class Sender:
    """What one process sends."""

    subscriptions: Subscriptions
    deliveries: Deliveries
    audience: Audience
    channels: Mapping[Channel, Send]
    _sending: Counter[ObjectId] = field(default_factory=Counter)
    _rests: dict[ObjectId, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(self) -> int:
        """Begin to send what is due, as far as there is room; returns how many. Raises PyMongoError."""
        with self._lock:
            room, busy = THREADS - self._sending.total(), self._busy()
        begun = 0
        for delivery in self.deliveries.due(busy, room) if room > 0 else ():
            with self._lock:
                full = self._sending[delivery.subscription] >= MOST_OF_ONE
            if full or (taken := self.deliveries.take(delivery)) is None:
                continue
            reach("delivering", taken.id)
            begun += 1
            with self._lock:
                self._sending[taken.subscription] += 1
            threading.Thread(target=self._send, args=(taken,), name="delivery", daemon=True).start()
        return begun

    def _busy(self) -> list[ObjectId]:
        """Return the subscriptions to which nothing more is sent now."""
        now = time.monotonic()
        self._rests = {known: until for known, until in self._rests.items() if until > now}
        self._sending = +self._sending
        full = [known for known, count in self._sending.items() if count >= MOST_OF_ONE]
        return list({*full, *self._rests})

    def _send(self, delivery: Delivery) -> None:
        rests = True
        try:
            ended = self.attempt(delivery)
            rests = ended.why not in _OF_NO_RECEIVER
            reach("delivered", delivery.id)
            self.deliveries.settle(delivery, ended)
            self._consider(delivery, ended)
        except Exception as error:  # MongoDB is away, or a defect: it is sent again when the lease is over
            log.warning("Delivery %s could not be settled and is sent again: %s", delivery.id, error)
        finally:
            with self._lock:
                self._sending[delivery.subscription] -= 1
                if rests:
                    self._rests[delivery.subscription] = time.monotonic() + REST_S

    def _consider(self, delivery: Delivery, ended: Attempt) -> None:
        """Turn a subscription off that has no receiver any more, and end what waits for nobody."""
        if ended.why is Why.GONE:
            self.deliveries.give_up(delivery.subscription)
            return
        if ended.accepted or ended.why in _OF_NO_RECEIVER:
            return
        gone = ended.status == RECEIVER_GONE and ended.final
        dead = delivery.attempts >= delivery.allowed
        if not gone and (
            not dead or self.deliveries.accepted_since(delivery.subscription, delivery.created_at)
        ):
            return
        subscription = self.subscriptions.get(delivery.subscription)
        if self.subscriptions.turn_off(subscription, Off.GONE if gone else Off.DEAD):
            self.deliveries.give_up(subscription.id)
            log.warning("The subscription %s was turned off: its receiver takes nothing.", subscription.id)

    def attempt(self, delivery: Delivery) -> Attempt:
        """Send a delivery, unless it is for nobody any more."""
        try:
            subscription = self.subscriptions.get(delivery.subscription)
        except NotFound:
            return Attempt(Why.GONE, final=True)
        on = subscription.asked.enabled or delivery.event == EventType.TEST.value
        if not on or not self.audience.subscribes(subscription.owner):
            return Attempt(Why.GONE, final=True)
        if delivery.task and not self.audience.may_know(
            subscription.owner, delivery.of, private=delivery.private
        ):
            return Attempt(Why.NOT_PERMITTED, final=True)
        try:
            return self.channels[subscription.asked.channel](subscription, delivery)
        except CannotOpen as error:
            return Attempt(Why.NO_SECRET, excerpt=str(error))
        except Exception:
            log.exception("Delivery %s could not be sent.", delivery.id)
            return Attempt(Why.ERROR)
