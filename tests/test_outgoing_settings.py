"""The settings of what goes out: hosts and ports of HTTP requests, the mail server."""

from __future__ import annotations

import pytest

from config import SettingsError, describe, load

MAIL = {"SMTP_HOST": "mail.example.org", "SMTP_FROM": "queue@example.org"}


def problem(**env: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load({"ENVIRONMENT": "local", **env})
    (found,) = raised.value.problems
    return found


def test_hosts_and_ports_are_lists() -> None:
    env = {"HTTP_ALLOW": "Intranet.example, 10.0.0.5:8080 [::1]:81", "HTTP_PORTS": "80, 8443"}
    settings = load({"ENVIRONMENT": "local", **env})

    assert settings.http_allow == ("intranet.example", "10.0.0.5:8080", "[::1]:81")
    assert settings.http_ports == (80, 8443)
    assert load({"ENVIRONMENT": "local"}).http_allow == ()


@pytest.mark.parametrize(
    "hosts",
    [
        "http://a.example",
        "a.example/x",
        "10.0.0.0/8",
        "*.example",
        "a:0",
        "a:65536",
        "::1",
        "[::zz]",
        "[1:2]",
        "a@b",
    ],
)
def test_what_is_no_host_is_refused(hosts: str) -> None:
    assert problem(HTTP_ALLOW=hosts).startswith("HTTP_ALLOW: use hosts such as")


@pytest.mark.parametrize("ports", ["0", "65536", "http", "80-90", ","])
def test_what_is_no_port_is_refused(ports: str) -> None:
    assert (
        problem(HTTP_PORTS=ports) == "HTTP_PORTS: use numbers of ports from 1 to 65535, separated by commas."
    )


def test_mail_needs_a_sender_and_a_password_needs_a_secured_connection() -> None:
    assert load({"ENVIRONMENT": "local", **MAIL}).smtp_security == "starttls"
    assert problem(SMTP_HOST="mail.example.org").startswith("SMTP_FROM: use an e-mail address")
    assert problem(**MAIL, SMTP_USER="u", SMTP_SECURITY="none").startswith(
        "SMTP_SECURITY: use starttls or tls"
    )
    assert problem(SMTP_FROM="Queue <queue@example.org>").startswith("SMTP_FROM: use an e-mail address")


def test_the_password_is_hidden() -> None:
    (row,) = [row for row in describe({"SMTP_PASSWORD": "hunter2"}) if row.name == "SMTP_PASSWORD"]
    assert "hunter2" not in repr(row)


def test_the_names_of_proxies_are_no_misspelt_settings() -> None:
    load({"ENVIRONMENT": "local", "HTTP_PROXY": "x", "HTTPS_PROXY": "y", "NO_PROXY": "z"})
