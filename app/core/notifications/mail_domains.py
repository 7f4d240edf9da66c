"""To which addresses e-mails may go: to those in the domains that the operator names.

An address that somebody enters is not known to be theirs, so without a limit anybody who may subscribe could
have this server write to strangers.
"""

from __future__ import annotations

from config import Settings

ANY = "*"


def allowed_domains(settings: Settings) -> tuple[str, ...]:
    """Return NOTIFICATION_DOMAINS; where it is empty, the domain of SMTP_FROM, if there is one."""
    own = settings.smtp_from.rpartition("@")[2].lower()
    return settings.notification_domains or ((own,) if own else ())


def refusal(settings: Settings, address: str) -> str:
    """Return why an address gets no e-mail, in a sentence; empty where it does."""
    allowed, domain = allowed_domains(settings), address.rpartition("@")[2].lower()
    if ANY in allowed or domain in allowed:
        return ""
    return (
        f"E-mails from here go to {', '.join(allowed)} only. "
        "An operator can allow other domains (NOTIFICATION_DOMAINS)."
    )
