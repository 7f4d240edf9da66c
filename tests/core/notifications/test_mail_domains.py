"""E-mails go to the domains that an operator names, as nobody confirms an address: entered, changed, sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from app.core.access.access import Access
from app.core.errors import Invalid
from app.core.notifications import mail_domains
from app.core.notifications.channels import email
from app.core.notifications.deliveries import Why
from app.core.notifications.subscription import Channel, Subscription
from app.core.people.person import Person
from app.core.services import Services
from config import Settings, SettingsError, load

MAIL = {"ENVIRONMENT": "local", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "SMTP_FROM": "queue@Example.org"}


def mailing(domains: str = "") -> Settings:
    return load({**MAIL, "NOTIFICATION_DOMAINS": domains})


@pytest.mark.parametrize(
    ("domains", "address", "taken"),
    [
        ("", "ann@example.org", True),
        ("", "ann@EXAMPLE.org", True),
        ("", "ann@sub.example.org", False),
        ("", "ann@example.org.evil.example", False),
        ("", "ann@stranger.example", False),
        ("partner.example", "ann@partner.example", True),
        ("partner.example", "ann@example.org", False),
        ("Example.org, partner.example", "ann@example.org", True),
        ("*", "ann@stranger.example", True),
    ],
)
def test_whom_an_email_may_reach(domains: str, address: str, taken: bool) -> None:
    said = mail_domains.refusal(mailing(domains), address)
    assert (said == "") is taken
    assert taken or "NOTIFICATION_DOMAINS" in said


@pytest.mark.parametrize("wrong", ["ann@example.org", "https://example.org", "*.example.org", "a/b"])
def test_what_is_no_domain_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="NOTIFICATION_DOMAINS: use domains such as example.org"):
        mailing(wrong)


def test_a_strange_address_is_refused_when_it_is_entered_or_changed(
    services: Services, person_of: Callable[..., Person], subscribe: Callable[..., Subscription]
) -> None:
    settings = mailing()
    alice = dataclasses.replace(services, settings=settings).access(person_of())
    with pytest.raises(Invalid) as refused:
        subscribe(alice, channel=Channel.EMAIL, address="victim@stranger.example")
    assert refused.value.fields.keys() == {"address"} and "example.org" in refused.value.fields["address"]
    made = subscribe(alice, channel=Channel.EMAIL, address="ann@example.org")
    for channel in (Channel.EMAIL, Channel.WEBHOOK):  # What is sent for the channel changes nothing.
        other = dataclasses.replace(made.asked, channel=channel, address="victim@stranger.example")
        with pytest.raises(Invalid):
            alice.notifications.change(made.id, other)
    assert alice.notifications.mine(made.id).asked.address == "ann@example.org"
    assert alice.notifications.change(made.id, made.asked).version == 2


def test_what_was_entered_before_is_not_sent(alice: Access, subscribe: Callable[..., Subscription]) -> None:
    """The mail server that isn't there is asked for the allowed address alone."""
    made = subscribe(channel=Channel.EMAIL, address="victim@stranger.example")
    delivery = alice.notifications.test(made.id)
    refused = email.send(mailing(), made.asked.address, delivery)
    assert refused.why is Why.NOT_ALLOWED and "go to example.org only" in refused.excerpt
    assert email.send(mailing("*"), made.asked.address, delivery).why is Why.NO_ANSWER
