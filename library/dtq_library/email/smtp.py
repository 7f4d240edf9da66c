"""The conversation with the mail server. Nobody gets the message unless everybody may.

An answer from 400 on is temporary and one from 500 on is final (RFC 5321, 4.2.1).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import TYPE_CHECKING

from dtq import Fail, Retry
from dtq.outgoing.mail import connected

if TYPE_CHECKING:
    from dtq.outgoing.mail import MailServer
    from dtq_library.email.message import Letter

EACH_S = 60.0
"""How long one answer of the server may take."""


def send(settings: MailServer, letter: Letter, content: bytes) -> str:
    """Hand a message over; returns the server's last words. Raises Fail, Retry."""
    where = f"The mail server {settings.smtp_host}:{settings.smtp_port}"
    try:
        with connected(settings, EACH_S) as client:
            return _deliver(client, letter, content)
    except smtplib.SMTPAuthenticationError as error:
        raise _outcome(error.smtp_code, f"{where} refused the login of SMTP_USER: {_words(error)}") from None
    except smtplib.SMTPResponseException as error:
        raise _outcome(error.smtp_code, f"{where} refused: {_words(error)}") from None
    except smtplib.SMTPNotSupportedError as error:
        raise Fail(f"{where} does not offer what the settings ask for (SMTP_SECURITY, SMTP_USER).") from error
    except ssl.SSLCertVerificationError as error:
        raise Fail(f"{where} has a certificate that is not trusted: {error.verify_message}.") from error
    except ssl.SSLError as error:
        raise Fail(f"{where} does not speak TLS as SMTP_SECURITY says: {error.reason}.") from error
    except socket.gaierror as error:
        raise Retry(f"{where} could not be found: {error.strerror}.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Retry(f"{where} did not answer or broke the connection off: {error}.") from error


def _deliver(client: smtplib.SMTP, letter: Letter, content: bytes) -> str:
    client.ehlo_or_helo_if_needed()
    limit = client.esmtp_features.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(content):
        raise Fail(
            f"The message has {len(content):,} bytes, and the mail server takes {int(limit):,} at the most."
        )
    _require(client.mail(letter.sender, _options(client, letter, content)), "the sender")
    answers = [(recipient, client.rcpt(recipient)) for recipient in letter.recipients]
    refused = [(recipient, answer) for recipient, answer in answers if answer[0] not in (250, 251)]
    if refused:
        client.rset()
        raise _recipients_outcome(refused)
    code, words = client.data(content)
    _require((code, words), "the message")
    return _text(words)


def _options(client: smtplib.SMTP, letter: Letter, content: bytes) -> list[str]:
    options = [f"SIZE={len(content)}"] if client.has_extn("size") else []
    if not letter.international:
        return options
    if not client.has_extn("smtputf8"):
        raise Fail("An address has letters beyond ASCII, and the mail server does not take those (SMTPUTF8).")
    return [*options, "SMTPUTF8", "BODY=8BITMIME"]


def _require(answer: tuple[int, bytes], what: str) -> None:
    if answer[0] != 250:
        raise _outcome(answer[0], f"The mail server refused {what}: {answer[0]} {_text(answer[1])}")


def _recipients_outcome(refused: list[tuple[str, tuple[int, bytes]]]) -> Fail | Retry:
    """One that is refused for good decides: to try again would never reach everybody."""
    said = "; ".join(f"{recipient}: {code} {_text(words)}" for recipient, (code, words) in refused)
    worst = max(code for _, (code, _) in refused)
    return _outcome(worst, f"The mail server refused recipients, so nobody was sent the message. {said}")


def _outcome(code: int, sentence: str) -> Fail | Retry:
    ended = sentence if sentence.endswith(".") else f"{sentence}."
    return Retry(ended) if 400 <= code < 500 or code < 0 else Fail(ended)


def _words(error: smtplib.SMTPResponseException) -> str:
    words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
    return f"{error.smtp_code} {_text(words)}"


def _text(words: bytes) -> str:
    """What a server said, in one line."""
    line = " ".join(words.decode("utf-8", "replace").split())
    return "".join(char for char in line if char.isprintable())[:500]
