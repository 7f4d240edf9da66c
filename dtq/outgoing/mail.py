"""Outgoing mail: the message as headers that hold nothing but what they are given, and the connection.

What may stand in a subject or an address, and what an answer of the server means, is the caller's: the
library's task type for e-mail, and notifications.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Protocol

from dtq.outgoing.trust import trust


class MailServer(Protocol):
    """How to reach a mail server, as the settings SMTP_HOST and the others say it.

    ``smtp_security`` is tls, starttls or none; without ``smtp_user`` nobody is logged in.
    """

    @property
    def smtp_host(self) -> str: ...

    @property
    def smtp_port(self) -> int: ...

    @property
    def smtp_security(self) -> str: ...

    @property
    def smtp_user(self) -> str: ...

    @property
    def smtp_password(self) -> str: ...


@contextmanager
def connected(server: MailServer, timeout_s: float) -> Iterator[smtplib.SMTP]:
    """Connect, secure the connection and log in; ``timeout_s`` is for each answer of the server.

    The connection is secured as the settings say, or there is none: it is never opened up because a server
    offers less. Raises SMTPException, SSLError, OSError.
    """
    host, port = server.smtp_host, server.smtp_port
    if server.smtp_security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=trust())
    else:
        client = smtplib.SMTP(host, port, timeout=timeout_s)
    try:
        if server.smtp_security == "starttls":
            client.starttls(context=trust())
        if server.smtp_user:
            client.login(server.smtp_user, server.smtp_password)
        yield client
        with suppress(smtplib.SMTPException, OSError):
            client.quit()  # The message is delivered, whatever the server says to a farewell.
    finally:
        client.close()


def message_id_of(key: str, sender: str) -> str:
    """Return the Message-ID of what a sender sends: the same for the same ``key``, so that a copy which went
    out twice is known as one."""
    return f"<{key}@{sender.rpartition('@')[2]}>"


def new_message(
    *,
    sender: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    subject: str,
    text: str,
    at: datetime,
    message_id: str,
    international: bool = False,
) -> EmailMessage:
    """Return a message of text. ``international``: an address has letters beyond ASCII.

    Addresses and subject must be checked before: an encoded word (RFC 2047) in them would be decoded.
    """
    message = EmailMessage(policy=SMTPUTF8 if international else SMTP)
    message["From"] = _written([sender])
    message["To"] = _written(to)
    if cc:
        message["Cc"] = _written(cc)
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it.
    message.set_content(text.encode("utf-8", "replace").decode())
    return message


def _written(addresses: Sequence[str]) -> list[Address]:
    parts = (address.rpartition("@") for address in addresses)
    return [Address(username=name, domain=domain) for name, _, domain in parts]
