"""Webhooks and e-mails: subscriptions of who asks, and what became of their deliveries."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from app.api.models import webhooks as models
from app.api.models.common import AfterQuery
from app.api.operation import operation
from app.api.preconditions import if_matched, tagged
from app.core.notifications.deliveries import Delivery
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription, Scope, Subscription
from app.core.tasks.task import parse_task_id
from app.extensions import access

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@blueprint.get("")
@operation("notification.manage", models.Webhooks, also=("HTTP_304",), tag="webhooks")
def list_webhooks() -> Any:
    """List your subscriptions, newest first."""
    return tagged(models.Webhooks(webhooks=[_shown(found) for found in access().notifications.all()]))


@blueprint.post("")
@operation(
    "notification.manage",
    models.Webhook,
    status=201,
    json=models.NewWebhook,
    also=("HTTP_409",),
    tag="webhooks",
)
def create_webhook(json: models.NewWebhook) -> Any:
    """Subscribe. The answer has the secret by which a webhook's receiver verifies signatures, this once."""
    made, secret = access().notifications.create(_asked(json))
    address = url_for("api.webhooks.get_webhook", webhook_id=str(made.id))
    return tagged(_shown(made, secret), 201, {"Location": address})


@blueprint.get("/<webhook_id>")
@operation("notification.manage", models.Webhook, also=("HTTP_304",), tag="webhooks")
def get_webhook(webhook_id: str) -> Any:
    """Return a subscription of your own."""
    return tagged(_shown(access().notifications.mine(parse_task_id(webhook_id))))


@blueprint.put("/<webhook_id>")
@operation(
    "notification.manage",
    models.Webhook,
    json=models.NewWebhook,
    also=("HTTP_409", "HTTP_412"),
    tag="webhooks",
)
def change_webhook(webhook_id: str, json: models.NewWebhook) -> Any:
    """Replace a subscription. Its channel stays what it is, and so does its secret."""
    before = access().notifications.mine(parse_task_id(webhook_id))
    new = before.changed_to(_asked(json))  # What is wrong comes before preconditions.
    with if_matched(_shown(before)):
        after = access().notifications.change(before.id, new, _version(before))
    return tagged(_shown(after))


@blueprint.delete("/<webhook_id>")
@operation("notification.manage", None, status=204, also=("HTTP_412",), tag="webhooks")
def delete_webhook(webhook_id: str) -> Any:
    """Delete a subscription. What was not delivered yet never is."""
    before = access().notifications.mine(parse_task_id(webhook_id))
    with if_matched(_shown(before)):
        access().notifications.delete(before.id, _version(before))
    return Response(status=204)


@blueprint.post("/<webhook_id>/rotate")
@operation("notification.manage", models.Webhook, also=("HTTP_409", "HTTP_412", "HTTP_422"), tag="webhooks")
def rotate_webhook_secret(webhook_id: str) -> Any:
    """Make a new secret. For 24 hours, deliveries have a signature by each of the two."""
    before = access().notifications.mine(parse_task_id(webhook_id))
    with if_matched(_shown(before)):
        after, secret = access().notifications.rotate(before.id, _version(before))
    return tagged(_shown(after, secret))


@blueprint.post("/<webhook_id>/test")
@operation("notification.manage", models.Delivery, status=201, tag="webhooks")
def test_webhook(webhook_id: str) -> Any:
    """Send a test."""
    return _delivery(access().notifications.test(parse_task_id(webhook_id))), 201


@blueprint.get("/<webhook_id>/deliveries")
@operation("notification.manage", models.Deliveries, query=AfterQuery, tag="webhooks")
def list_deliveries(webhook_id: str, query: AfterQuery) -> models.Deliveries:
    """List the deliveries of a subscription, newest first."""
    notifications = access().notifications
    page = notifications.deliveries(query.after, notifications.mine(parse_task_id(webhook_id)))
    following = url_for(".list_deliveries", webhook_id=webhook_id, after=page.next) if page.next else None
    return models.Deliveries(deliveries=[_delivery(found) for found in page.deliveries], next=following)


@blueprint.get("/deliveries/<delivery_id>")
@operation("notification.manage", models.Delivery, tag="webhooks")
def get_delivery(delivery_id: str) -> models.Delivery:
    """Return a delivery: how far it is, and what the receiver answered."""
    return _delivery(access().notifications.delivery(parse_task_id(delivery_id)))


@blueprint.post("/deliveries/<delivery_id>/resend")
@operation("notification.manage", models.Delivery, also=("HTTP_409",), tag="webhooks")
def resend_delivery(delivery_id: str) -> models.Delivery:
    """Send a delivery again, with the same ID."""
    return _delivery(access().notifications.send_again(parse_task_id(delivery_id)))


def _version(before: Subscription) -> int | None:
    """Return the version that a change is for; None where the program does not care (no `If-Match`)."""
    return before.version if "If-Match" in request.headers else None


def _asked(sent: models.NewWebhook) -> NewSubscription:
    values = sent.model_dump()
    return NewSubscription(
        **{
            **values,
            "channel": Channel(sent.channel),
            "scope": Scope(sent.scope),
            "events": tuple(map(EventType, sent.events)),
            "types": tuple(sent.types),
        }
    )


def _shown(found: Subscription, secret: str = "") -> models.Webhook:
    asked = found.asked
    return models.Webhook(
        **{
            **vars(asked),
            "channel": asked.channel.value,
            "scope": asked.scope.value,
            "events": [event.value for event in asked.events],
            "types": list(asked.types),
        },
        id=str(found.id),
        off=found.off.value if found.off else None,
        dropped=found.dropped,
        owner=found.owner,
        version=found.version,
        created_at=found.created_at,
        secret=secret or None,
    )


def _delivery(found: Delivery) -> models.Delivery:
    attempts = [
        models.DeliveryAttempt(
            at=tried["at"], outcome=tried["why"], status=tried.get("status"),
            duration_ms=tried.get("duration_ms", 0), excerpt=tried.get("excerpt", ""),
        )
        for tried in found.tries
    ]  # fmt: skip
    return models.Delivery(
        id=str(found.id),
        message_id=found.message_id,
        webhook=str(found.subscription),
        event=found.event,
        subject=found.subject,
        task=str(found.task) if found.task else None,
        state=found.state.value,
        attempts=found.attempts,
        created_at=found.created_at,
        next_at=found.next_at,
        last_attempts=attempts,
    )
