"""What a subscription is: whom it tells, of what, and the checks of one that a person enters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from app.core import stored
from app.core.errors import BadQuery, Invalid
from app.core.listing.filter import TaskFilter
from app.core.mongo import Document
from app.core.notifications.events import CHOSEN, ENDS, EventType
from app.core.tasks.task import Task, one_line
from dtq.outgoing import url
from dtq.outgoing.errors import Refused

LONGEST_NAME, LONGEST_ADDRESS = 80, 2_000
MOST_TYPES = 200
MOST_COUNT, MOST_MINUTES = 1_000, 1_440
FILTERS = ("q", "tag", "owner", "priority")
"""The filters of View Tasks that a subscription takes: those that stay the same while a task runs."""


class Channel(str, Enum):
    """How a person is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SLACK = "slack"
    DISCORD = "discord"
    TEAMS = "teams"

    @property
    def chat(self) -> bool:
        """Whether it is a chat. Who knows the address of one can write there, so it is a secret."""
        return self in (Channel.SLACK, Channel.DISCORD, Channel.TEAMS)

    @property
    def read_by_people(self) -> bool:
        """Whether people read each message, so that there must not be too many."""
        return self is not Channel.WEBHOOK


class Off(str, Enum):
    """Why a subscription was turned off by itself."""

    GONE = "gone"
    """The receiver answered 410: it wants no more."""
    DEAD = "dead"
    """A message was given up, and none was accepted all the while."""


class Scope(str, Enum):
    """Of whose tasks."""

    OWN = "own"
    ANY = "any"
    """All that its owner may see."""
    CHOSEN = "chosen"
    """Those that name the subscription when they are created, and no others."""


@dataclass(frozen=True)
class NewSubscription:
    """What a person enters. ``types`` empty: all. ``count`` and ``minutes`` are of `TASKS_FAILING`,
    ``wait_minutes`` of `TASK_WAITING`."""

    name: str
    channel: Channel
    address: str
    events: tuple[EventType, ...] = ()
    scope: Scope = Scope.OWN
    types: tuple[str, ...] = ()
    filter: Mapping[str, str] = field(default_factory=dict)
    count: int = 3
    minutes: int = 10
    wait_minutes: int = 10
    enabled: bool = True

    def checked(self, known_address: str = "") -> NewSubscription:
        """Return it as it is stored; ``known_address`` was checked before, and may be shortened by now.

        Raises Invalid with a sentence for each field that is wrong.
        """
        address = self.address.strip()
        problems = {
            "name": ""
            if 1 <= len(one_line(self.name)) <= LONGEST_NAME
            else f"Use 1 to {LONGEST_NAME} characters.",
            "address": "" if address == known_address else _wrong_address(self.channel, address),
            "events": self._wrong_events(),
            "types": "" if len(self.types) <= MOST_TYPES else f"Choose at most {MOST_TYPES} types.",
            "filter": _wrong_filter(self.filter),
            "count": _wrong_number(self.count, 1, MOST_COUNT),
            "minutes": _wrong_number(self.minutes, 1, MOST_MINUTES),
            "wait_minutes": _wrong_number(self.wait_minutes, 1, MOST_MINUTES),
        }
        if wrong := {name: sentence for name, sentence in problems.items() if sentence}:
            raise Invalid("Check the subscription.", wrong)
        return NewSubscription(
            **{
                **vars(self),
                "name": one_line(self.name),
                "address": address,
                "events": tuple(event for event in CHOSEN if event in self.events),
                "types": tuple(sorted(set(self.types))),
                "filter": {name: text for name, text in self.filter.items() if text},
            }
        )

    def _wrong_events(self) -> str:
        if self.scope is Scope.CHOSEN or set(self.events) & set(CHOSEN):
            return ""
        return "Choose at least one event."


def _wrong_number(number: int, least: int, most: int) -> str:
    return "" if least <= number <= most else f"Enter a whole number from {least:,} to {most:,}."


