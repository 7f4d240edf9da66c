"""*Send an e-mail* through a real SMTP server on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from dtq import Fail
from dtq_library.email import message
from dtq_library.email.tasks import can_send, send_email
from tests.library.email.conftest import SENDER, Box, Server
from tests.library.running import Runner
from workers.types.task_modules import load

Send = Callable[..., dict[str, Any]]
Refusal = Callable[..., str]
Serve = Callable[..., Server]


def test_a_message_arrives_as_it_was_written(send: Send, box: Box, alice: Runner) -> None:
    text = "Größe: 5 €\n.\n..dots\nFrom here on\n\n" + "long " * 300 + "\n"
    result = send(
        to=["ann@example.org", "Bob@Example.ORG "], cc=["cy@bücher.example"], subject="Grüße: 5 €", text=text
    )

    (envelope,) = box.mails
    assert envelope.mail_from == SENDER
    assert envelope.rcpt_tos == ["ann@example.org", "Bob@example.org", "cy@xn--bcher-kva.example"]
    assert (box.only["From"], box.only["Subject"]) == (SENDER, "Grüße: 5 €")
    assert (box.only["To"], box.only["Cc"]) == (
        "ann@example.org, Bob@example.org",
        "cy@xn--bcher-kva.example",
    )
    assert box.only.get_content().replace("\r\n", "\n") == text
    assert box.only["Auto-Submitted"] == "auto-generated"
    assert result == {
        "message_id": box.only["Message-ID"],
        "from": SENDER,
        "to": ["ann@example.org", "Bob@example.org"],
        "cc": ["cy@xn--bcher-kva.example"],
        "size": len(box.bytes),
        "server": "2.0.0 Queued as 42",
    }
    assert [done for done, _, _ in alice.told] == [0, 1]


def test_each_attempt_has_the_same_id(send: Send, box: Box, alice: Runner) -> None:
    assert send()["message_id"] == f"<task-{alice.key}@example.org>"
    first = alice.key
    assert send()["message_id"] == f"<task-{alice.key}@example.org>"
    assert alice.key != first


def test_somebody_who_is_named_twice_gets_it_once(send: Send, box: Box) -> None:
    send(to=["ann@example.org", "ann@example.org"], cc=["ann@example.org", "bob@example.org", " "])

    assert box.mails[0].rcpt_tos == ["ann@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("Größe €.csv", b"a;b\r\n1;2\r\n", "text/csv"),
        ("photo.png", bytes(range(256)), "image/png"),
        ("mail.eml", b"Subject: x\r\n\r\ny", "application/octet-stream"),
        ("empty", b"", "application/octet-stream"),
    ],
)
def test_an_attachment_arrives_byte_for_byte(
    send: Send, box: Box, alice: Runner, name: str, content: bytes, content_type: str
) -> None:
    send(attachment=alice.file(content, name))

    (enclosed,) = box.only.iter_attachments()
    assert enclosed.get_payload(decode=True) == content
    assert (enclosed.get_filename(), enclosed.get_content_type()) == (name, content_type)


def test_an_attachment_that_no_server_takes_is_refused(refusal: Refusal, alice: Runner, box: Box) -> None:
    assert "larger than 25 MB" in refusal(attachment=alice.file(bytes(25 * 2**20 + 1), "big.bin"))
    assert box.mails == []


# Nothing gets into a header or beside the recipients


@pytest.mark.parametrize(
    "end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00", "\x1c"]
)
def test_no_line_break_gets_into_a_header(refusal: Refusal, box: Box, end: str) -> None:
    assert "one line" in refusal(subject=f"Hello{end}Bcc: eve@example.org")
    assert "no e-mail address" in refusal(to=[f"ann@example.org{end}Bcc: eve@example.org"])
    assert "no e-mail address" in refusal(cc=[f"ann{end}@example.org"])
    assert box.mails == []


def test_a_line_break_in_the_name_of_a_file_stays_in_it(send: Send, box: Box, alice: Runner) -> None:
    send(attachment=alice.file("x", 'a"\r\nBcc: eve@example.org\r\n\r\nb.txt'))

    assert box.mails[0].rcpt_tos == ["ann@example.org"]
    assert box.only["Bcc"] is None
    (enclosed,) = box.only.iter_attachments()
    assert "Bcc" not in enclosed and "\n" not in (enclosed.get_filename() or "")


ENCODED = "=?utf-8?q?Hello=0D=0ABcc=3A_eve=40example=2Eorg?="
"""The library decodes it, and some versions of it write the line break out."""


def test_no_encoded_line_break_gets_into_a_header(refusal: Refusal, box: Box) -> None:
    assert "=? and ?=" in refusal(subject=ENCODED)
    assert "=? and ?=" in refusal(subject="a =?utf-8?b?SGVsbG8NCkJjYzogZXZl?=")
    assert "=? and ?=" in refusal(to=[f"{ENCODED}@example.org"])
    assert "=? and ?=" in refusal(to=["ann@example.org", "=?u?q?=0A?=@example.org"])
    assert box.mails == []


def test_no_encoded_line_break_in_the_name_of_a_file_is_decoded(send: Send, box: Box, alice: Runner) -> None:
    send(attachment=alice.file("x", f"{ENCODED}.txt"))

    assert b"\nBcc" not in box.bytes
    (enclosed,) = box.only.iter_attachments()
    assert enclosed.get_filename() == "=_" + ENCODED[2:] + ".txt"


def test_whatever_the_library_wrote_is_looked_at_again() -> None:
    fine = b"From: a\r\nTo: b,\r\n c\r\nSubject: x\r\n\r\nBcc: text"
    message._require_own_headers(fine)
    for more in (b"Bcc: eve", b"To: eve", b"X: y", b"Subject: x\nBcc: eve", b"\xff: x"):
        with pytest.raises((Fail, UnicodeDecodeError)):
            message._require_own_headers(more + b"\r\n" + fine)


@pytest.mark.parametrize(
    "subject",
    ["x" * 250, "ü" * 250, "Why =? and what?", "Re: , ; <a@b>", "a" * 90 + " " + "b" * 90, "🎉" * 60],
)
def test_any_other_subject_arrives(send: Send, box: Box, subject: str) -> None:
    send(subject=subject)

    assert box.only.get_all("Subject") == [subject]
    assert all(len(line) <= 998 for line in box.bytes.splitlines())


@pytest.mark.parametrize(
    "address",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@exa mple.org",
        "ann@example",
        "Ann <ann@example.org>",
        "a@b.c, d@e.org",
        "a@[127.0.0.1]",
        '"a b"@example.org',
        "ann@example.org>",
        "<ann@example.org",
        "ann@-x.org",
        "ann..b@example.org",
        "ann@example.org\\",
        "ann@localhost@example.org",
        "a" * 65 + "@example.org",
    ],
)
def test_what_is_no_address_is_named(refusal: Refusal, box: Box, address: str) -> None:
    said = refusal(to=["bob@example.org", address])

    assert said.startswith(f"“{address}” (to) is no e-mail address: ")
    assert box.mails == []


def test_mail_within_a_house_may_go_to_local_names(send: Send, box: Box) -> None:
    send(to=["ann@server.local", "root@localhost"])

    assert box.mails[0].rcpt_tos == ["ann@server.local", "root@localhost"]


@pytest.mark.parametrize("to", [[" "], [f"a{number}@example.org" for number in range(50)]])
def test_nobody_and_too_many_are_refused(refusal: Refusal, box: Box, to: list[str]) -> None:
    assert "ecipient" in refusal(to=to, cc=["b@example.org"] if len(to) > 1 else [])
    assert box.mails == []


# Where there is a mail server


def test_it_is_published_only_with_a_mail_server(settings: Settings) -> None:
    there = dataclasses.replace(settings, smtp_host="mail.example.org", smtp_from=SENDER)

    assert "send_email" in load(["dtq_library.email.tasks"], there)
    assert "send_email" not in load(["dtq_library.email.tasks"], settings)
    assert not can_send(dataclasses.replace(there, smtp_from=""))


def test_without_a_mail_server_it_says_so(tmp_path: Path) -> None:
    said = Runner(tmp_path).refusal(send_email, to=["a@example.org"], subject="x", text="y")

    assert said == "No mail server is set here; an operator can set SMTP_HOST and SMTP_FROM."
