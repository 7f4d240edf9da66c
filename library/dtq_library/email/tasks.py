"""Task types that send mail. Published only where an operator has set a mail server.

How it is done is in the package beside this module, `dtq_library.email`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dtq import Context, Fail, File, task
from dtq_library.email import parameters as ask

if TYPE_CHECKING:
    from dtq_library.email.message import Enclosed
    from dtq_library.email.settings import MailSettings


def can_send(settings: MailSettings) -> bool:
    """Whether there is a mail server to send with."""
    return bool(settings.smtp_host and settings.smtp_from)


@task(title="Send an e-mail", category="Mail", timeout_s=900, max_attempts=5, when=can_send)
def send_email(
    ctx: Context,
    to: ask.To,
    subject: ask.Subject,
    text: ask.Text,
    cc: ask.Cc = ask.NOBODY,
    attachment: ask.Attachment = None,
) -> dict[str, Any]:
    """Send a plain text with one attachment to up to 50 people, through the mail server of this installation.

    - The sender is the address that the operator has set. Everybody in `To` and `Cc` sees everybody else.
    - Nobody is sent the message unless the server takes every recipient. The first that it refuses for good
      fails the task, with the server's words; what it refuses for now (a full box, greylisting, a server
      that is away) is tried again after a growing while.
    - The message has the same Message-ID in every attempt. Should a connection break in the very moment
      of the hand-over, a second copy may go out; mail programs that know its ID show it once.
    - That the server took a message does not mean that it arrived: what comes back goes to the sender's box.

    The result: `message_id`, `from`, `to` and `cc`, `size` in bytes and `server`, its last words.
    """
    from dtq_library.email.addresses import addresses, require_few
    from dtq_library.email.message import Letter, compose, require_writable
    from dtq_library.email.smtp import send

    settings = ctx.settings
    if not can_send(settings):
        raise Fail("No mail server is set here; an operator can set SMTP_HOST and SMTP_FROM.")
    enclosed = _enclosed(attachment)
    require_writable(subject, enclosed)
    people = addresses(to, "to"), addresses(cc, "cc")
    letter = Letter(settings.smtp_from, *people, subject.strip(), text, ctx.idempotency_key, enclosed)
    require_few(letter.recipients)
    content = compose(letter)
    ctx.progress(0, 1, f"Sending {len(content):,} bytes to {len(letter.recipients)}")
    server = send(settings, letter, content)
    ctx.progress(1, 1, "The mail server has taken it")
    return {
        "message_id": letter.message_id,
        "from": letter.sender,
        "to": letter.to,
        "cc": letter.cc,
        "size": len(content),
        "server": server,
    }


def _enclosed(attachment: File | None) -> Enclosed | None:
    from dtq_library.email.message import Enclosed

    if attachment is None:
        return None
    return Enclosed(attachment.path, attachment.name, attachment.content_type, attachment.size)
