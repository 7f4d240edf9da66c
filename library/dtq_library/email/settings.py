"""The settings of the installation that tell how to send mail."""

from __future__ import annotations

from typing import Protocol


class MailSettings(Protocol):
    """What `ctx.settings` has of SMTP_HOST and the others: see `.env.example`."""

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

    @property
    def smtp_from(self) -> str: ...
