"""Sending a webhook: the body as it is stored, signed."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.clock import utcnow
from app.core.notifications.channels import signature
from app.core.notifications.channels.posting import post
from app.core.notifications.deliveries import Attempt, Delivery
from config import Settings


def send(settings: Settings, address: str, secrets: Sequence[str], delivery: Delivery) -> Attempt:
    """Send a delivery, with a signature by each of the secrets."""
    body = delivery.body.encode()
    return post(settings, address, body, signature.headers(secrets, delivery.message_id, utcnow(), body))
