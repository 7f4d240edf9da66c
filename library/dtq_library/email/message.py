"""The message itself, with headers that nothing can be put into.

Line breaks are refused, and so is the other way to write one: an encoded word (RFC 2047). Python's library
decodes ``=?utf-8?q?=0A?=`` when it is given a header, and older versions (3.11.7 for one) then write a line
break out. Whatever it wrote is looked at once more before it is sent.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from dtq import Fail, utcnow
from dtq.outgoing.mail import message_id_of, new_message

ATTACHMENT_MAX_MB = 25
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_ENCODED_WORD = re.compile(r"=\?.*\?=")
_HEADERS = ["from", "to", "cc", "subject", "date", "message-id", "auto-submitted", "content-type",
            "content-transfer-encoding", "mime-version"]  # fmt: skip
_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/([\w.+-]{1,100})", re.ASCII)


@dataclass(frozen=True)
class Enclosed:
    """A file that goes along."""

    path: Path
    name: str
    content_type: str
    size: int


@dataclass(frozen=True)
class Letter:
    """What a person wrote; addresses are checked already. ``key`` is the same for every attempt."""

    sender: str
    to: list[str]
    cc: list[str]
    subject: str
    text: str
    key: str
    enclosed: Enclosed | None = None

    @property
    def recipients(self) -> list[str]:
        """Each once, however often it was named."""
        return list(dict.fromkeys([*self.to, *self.cc]))

    @property
    def message_id(self) -> str:
        """The same for each attempt."""
        key = self.key if _KEY.fullmatch(self.key) else hashlib.sha256(self.key.encode()).hexdigest()
        return message_id_of(f"task-{key}", self.sender)

    @property
    def international(self) -> bool:
        """Whether an address has letters beyond ASCII, which not every server takes."""
        return not all(recipient.isascii() for recipient in self.recipients)


def require_writable(subject: str, enclosed: Enclosed | None) -> None:
    """Raises Fail for a subject of several lines and for a file that no mail server would take."""
    if not subject.strip() or not subject.isprintable():
        raise Fail("The subject must be one line of visible characters.")
    if _ENCODED_WORD.search(subject):
        raise Fail(
            "The subject holds =? and ?=, between which mail programs expect code; write it otherwise."
        )
    if enclosed and enclosed.size > ATTACHMENT_MAX_MB * 2**20:
        raise Fail(
            f"{enclosed.name} is larger than {ATTACHMENT_MAX_MB} MB, which mail servers do not take; "
            "send a link to it."
        )


def compose(letter: Letter) -> bytes:
    """The message as it is sent, lines ended by CRLF."""
    for address in (letter.sender, *letter.to, *letter.cc):
        _require_read_as_written(address)
    message = new_message(
        sender=letter.sender,
        to=letter.to,
        cc=letter.cc,
        subject=letter.subject,
        text=letter.text,
        at=utcnow(),
        message_id=letter.message_id,
        international=letter.international,
    )
    if letter.enclosed:
        _enclose(message, letter.enclosed)
    content = message.as_bytes()
    _require_own_headers(content)
    return content


def _require_read_as_written(address: str) -> None:
    """Raises Fail for an address that would be decoded into something else."""
    if _ENCODED_WORD.search(address):
        raise Fail(f"The address {address} holds =? and ?=, which mail programs read as code.")


def _require_own_headers(content: bytes) -> None:
    """Raises Fail when a header is there that was not meant, or one of them twice."""
    lines = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [line.partition(b":")[0].decode("utf-8").lower() for line in lines if line[:1] not in b" \t"]
    if set(names) - set(_HEADERS) or len(names) != len(set(names)) or b"\n" in b"".join(lines):
        raise Fail("The message was not sent: what was written into its headers would have changed them.")


def _enclose(message: EmailMessage, enclosed: Enclosed) -> None:
    kind = _TYPE.fullmatch(enclosed.content_type)
    main, sub = (kind[1], kind[2]) if kind else ("application", "octet-stream")
    name = enclosed.name.replace("=?", "=_")
    message.add_attachment(enclosed.path.read_bytes(), maintype=main, subtype=sub, filename=name)
