"""Subscriptions and deliveries by the rights of a person: their own, or everybody's for administrators.

`Subscribers` answers what `app.core.notifications` asks: who is told of what, by the rights they have now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bson import ObjectId

from app.core.access.rights import Rights
from app.core.clock import utcnow
from app.core.errors import BadQuery, Changed, Forbidden, Invalid, QuotaExceeded
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Listing
from app.core.mongo import Document
from app.core.notifications import message
from app.core.notifications.deliveries import Deliveries, DeliveriesPage, Delivery, id_of
from app.core.notifications.events import EventType
from app.core.notifications.mail_domains import allowed_domains, refusal
from app.core.notifications.subscription import Channel, NewSubscription, Scope, Subscription
from app.core.notifications.subscriptions import CHANGED, Subscriptions
from app.core.people.audit import Event
from app.core.people.people import People
from app.core.people.person import Origin
from app.core.people.quotas import Rates
from app.core.people.roles import Permission, Reach, grants_of
from config import Settings

SENT_PER_MINUTE, MINUTE_S = 30, 60
"""How often a person may press Send test and Send again."""
MANAGE = Permission.NOTIFICATION_MANAGE
HIDDEN = "A task that you may not view any more"
NOT_SENT = "You don't have permission to view the task of this delivery, so it isn't sent again."
TOO_NARROW = (
    "This token may read fewer tasks than its owner. "
    "Use a token that may read all of them, or subscribe to your own tasks only."
)


@dataclass(frozen=True)
class Notifications:
    """What a person is told of, and what became of it."""

    _settings: Settings
    _subscriptions: Subscriptions
    _deliveries: Deliveries
    _rights: Rights
    _rates: Rates

    # Subscriptions

    @property
    def for_everybody(self) -> bool:
        """Whether the person may see and delete what others have subscribed to."""
        return self._rights.person.grants.get(MANAGE) is Reach.ANY

    def all(self, *, everybody: bool = False) -> list[Subscription]:
        """Return the person's subscriptions, or everybody's, newest first. Raises Forbidden."""
        self._rights.require(MANAGE)
        if everybody and not self.for_everybody:
            raise self._rights.refused(MANAGE)
        return self._subscriptions.of_owner(None if everybody else self._rights.person.id)

    def get(self, subscription_id: ObjectId | None) -> Subscription:
        """Raises Forbidden, NotFound."""
        self._rights.require(MANAGE)
        owner = None if self.for_everybody else self._rights.person.id
        return self._subscriptions.get(subscription_id, owner)

    def mine(self, subscription_id: ObjectId | None) -> Subscription:
        """Return a subscription of the person's own, to change. Raises Forbidden, NotFound."""
        self._rights.require(MANAGE)
        return self._subscriptions.get(subscription_id, self._rights.person.id)

    def create(self, asked: NewSubscription) -> tuple[Subscription, str]:
        """Return a new subscription and its secret, which is shown once.

        Raises Forbidden, Invalid, Conflict, CannotOpen.
        """
        self._require_readable(asked)
        self._require_mailable(asked)
        subscription, secret = self._subscriptions.create(self._rights.person.id, asked)
        self._record(Event.SUBSCRIPTION_CREATE, subscription, after=_described(subscription))
        return subscription, secret

    def change(
        self, subscription_id: ObjectId | None, asked: NewSubscription, version: int | None = None
    ) -> Subscription:
        """Raises Forbidden, NotFound, Invalid; Changed where it is not at ``version`` any more."""
        before = self.mine(subscription_id)
        self._require_readable(asked)
        if version is not None and version != before.version:
            raise Changed(CHANGED)
        self._require_mailable(replace(asked, channel=before.asked.channel))
        after = self._subscriptions.change(before, asked)
        self._record(Event.SUBSCRIPTION_CHANGE, after, before=_described(before), after=_described(after))
        return after

    def rotate(
        self, subscription_id: ObjectId | None, version: int | None = None
    ) -> tuple[Subscription, str]:
        """Return a subscription and its new secret.

        Raises Forbidden, NotFound, Conflict, CannotOpen; Changed where it is not at ``version`` any more.
        """
        before = self.mine(subscription_id)
        if version is not None and version != before.version:
            raise Changed(CHANGED)
        after, secret = self._subscriptions.rotate(before)
        self._record(Event.SUBSCRIPTION_SECRET, after)
        return after, secret

    def delete(self, subscription_id: ObjectId | None, version: int | None = None) -> Subscription:
        """Raises Forbidden, NotFound; Changed where it is not at ``version`` any more."""
        subscription = self.get(subscription_id)
        if version is not None and version != subscription.version:
            raise Changed(CHANGED)
        self._subscriptions.delete(subscription, as_read=version is not None)
        self._record(Event.SUBSCRIPTION_DELETE, subscription, before=_described(subscription))
        return subscription

    def usable(self, ids: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
        """Return IDs for ``notify`` of a new task. Raises Invalid for what is not the person's own."""
        wanted = tuple(dict.fromkeys(ids))
        if not wanted:
            return ()
        self._rights.require(MANAGE)
        own = {subscription.id for subscription in self._subscriptions.of_owner(self._rights.person.id)}
        if set(wanted) - own:
            raise Invalid("Check the fields.", {"notify": "Choose subscriptions of your own."})
        return wanted

    def _require_readable(self, asked: NewSubscription) -> None:
        """Raise Forbidden where a token would subscribe to tasks that it may not read itself."""
        self._rights.require(MANAGE)
        self._rights.require(Permission.TASK_READ)
        person = self._rights.person
        if not person.token:
            return
        wider = grants_of(person.role) if person.role else {}
        lacking = [
            permission
            for permission in (Permission.TASK_READ, Permission.TASK_READ_PRIVATE)
            if permission in wider and permission not in person.grants
        ]
        if person.types is not None or (lacking and asked.scope is Scope.ANY):
            raise Forbidden(TOO_NARROW)

    def _require_mailable(self, asked: NewSubscription) -> None:
        """Raise Invalid for an address that may get no e-mail.

        Where the web server knows of no mail server, the workers, which send, decide alone.
        """
        asked = asked.checked() if asked.channel is Channel.EMAIL else asked
        if asked.channel is not Channel.EMAIL or not allowed_domains(self._settings):
            return
        if said := refusal(self._settings, asked.address):
            raise Invalid("Check the subscription.", {"address": said})

    # Deliveries

    def deliveries(
        self, after: str = "", subscription: Subscription | None = None, *, everybody: bool = False
    ) -> DeliveriesPage:
        """Return the person's deliveries, or everybody's. Raises Forbidden, BadQuery."""
        self._rights.require(MANAGE)
        if everybody and not self.for_everybody:
            raise self._rights.refused(MANAGE)
        owner = None if everybody or subscription else self._rights.person.id
        page = self._deliveries.page(owner, subscription.id if subscription else None, after)
        return replace(page, deliveries=[self._as_seen(found) for found in page.deliveries])

    def delivery(self, delivery_id: ObjectId | None) -> Delivery:
        """Return a delivery of the person's own, with what it says. Raises Forbidden, NotFound."""
        return self._as_seen(self._own(delivery_id))

    def _own(self, delivery_id: ObjectId | None) -> Delivery:
        self._rights.require(MANAGE)
        return self._deliveries.get(delivery_id, self._rights.person.id)

    def _sees(self, delivery: Delivery) -> bool:
        return not delivery.task or self._rights.may_know(delivery.of, private=delivery.private)

    def _as_seen(self, delivery: Delivery) -> Delivery:
        """Return a delivery without what it says where the person may not know of its task any more."""
        return delivery if self._sees(delivery) else replace(delivery, subject=HIDDEN, body="", task=None)

    def send_again(self, delivery_id: ObjectId | None) -> Delivery:
        """Have a delivery sent now, with the same ID. Raises Forbidden, NotFound, Conflict, QuotaExceeded."""
        delivery = self._own(delivery_id)
        if not self._sees(delivery):
            raise Forbidden(NOT_SENT)
        self._subscriptions.get(delivery.subscription, self._rights.person.id)
        self._count()
        sent = self._deliveries.send_again(delivery)
        self._rights.record(Event.DELIVERY_RESEND, str(delivery.id))
        return sent

    def test(self, subscription_id: ObjectId | None) -> Delivery:
        """Have a test sent. Raises Forbidden, NotFound, QuotaExceeded."""
        subscription = self.mine(subscription_id)
        self._count()
        said = {"subscription": str(subscription.id), "name": subscription.asked.name}
        told = message.of_condition(EventType.TEST, f"Test of “{subscription.asked.name}”", said, utcnow())
        new_id = id_of(subscription.id, ObjectId())
        self._deliveries.insert(new_id, subscription, told)
        return self._deliveries.get(new_id)

    def _count(self) -> None:
        wait_s = self._rates.hit("notifications", self._rights.person.id, SENT_PER_MINUTE, MINUTE_S)
        if wait_s:
            said = f"You can send {SENT_PER_MINUTE} per minute. Try again in {wait_s} seconds."
            raise QuotaExceeded(said, wait_s)

    def _record(self, event: Event, subscription: Subscription, **values: Any) -> None:
        self._rights.record(event, str(subscription.id), **values)


def _described(subscription: Subscription) -> dict[str, Any]:
    """Return what the audit keeps: of a webhook's address the host, as the rest may be a secret."""
    asked = subscription.asked
    return {
        "name": asked.name,
        "channel": asked.channel.value,
        "address": subscription.shown_address,
        "events": [event.value for event in asked.events],
        "scope": asked.scope.value,
        "types": list(asked.types),
        "enabled": asked.enabled,
    }


@dataclass(frozen=True)
class Subscribers:
    """Answers by users as they are in MongoDB now."""

    people: People
    listing: Listing

    def subscribes(self, owner: str) -> bool:
        return self._rights(owner) is not None

    def may_know(self, owner: str, of: str, *, private: bool) -> bool:
        rights = self._rights(owner)
        return rights is not None and rights.may_know(of, private=private)

    def visible(self, owner: str, wanted: Mapping[str, str]) -> Document | None:
        rights = self._rights(owner)
        if rights is None:
            return None
        try:
            listing = self.listing.within(rights.readable())
            return listing.query(TaskFilter.parse({name: [text] for name, text in wanted.items()}))
        except (BadQuery, Forbidden):  # of another version, which took more
            return None

    def names(self, owners: Iterable[str]) -> dict[str, str]:
        wanted = list(owners)
        return {owner: owner for owner in wanted} | self.people.users.names(wanted)

    def _rights(self, owner: str) -> Rights | None:
        """Return the rights of who may have subscriptions still."""
        user = self.people.users.find(owner)
        if user is None or not user.enabled:
            return None
        person = self.people.users.person(user)
        if not person.may(Permission.NOTIFICATION_MANAGE):
            return None
        return Rights(person, Origin(), self.people.audit)
