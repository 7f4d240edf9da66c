"""What the mail server's answers come to, and how the connection to it is secured."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from dtq_library.email import smtp
from dtq_library.email.tasks import send_email
from tests.library.email.conftest import SENDER, Box, Server, server_context
from tests.library.running import Runner
from workers.attempt.attempt import Failed

Serve = Callable[..., Server]
USUAL: dict[str, Any] = {
    "to": ["ann@example.org", "bob@example.org"],
    "subject": "Hello",
    "text": "How are you?",
}


@pytest.fixture
def through(tmp_path: Path) -> Callable[..., Runner]:
    """Alice, sending through a server."""
    return lambda server, **settings: Runner(tmp_path, **{**server.settings, **settings})


Through = Callable[..., Runner]


# Answers


@pytest.mark.parametrize(
    ("answers", "again", "said"),
    [
        ({"MAIL": "451 Try later"}, True, "refused the sender: 451 Try later"),
        ({"MAIL": "550 Not you"}, False, "refused the sender: 550 Not you"),
        ({"ann@example.org": "450 Graylisted"}, True, "ann@example.org: 450 Graylisted"),
        ({"ann@example.org": "550 Nobody here"}, False, "ann@example.org: 550 Nobody here"),
        (
            {"ann@example.org": "452 Full", "bob@example.org": "550 Gone"},
            False,
            "ann@example.org: 452 Full; bob",
        ),
        ({"DATA": "452 Full"}, True, "refused the message: 452 Full"),
        ({"DATA": "554 5.7.1 Spam"}, False, "refused the message: 554 5.7.1 Spam"),
        ({"DATA": "421 Shutting down"}, True, "421 Shutting down"),
    ],
)
def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(
    through: Through, serve: Serve, box: Box, answers: dict[str, str], again: bool, said: str
) -> None:
    box.answers = answers
    failed = through(serve()).failure(send_email, **USUAL)

    assert (failed.retry, failed.error["kind"]) == (again, "retry" if again else "failed")
    assert said in failed.error["message"]
    assert box.mails == []  # also not for those who were taken


def test_a_message_that_is_too_large_for_the_server_is_not_begun(
    through: Through, serve: Serve, box: Box
) -> None:
    said = through(serve(data_size_limit=1_000)).refusal(send_email, **{**USUAL, "text": "x" * 2_000})

    assert "takes 1,000 at the most" in said
    assert box.mails == []


def test_letters_beyond_ascii_need_a_server_that_takes_them(through: Through, serve: Serve, box: Box) -> None:
    params = {**USUAL, "to": ["jürgen@example.org"]}
    assert "SMTPUTF8" in through(serve()).refusal(send_email, **params)
    through(serve(enable_SMTPUTF8=True)).result(send_email, **params)

    assert box.mails[0].rcpt_tos == ["jürgen@example.org"]
    assert box.only["To"] == "jürgen@example.org"


# A server that is not there, or is no mail server


def failure_at(tmp_path: Path, port: int, **settings: Any) -> Failed:
    given = {"smtp_host": "127.0.0.1", "smtp_security": "none", "smtp_from": SENDER, **settings}
    return Runner(tmp_path, smtp_port=port, **given).failure(send_email, **USUAL)


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    failed = failure_at(tmp_path, port)

    assert failed.retry
    assert f"127.0.0.1:{port} did not answer" in failed.error["message"]


@pytest.mark.parametrize(
    "greeting", [b"", b"\x00\xff\r\n", b"421 Too many connections\r\n", b"HTTP/1.1 400 Bad\r\n"]
)
def test_a_server_that_says_something_else_is_tried_again_or_named(tmp_path: Path, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_greet, args=(listening, greeting), daemon=True).start()
        failed = failure_at(tmp_path, listening.getsockname()[1])

    assert failed.error["kind"] in ("retry", "failed")


def _greet(listening: socket.socket, greeting: bytes) -> None:
    taken, _ = listening.accept()
    with taken:
        taken.sendall(greeting)


def test_a_server_that_is_silent_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "EACH_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert failure_at(tmp_path, listening.getsockname()[1]).retry


# Security of the connection


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login_goes_over_a_connection_that_was_checked(
    through: Through, serve: Serve, box: Box, authority: trustme.CA, security: str
) -> None:
    context = server_context(authority)
    given = (
        {"tls_context": context, "require_starttls": True}
        if security == "starttls"
        else {"ssl_context": context}
    )
    server = serve(security, authenticator=box.login, auth_require_tls=security == "starttls", **given)
    right = through(server, smtp_user="queue", smtp_password="right")
    right.result(send_email, **USUAL)
    said = through(server, smtp_user="queue", smtp_password="wr0ng").refusal(send_email, **USUAL)

    assert box.logins[0] == ("queue", "right")
    assert len(box.mails) == 1
    assert "refused the login of SMTP_USER: 535" in said
    assert "wr0ng" not in said


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_is_not_trusted_is_sent_nothing(
    through: Through, serve: Serve, box: Box, authority: trustme.CA, security: str
) -> None:
    for context in (server_context(trustme.CA()), server_context(authority, "other.example")):
        given = {"tls_context" if security == "starttls" else "ssl_context": context}
        server = serve(security, authenticator=box.login, auth_require_tls=False, **given)
        said = through(server, smtp_user="queue", smtp_password="right").refusal(send_email, **USUAL)
        assert "has a certificate that is not trusted" in said

    assert (box.logins, box.mails) == ([], [])


def test_a_connection_that_cannot_be_secured_is_not_used_open(
    through: Through, serve: Serve, box: Box
) -> None:
    server = serve("none", authenticator=box.login, auth_require_tls=False)
    settings = {"smtp_user": "queue", "smtp_password": "right"}
    said = through(server, smtp_security="starttls", **settings).refusal(send_email, **USUAL)

    assert "does not offer what the settings ask for" in said
    assert "TLS" in through(server, smtp_security="tls", **settings).refusal(send_email, **USUAL)
    assert (box.logins, box.mails) == ([], [])
