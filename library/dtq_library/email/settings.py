"""The settings of the installation that tell how to send mail."""

from __future__ import annotations

from typing import Protocol

from dtq.outgoing.mail import MailServer


class MailSettings(MailServer, Protocol):
    """What `ctx.settings` has of SMTP_HOST and the others: see `.env.example`."""

    @property
    def smtp_from(self) -> str: ...
