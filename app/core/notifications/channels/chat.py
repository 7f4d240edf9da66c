"""Send to a chat, by the incoming webhook of a channel: anyone who has its address can write there.

Formats: Slack (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, which Mattermost,
Rocket.Chat and Google Chat take as well), Discord (https://docs.discord.com/developers/resources/webhook) and
the Workflows of Microsoft Teams (Adaptive Cards 1.4). What people wrote is put where none of them sees a
mention, a link or an image in it. By hand because libraries for many chats connect by themselves, past the
gate of outgoing HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.core.notifications.channels.facts import Facts, facts_of
from app.core.notifications.channels.posting import post
from app.core.notifications.deliveries import Attempt, Delivery
from app.core.notifications.subscription import Channel
from app.core.tasks.task import one_line
from config import Settings

LONGEST_LINE = 300
LONGEST_TEXT = 1_700
"""Characters of what people wrote; a message of Discord has 2,000."""
NO_EMBEDS = 1 << 2
OPEN = "Open in the task queue"
_LEFT_OUT = {"id", "created_at", "title"}
"""Of a task: the subject has its title, and the link its ID."""

Format = Callable[[str, Facts], dict[str, Any]]


def send(settings: Settings, channel: Channel, address: str, delivery: Delivery) -> Attempt:
    """Send a delivery to a chat."""
    message = FORMATS[channel](one_line(delivery.subject), facts_of(settings, delivery))
    return post(settings, address, json.dumps(message, ensure_ascii=False).encode())


def _lines(facts: Facts) -> list[tuple[str, str]]:
    """Return what is said below the subject, of bounded length."""
    error = [("Error", facts.error)] if facts.error else []
    said = [(fact.label, fact.value) for fact in facts.lines if fact.name not in _LEFT_OUT]
    return [(label, _cut(value)) for label, value in [*said, *error]]


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _block(subject: str, facts: Facts) -> str:
    """Return a block of code, in which no chat looks for anything."""
    text = "\n".join([_cut(subject), *(f"{label}: {value}" for label, value in _lines(facts))])
    return f"```\n{text[:LONGEST_TEXT].replace('`', 'ˋ')}\n```"


def slack(subject: str, facts: Facts) -> dict[str, Any]:
    """One text, with what begins a mention or a link escaped as Slack asks for."""
    text = _block(subject, facts).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": f"{text}\n<{facts.link}|{OPEN}>" if facts.link else text}


def discord(subject: str, facts: Facts) -> dict[str, Any]:
    """One text that mentions nobody."""
    link = f"\n[{OPEN}](<{facts.link}>)" if facts.link else ""
    return {
        "content": f"{_block(subject, facts)}{link}",
        "allowed_mentions": {"parse": []},
        "flags": NO_EMBEDS,
    }


def teams(subject: str, facts: Facts) -> dict[str, Any]:
    """An Adaptive Card of text runs, the only part of one in which no Markdown is read."""
    lines = [[_run(_cut(subject), weight="Bolder", size="Medium")]]
    lines += [[_run(f"{label}: ", isSubtle=True), _run(value)] for label, value in _lines(facts)]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": line} for line in lines],
    }
    if facts.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": OPEN, "url": facts.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **values: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **values}


FORMATS: Mapping[Channel, Format] = {Channel.SLACK: slack, Channel.DISCORD: discord, Channel.TEAMS: teams}
"""How a message is written, by channel."""