def _wrong_address(channel: Channel, address: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # Slow, and most processes check none.

    if len(address) > LONGEST_ADDRESS:
        return f"Use {LONGEST_ADDRESS:,} characters or fewer."
    try:
        if channel is Channel.EMAIL:
            validate_email(address, check_deliverability=False, strict=True)
        else:
            url.parse(address)
    except Refused as error:
        return str(error)
    except EmailNotValidError:
        return "Enter an e-mail address, such as name@example.org."
    return ""


def _wrong_filter(given: Mapping[str, str]) -> str:
    if unknown := [name for name in given if name not in FILTERS]:
        return f"There is no filter “{unknown[0][:50]}”. There are: {', '.join(FILTERS)}."
    try:
        TaskFilter.parse({name: [text] for name, text in given.items()})
    except BadQuery as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Subscription:
    """A subscription as MongoDB holds it, its secrets sealed. Times are aware UTC.

    The address of a chat is such a secret; ``asked`` has it as it is shown.
    ``version`` is counted up by each change. ``alerts`` is, by event, how often it was told of a condition,
    and what it was told of last. ``off`` says why it was turned off by itself. ``dropped`` counts messages
    for which there was no room, the last at ``dropped_at``; it begins anew when the subscription is changed.
    """

    id: ObjectId
    owner: str
    version: int
    created_at: datetime
    asked: NewSubscription
    secrets: tuple[Document, ...] = ()
    alerts: Mapping[str, Document] = field(default_factory=dict)
    off: Off | None = None
    dropped: int = 0
    dropped_at: datetime | None = None

    @property
    def shown_address(self) -> str:
        """The address without its path and query, which often hold a secret."""
        known = self.asked.channel.chat  # It is stored as it is shown.
        return self.asked.address if known else shown(self.asked.channel, self.asked.address)

    def changed_to(self, asked: NewSubscription) -> NewSubscription:
        """Return what it becomes. Raises Invalid.

        The channel never changes, as secrets belong to one. The address of a chat stays where it is sent as
        it is shown.
        """
        known = self.asked.address if self.asked.channel.chat else ""
        return replace(asked, channel=self.asked.channel).checked(known)

    def wants(self, event: EventType, task: Task) -> bool:
        """Return whether it is for such an event of a task, before rights and filter are asked."""
        asked = self.asked
        if self.id in task.notify and event in ENDS and task.owner == self.owner:
            return True
        if event not in asked.events or asked.scope is Scope.CHOSEN:
            return False
        if asked.scope is Scope.OWN and task.owner != self.owner:
            return False
        return not asked.types or task.type in asked.types


def shown(channel: Channel, address: str) -> str:
    """Return an address as pages of others, the audit and logs show it."""
    if channel is Channel.EMAIL:
        return address
    try:
        found = url.parse(address)
        return f"{found.scheme}://{found.authority}/{'…' if found.target != '/' else ''}"
    except Refused:
        return "–"


_NAMES = stored.list_of(stored.is_text)
_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    **dict.fromkeys(("owner", "name", "address"), stored.is_name),
    "channel": stored.one_of(*(channel.value for channel in Channel)),
    "scope": stored.one_of(*(scope.value for scope in Scope)),
    "version": stored.is_count,
    "created_at": stored.is_time,
    "enabled": stored.is_flag,
    "events": _NAMES,
}
_SECRET = stored.shaped({"sealed": stored.is_name}, {"until": stored.maybe(stored.is_time)})
_OPTIONAL: dict[str, stored.Check] = {
    "types": _NAMES,
    "filter": lambda value: isinstance(value, dict) and all(map(stored.is_text, value.values())),
    **dict.fromkeys(("count", "minutes", "wait_minutes"), stored.is_count),
    "secrets": stored.list_of(_SECRET),
    "off": stored.maybe(stored.one_of(*(off.value for off in Off))),
    "dropped": stored.is_count,
    "dropped_at": stored.maybe(stored.is_time),
    "alerts": lambda value: isinstance(value, dict) and all(map(stored.is_document, value.values())),
}
_KNOWN = {event.value: event for event in EventType}
_OF_ITSELF = ("owner", "version", "created_at")


def read(document: Document) -> Subscription:
    """Raises DamagedDocumentError. An event that this version does not know is none."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    own = {name: values.pop(name) for name in _OF_ITSELF}
    secrets, alerts = tuple(values.pop("secrets", ())), values.pop("alerts", {})
    own |= {name: values.pop(name) for name in ("dropped", "dropped_at") if name in values}
    off = values.pop("off", None)
    values["events"] = tuple(_KNOWN[name] for name in values["events"] if name in _KNOWN)
    values["types"] = tuple(values.get("types", ()))
    values |= {"channel": Channel(values["channel"]), "scope": Scope(values["scope"])}
    return Subscription(
        id=values.pop("_id"),
        asked=NewSubscription(**values),
        secrets=secrets,
        alerts=alerts,
        off=Off(off) if off else None,
        **own,
    )


def written(asked: NewSubscription) -> Document:
    """Return what MongoDB holds of what a person entered."""
    return {
        **vars(asked),
        "channel": asked.channel.value,
        "scope": asked.scope.value,
        "events": [event.value for event in asked.events],
        "types": list(asked.types),
        "filter": dict(asked.filter),
    }
