"""Sending a notification by e-mail, through the mail server of the settings (SMTP_HOST).

A message has the same Message-ID in every attempt; whether a copy is dropped by it is a matter of mailboxes.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from email.message import EmailMessage

from app.core.clock import utcnow
from app.core.notifications.channels.facts import facts_of
from app.core.notifications.deliveries import Attempt, Delivery, Why
from app.core.notifications.mail_domains import refusal
from app.core.tasks.task import one_line
from config import Settings
from dtq.outgoing.mail import connected, message_id_of, new_message

EACH_S = 10.0
EXCERPT = 1_000


def send(settings: Settings, address: str, delivery: Delivery) -> Attempt:
    """Send a delivery; never raises for what the mail server does."""
    if not settings.smtp_host:
        return Attempt(Why.NO_MAIL_SERVER)
    if refused := refusal(settings, address):
        return Attempt(Why.NOT_ALLOWED, None, 0, refused)
    began = time.monotonic()
    content = compose(settings, address, delivery)
    try:
        with connected(settings, EACH_S) as client:
            client.send_message(content, settings.smtp_from, [address])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        return _refused(code, said, began)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error, began)
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        return Attempt(Why.NO_ANSWER, None, _since(began), one_line(str(error))[:EXCERPT])
    return Attempt(Why.ACCEPTED, 250, _since(began))


def _refused(code: int, said: bytes | str, began: float) -> Attempt:
    """An answer from 500 on is final (RFC 5321, 4.2.1)."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return Attempt(Why.REFUSED, max(code, 0), _since(began), one_line(text)[:EXCERPT], final=code >= 500)


def compose(settings: Settings, address: str, delivery: Delivery) -> EmailMessage:
    """Return the message; no title of a task can put anything into its headers."""
    return new_message(
        sender=settings.smtp_from,
        to=[address],
        subject=one_line(delivery.subject).replace("=?", "= ?"),
        text=text_of(settings, delivery),
        at=utcnow(),
        message_id=message_id_of(delivery.message_id, settings.smtp_from),
    )


def text_of(settings: Settings, delivery: Delivery) -> str:
    """Return the text of the message: a line per fact."""
    facts = facts_of(settings, delivery)
    lines = [f"{fact.label}: {fact.value}" for fact in facts.lines]
    if not delivery.task:
        lines = [f"{delivery.subject}.", "", *lines]
    if facts.error:
        lines += ["", "Error:", facts.error[:4_000]]
    if facts.link:
        lines += ["", facts.link]
    return "\n".join([*lines, ""])


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
