"""Messages to chats: what each service takes, nobody mentioned by a title, and addresses stay secret."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access.access import Access
from app.core.errors import Invalid
from app.core.notifications.channels.chat import FORMATS, LONGEST_TEXT, OPEN
from app.core.notifications.channels.email import compose
from app.core.notifications.channels.facts import Fact, Facts
from app.core.notifications.deliveries import DeliveryState, Why
from app.core.notifications.subscription import Channel, Subscription
from app.core.secrets.rotation import Rotation
from app.core.services import Services
from app.core.tasks.task import Task
from config import Settings, load
from tests.core.notifications.test_notifications import sent
from tests.rig.receiver import listening
from tests.web.looking import fail

HOSTILE = "@everyone <!channel> <@U1> [x](https://evil.example) ![i](https://evil.example/i.png) ```&lt; *b*"
CHATS = sorted(FORMATS)


class Chat:
    """An incoming webhook on this machine: what it was posted."""

    port = 0
    posted: list[tuple[str, dict[str, Any]]]
    status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T000/B000/very-secret"


@pytest.fixture
def chat() -> Iterator[Chat]:
    found = Chat()
    found.posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"
            found.posted.append((self.path, body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with listening(Handler) as found.port:
        yield found


@pytest.fixture
def settings(settings: Settings, chat: Chat) -> Settings:
    allow = (f"127.0.0.1:{chat.port}",)
    return dataclasses.replace(settings, http_allow=allow, public_url="https://tasks.example.org/dtq/")


def text_in(message: dict[str, Any]) -> str:
    """All text of a message, whatever its format."""
    return json.dumps(message, ensure_ascii=False)


@pytest.mark.parametrize("channel", CHATS)
def test_a_failed_task_is_told_in_a_chat(
    channel: Channel,
    services: Services,
    chat: Chat,
    subscribe: Callable[..., Subscription],
    new_task: Callable[..., Task],
    alice: Access,
) -> None:
    subscribe(channel=channel, address=chat.url)
    task = new_task(owner=alice.person.id, title=HOSTILE, params={"password": "hunter2"})
    fail(services, task, "No such file: " + "x" * 5_000)
    services.outbox.empty()
    sent(services)
    ((path, message),) = chat.posted
    assert path == "/services/T000/B000/very-secret"
    said = text_in(message)
    assert "Failed: @everyone" in said and "No such file" in said and "hunter2" not in said
    assert f"https://tasks.example.org/dtq/tasks/{task.id}" in said and OPEN in said
    (delivery,) = services.deliveries.page(None).deliveries
    assert delivery.state is DeliveryState.DELIVERED


def test_the_address_of_a_chat_is_nowhere_but_sealed(
    services: Services, chat: Chat, subscribe: Callable[..., Subscription], alice: Access
) -> None:
    made = subscribe(channel=Channel.SLACK, address=chat.url)
    short = f"http://127.0.0.1:{chat.port}/…"
    assert made.asked.address == made.shown_address == short
    alice.notifications.test(made.id)
    chat.status = 500
    sent(services)
    everything = [str(list(services.db[name].find())) for name in ("subscriptions", "deliveries", "audit")]
    assert "very-secret" not in "".join(everything) and short in everything[2]
    assert services.subscriptions.address(made) == chat.url
    done = Rotation()
    services.subscriptions.rotate_keys(done)
    assert (done.current, done.unreadable) == (1, 0)


def test_a_chat_keeps_its_address_until_another_is_entered(
    services: Services, chat: Chat, subscribe: Callable[..., Subscription], alice: Access
) -> None:
    made = subscribe(channel=Channel.DISCORD, address=chat.url)
    renamed = alice.notifications.change(made.id, dataclasses.replace(made.asked, name="Night"))
    assert renamed.asked.name == "Night" and services.subscriptions.address(renamed) == chat.url
    with pytest.raises(Invalid):
        alice.notifications.change(made.id, dataclasses.replace(made.asked, address="hooks"))
    other = f"{chat.url}-2"
    moved = alice.notifications.change(made.id, dataclasses.replace(made.asked, address=other))
    assert services.subscriptions.address(moved) == other
    services.db.subscriptions.update_one({"_id": made.id}, {"$set": {"secrets.0.sealed": "v1.broken"}})
    alice.notifications.test(made.id)
    sent(services)
    (delivery,) = services.deliveries.page(None).deliveries
    assert delivery.tries[-1]["why"] == Why.NO_SECRET.value and chat.posted == []


@given(st.text(max_size=3_000), st.text(max_size=9_000), st.sampled_from(CHATS))
def test_nothing_that_people_wrote_is_read_by_a_chat(title: str, error: str, channel: Channel) -> None:
    facts = Facts(
        (Fact("type", "Type", title), Fact("owner_name", "Owner", title)),
        error,
        "https://tasks.example.org/tasks/1",
    )
    message = FORMATS[channel](f"Failed: {title}{HOSTILE}", facts)
    if channel is Channel.TEAMS:
        (attachment,) = message["attachments"]
        body = attachment["content"]["body"]
        assert {block["type"] for block in body} == {"RichTextBlock"}
        assert {run["type"] for block in body for run in block["inlines"]} == {"TextRun"}
        return
    text = message["text" if channel is Channel.SLACK else "content"]
    before, block, after = text.split("```")
    assert before == "" and OPEN in after and "@" not in after and "evil" not in after
    if channel is Channel.SLACK:
        assert "<" not in block and ">" not in block
    else:
        assert message["allowed_mentions"] == {"parse": []} and len(text) <= LONGEST_TEXT + 200 <= 2_000


def test_mails_and_messages_without_a_public_address_have_no_link(
    alice: Access, chat: Chat, subscribe: Callable[..., Subscription]
) -> None:
    delivery = alice.notifications.test(subscribe(channel=Channel.SLACK, address=chat.url).id)
    env = {"ENVIRONMENT": "local", "SMTP_HOST": "localhost", "SMTP_FROM": "dtq@example.org"}
    assert "http" not in compose(load(env), "a@example.org", delivery).get_content()
    linked = load({**env, "PUBLIC_URL": "https://tasks.example.org"})
    assert "https://tasks.example.org/tasks\n" in compose(linked, "a@example.org", delivery).get_content()
    assert OPEN not in text_in(FORMATS[Channel.SLACK]("Test", Facts(())))
