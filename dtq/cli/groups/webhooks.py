"""`dtq webhooks`: who is told of what, by webhook, e-mail or chat, and what became of it."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from dtq.cli.login import connect
from dtq.cli.options import json_option
from dtq.cli.terminal import say, when, write, write_json, write_pairs, write_table
from dtq.client import Client, Delivery, NotFound, Webhook
from dtq.client.records import Channel, Scope

EVENTS = (
    "task.succeeded", "task.failed", "task.canceled", "tasks.failing", "task.waiting", "type.unserved",
)  # fmt: skip


def webhook_of(client: Client, text: str) -> Webhook:
    """Return your subscription that an ID or a name means. Raises NotFound."""
    found = [hook for hook in client.webhooks() if text in (hook.id, hook.name)]
    if len(found) > 1:
        raise NotFound(404, detail=f"{len(found)} subscriptions are called {text[:60]}. Give the ID of one.")
    if not found:
        raise NotFound(404, detail=f"There is no subscription {text[:60]}. To see all: dtq webhooks list")
    return found[0]


hook_argument = click.argument("webhook", metavar="WEBHOOK")


@click.group("webhooks")
def webhooks_group() -> None:
    """Subscribe to what happens to tasks, and look at what was sent. WEBHOOK is a name or an ID.

    A task tells a subscription that it names: `dtq submit --notify WEBHOOK`.
    """


@webhooks_group.command("list")
@json_option
def list_webhooks(as_json: bool) -> None:
    """List your subscriptions, newest first."""
    found = connect().webhooks()
    if as_json:
        write_json(found)
        return
    rows = [
        (hook.id, _state(hook), hook.channel, hook.name, ", ".join(hook.events) or hook.scope, hook.address)
        for hook in found
    ]
    write_table(("ID", "STATE", "CHANNEL", "NAME", "EVENTS", "ADDRESS"), rows, ("CHANNEL", "EVENTS"))


def _state(hook: Webhook) -> str:
    return "on" if hook.enabled else "off"


@webhooks_group.command("show")
@hook_argument
@json_option
def show_webhook(webhook: str, as_json: bool) -> None:
    """Show a subscription."""
    hook = webhook_of(connect(), webhook)
    if as_json:
        write_json(hook)
        return
    write_pairs(
        [
            ("ID", hook.id),
            ("Name", hook.name),
            ("State", _state(hook)),
            ("Turned off", hook.off),
            ("Channel", hook.channel),
            ("Address", hook.address),
            ("Events", ", ".join(hook.events)),
            ("Scope", hook.scope),
            ("Types", ", ".join(hook.types)),
            ("Filter", " ".join(f"{name}={value}" for name, value in hook.filter.items())),
            ("Dropped", hook.dropped or ""),
            ("Created", when(hook.created_at)),
        ]
    )


@webhooks_group.command("create")
@click.argument("name")
@click.argument("address", metavar="URL|E-MAIL")
@click.option(
    "--chat",
    type=click.Choice(["slack", "discord", "teams"]),
    help="The URL is the incoming webhook of a chat. Mattermost, Rocket.Chat and Google Chat take slack.",
)
@click.option("--event", "events", multiple=True, type=click.Choice(EVENTS), help="May be repeated.")
@click.option(
    "--scope",
    type=click.Choice(["own", "any", "chosen"]),
    default="own",
    show_default=True,
    help="Of your tasks, of all that you may see, or of those that name it.",
)
@click.option("--type", "types", multiple=True, help="Of these task types only; may be repeated.")
@click.option("--tag", help="Of tasks with this tag only.")
@click.option("--count", type=int, help="Of tasks.failing: so many tasks…")
@click.option("--minutes", type=int, help="…within so many minutes.")
@click.option("--wait-minutes", type=int, help="Of task.waiting: after so many minutes.")
@json_option
def create_webhook(
    name: str,
    address: str,
    chat: Channel | None,
    events: tuple[str, ...],
    scope: Scope,
    types: tuple[str, ...],
    tag: str | None,
    as_json: bool,
    **numbers: int | None,
) -> None:
    """Subscribe: to a URL a signed message is sent, to an address with @ an e-mail. Writes its ID.

    With --chat, a message for people is sent to the channel of a chat.

    With --json, the secret by which a receiver verifies signatures is in the answer; it is shown this once.
    """
    by_address: Channel = "webhook" if "://" in address or "@" not in address else "email"
    given: dict[str, Any] = {each: value for each, value in numbers.items() if value is not None}
    hook = connect().create_webhook(
        name, address, channel=chat or by_address, events=events, scope=scope, types=types,
        filter={"tag": tag} if tag else {}, **given,
    )  # fmt: skip
    if as_json:
        write_json(hook)
        return
    write(hook.id)
    if hook.secret:
        say(f"Its secret, which is not shown again: {hook.secret}")


@webhooks_group.command("delete")
@hook_argument
def delete_webhook(webhook: str) -> None:
    """Delete a subscription. What was not delivered yet never is."""
    client = connect()
    hook = webhook_of(client, webhook)
    client.delete_webhook(hook.id)
    say(f"{hook.name}: deleted.")


@webhooks_group.command("on")
@hook_argument
def turn_on(webhook: str) -> None:
    """Turn a subscription on."""
    _turn(webhook, True)


@webhooks_group.command("off")
@hook_argument
def turn_off(webhook: str) -> None:
    """Turn a subscription off; it stays."""
    _turn(webhook, False)


def _turn(webhook: str, enabled: bool) -> None:
    client = connect()
    hook = client.change_webhook(webhook_of(client, webhook), enabled=enabled)
    say(f"{hook.name}: {_state(hook)}.")


@webhooks_group.command("rotate")
@hook_argument
def rotate_secret(webhook: str) -> None:
    """Make a new secret, and write it. For 24 hours, messages have a signature by each of the two."""
    client = connect()
    write(client.rotate_webhook_secret(webhook_of(client, webhook).id).secret or "")


@webhooks_group.command("test")
@hook_argument
@json_option
def test_webhook(webhook: str, as_json: bool) -> None:
    """Send a test, and write the ID of its delivery."""
    client = connect()
    _tell(client.test_webhook(webhook_of(client, webhook).id), as_json)


@webhooks_group.command("deliveries")
@hook_argument
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="How many.")
@json_option
def list_deliveries(webhook: str, limit: int, as_json: bool) -> None:
    """List what was sent, newest first, and what became of it."""
    client = connect()
    found = list(islice(client.deliveries(webhook_of(client, webhook).id), limit))
    if as_json:
        write_json(found)
        return
    rows = [
        (
            each.id,
            each.state,
            each.event,
            f"{each.attempts}",
            when(each.created_at),
            _last(each),
            each.subject,
        )
        for each in found
    ]
    write_table(("ID", "STATE", "EVENT", "ATTEMPTS", "CREATED", "LAST", "SUBJECT"), rows, ("CREATED", "LAST"))


def _last(delivery: Delivery) -> str:
    """Return how the last attempt ended."""
    if not delivery.last_attempts:
        return ""
    last = delivery.last_attempts[-1]
    return f"{last.outcome} {last.status or ''}".strip()


@webhooks_group.command("resend")
@click.argument("delivery_id", metavar="DELIVERY")
@json_option
def resend_delivery(delivery_id: str, as_json: bool) -> None:
    """Send a delivery again, with the same message ID."""
    _tell(connect().resend_delivery(delivery_id), as_json)


def _tell(delivery: Delivery, as_json: bool) -> None:
    write_json(delivery) if as_json else write(delivery.id)
    say(f"{delivery.subject}: {delivery.state}.")
