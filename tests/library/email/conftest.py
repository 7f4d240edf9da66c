"""A real mail server on this machine, and Alice, who sends through it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from dtq_library.email.tasks import send_email
from tests.library.running import Runner

SENDER = "queue@example.org"


class Box:
    """Takes mail. ``answers`` says what is answered instead: by a recipient, or by `MAIL` or `DATA`."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.logins: list[tuple[str, str]] = []
        self.answers: dict[str, str] = {}

    @property
    def only(self) -> EmailMessage:
        """The one message that came, as a mail program reads it."""
        read = message_from_bytes(self.bytes, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def bytes(self) -> bytes:
        """The one message that came, as it came."""
        (envelope,) = self.mails
        assert isinstance(envelope.content, bytes)
        return envelope.content

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)


class Handler:
    """What aiosmtpd calls, for a box."""

    def __init__(self, box: Box) -> None:
        self.box = box

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options = options
        return self.box.answers.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        answer = self.box.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        answer = self.box.answers.get("DATA", "250 2.0.0 Queued as 42")
        if answer.startswith("250"):
            self.box.mails.append(envelope)
        return answer


class Server:
    """Where mail is taken; ``settings`` are those of an operator who knows it."""

    def __init__(self, box: Box, security: str, **given: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._controller = Controller(
            Handler(box), hostname="127.0.0.1", port=port, server_hostname="mail.example", **given
        )
        self._controller.start()
        self.settings = {
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_security": security,
            "smtp_from": SENDER,
        }

    def close(self) -> None:
        self._controller.stop()


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def serve(box: Box) -> Iterator[Callable[..., Server]]:
    """Start a mail server; ``security`` is none, starttls or tls, and the rest is aiosmtpd's."""
    started: list[Server] = []

    def start(security: str = "none", **given: Any) -> Server:
        started.append(Server(box, security, **{"enable_SMTPUTF8": False, **given}))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def alice(serve: Callable[..., Server], tmp_path: Path) -> Runner:
    return Runner(tmp_path, **serve().settings)


@pytest.fixture
def send(alice: Runner) -> Callable[..., dict[str, Any]]:
    """Send a usual e-mail, in which anything may be different."""
    usual = {"to": ["ann@example.org"], "subject": "Hello", "text": "How are you?"}
    return lambda **given: alice.result(send_email, **{**usual, **given})


@pytest.fixture
def refusal(alice: Runner) -> Callable[..., str]:
    """The sentence with which one fails for good."""
    usual = {"to": ["ann@example.org"], "subject": "Hello", "text": "How are you?"}
    return lambda **given: alice.refusal(send_email, **{**usual, **given})


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """An authority that this machine believes."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
