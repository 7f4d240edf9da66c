"""Subscriptions to what happens, and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.api.models.common import Body, Whole, filter_schema
from app.core.notifications.events import CHOSEN
from app.core.notifications.subscription import FILTERS, Channel

EventName = Literal[
    "task.succeeded", "task.failed", "task.canceled", "tasks.failing", "task.waiting", "type.unserved"
]
if {event.value for event in CHOSEN} != set(get_args(EventName)):
    raise TypeError("EventName and EventType differ")


ChannelName = Literal["webhook", "email", "slack", "discord", "teams"]
if {channel.value for channel in Channel} != set(get_args(ChannelName)):
    raise TypeError("ChannelName and Channel differ")

Filter = Annotated[dict[str, str], Field(json_schema_extra=filter_schema(FILTERS))]
_RULES: dict[str, Any] = {
    "if": {"properties": {"scope": {"const": "chosen"}}, "required": ["scope"]},
    "else": {"properties": {"events": {"minItems": 1}}, "required": ["events"]},
}
"""A subscription to what was not chosen one by one has events."""


class NewWebhook(Body):
    """A subscription: what happens to tasks is told to an address, by a webhook, an e-mail or in a chat."""

    model_config = ConfigDict(json_schema_extra=_RULES)

    name: str = Field(max_length=80, json_schema_extra={"pattern": r"\S"})
    channel: ChannelName = Field(
        "webhook", description="Mattermost, Rocket.Chat and Google Chat take what `slack` sends."
    )
    address: str = Field(
        min_length=3,
        max_length=2000,
        description="A URL, or an e-mail address. That of a chat is a secret, so answers have its beginning; "
        "it stays where a change sends that back.",
    )
    events: list[EventName] = Field([], description="Empty only with the scope chosen.")
    scope: Literal["own", "any", "chosen"] = Field(
        "own", description="Your tasks, all that you may see, or those that name it in `notify`."
    )
    types: list[str] = Field([], max_length=200, description="Names of task types; empty: all.")
    filter: Filter = Field({}, description="Of the query of GET /tasks: q, tag, owner, priority.")
    count: Whole = Field(3, ge=1, le=1000, description="Of tasks.failing: so many tasks…")
    minutes: Whole = Field(10, ge=1, le=1440, description="…within so many minutes.")
    wait_minutes: Whole = Field(10, ge=1, le=1440, description="Of task.waiting.")
    enabled: StrictBool = True


class Webhook(BaseModel):
    """A subscription. ``secret`` is there once, when it is new: in the answers of create and of rotate."""

    id: str
    name: str
    channel: ChannelName
    address: str
    events: list[EventName]
    scope: Literal["own", "any", "chosen"]
    types: list[str]
    filter: dict[str, str]
    count: int
    minutes: int
    wait_minutes: int
    enabled: bool
    off: Literal["gone", "dead"] | None = Field(
        description="Why it was turned off by itself: the receiver answered 410, or took nothing."
    )
    dropped: int = Field(description="Messages for which there was no room since it was last changed.")
    owner: str = Field(description="The ID of a user.")
    version: int
    created_at: datetime
    secret: str | None = None


class Webhooks(BaseModel):
    """Your subscriptions, newest first."""

    webhooks: list[Webhook]


class DeliveryAttempt(BaseModel):
    """An attempt to send. ``outcome`` says how it ended, ``status`` what the receiver answered."""

    at: datetime
    outcome: str
    status: int | None
    duration_ms: int
    excerpt: str


class Delivery(BaseModel):
    """A message to one subscription; ``message_id`` is the `webhook-id` of each attempt."""

    id: str
    message_id: str
    webhook: str
    event: str
    subject: str
    task: str | None
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    created_at: datetime
    next_at: datetime | None
    last_attempts: list[DeliveryAttempt]


class Deliveries(BaseModel):
    """A page of deliveries, newest first; ``next`` is null where there is nothing further."""

    deliveries: list[Delivery]
    next: str | None
