"""When a request is sent again, after how long, and when it must not be."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.core.clock import utcnow
from dtq_library.http.retries import after_s
from dtq_library.http.tasks import http_request
from tests.library.http.site import Site
from tests.library.running import Runner
from workers.attempt.attempt import Failed

Make = Callable[..., Runner]


def failure(runner: Runner, site: Site, path: str, **params: Any) -> Failed:
    return runner.failure(http_request, url=site.url + path, **params)


@pytest.mark.parametrize(
    ("status", "method", "retry", "again"),
    [
        (503, "GET", "safe", True),
        (500, "GET", "safe", True),
        (502, "PUT", "safe", True),
        (429, "POST", "safe", True),
        (503, "POST", "safe", True),
        (500, "POST", "safe", False),
        (504, "PATCH", "safe", False),
        (500, "POST", "always", True),
        (503, "GET", "never", False),
        (501, "GET", "always", False),
        (404, "GET", "always", False),
    ],
)
def test_a_status_is_tried_again_where_it_helps_and_harms_nobody(
    runner: Runner, site: Site, status: int, method: str, retry: str, again: bool
) -> None:
    failed = failure(runner, site, f"/status?{status}", method=method, retry=retry)

    assert (failed.retry, failed.error["kind"]) == (again, "retry" if again else "failed")
    assert len(site.seen) == 1


def test_the_server_says_when(runner: Runner, site: Site) -> None:
    assert failure(runner, site, "/status?429&7").after_s == 7
    assert failure(runner, site, "/status?429").after_s is None


def test_retry_after_is_seconds_or_a_moment_and_a_day_at_the_most() -> None:
    soon = format_datetime(utcnow() + timedelta(seconds=90), usegmt=True)
    past = format_datetime(utcnow() - timedelta(seconds=90), usegmt=True)
    waits = {
        "120": 120.0,
        "0": 0.0,
        "9" * 50: 86_400.0,
        past: 0.0,
        "soon": None,
        "-5": None,
        "١٢": None,
        "": None,
    }

    assert {value: after_s([("retry-AFTER", value)]) for value in waits} == waits
    assert after_s([("Retry-After", soon)]) == pytest.approx(90, abs=2)
    assert after_s([]) is None


@pytest.mark.parametrize("path", ["/cut", "/rubbish", "/gzip?5", "/notgzip"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_broken_answer_is_asked_for_again_only_where_that_does_nothing_twice(
    runner: Runner, site: Site, path: str, method: str
) -> None:
    failed = failure(runner, site, path, method=method)

    assert failed.retry == (method == "GET")
    assert ("may have done what was asked" in failed.error["message"]) == (method == "POST")


def test_a_connection_that_nobody_takes_is_tried_again_whatever_it_was_for(make: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    failed = make(http_allow=(host,)).failure(http_request, url=f"http://{host}/", method="POST")

    assert failed.error["message"].startswith(f"{host} did not take the connection")
    assert failed.retry


# Certificates


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """An authority that this machine believes."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def secured(authority: trustme.CA, name: str, host: str) -> Site:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return Site(context, host)


@pytest.mark.parametrize("host", ["shop.example", "127.0.0.1"])
def test_a_certificate_is_checked_for_the_name_and_not_for_where_it_leads(
    make: Make, names: dict[str, Any], authority: trustme.CA, host: str
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    site = secured(authority, host, host)
    result = make(http_allow=(site.host,)).result(http_request, url=site.url)
    site.close()

    assert (result["status"], result["address"]) == (200, "127.0.0.1")
    assert site.seen[0]["headers"]["Host"] == site.host


def test_a_certificate_of_another_name_is_not_trusted(
    make: Make, names: dict[str, Any], authority: trustme.CA
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    site = secured(authority, "other.example", "shop.example")
    said = make(http_allow=(site.host,)).refusal(http_request, url=site.url)
    site.close()

    assert said.startswith("The certificate of shop.example is not trusted: ")
    assert site.seen == []


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    make: Make, names: dict[str, Any], authority: trustme.CA
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    site = secured(trustme.CA(), "shop.example", "shop.example")
    said = make(http_allow=(site.host,)).refusal(http_request, url=site.url)
    site.close()

    assert said.startswith("The certificate of shop.example is not trusted: ")


def test_a_redirect_never_leads_out_of_https(
    make: Make, site: Site, names: dict[str, Any], authority: trustme.CA
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    secure = secured(authority, "shop.example", "shop.example")
    alice = make(http_allow=(site.host, secure.host))
    said = alice.refusal(http_request, url=f"{secure.url}/to?302&{site.url}/")
    secure.close()

    assert "from https to http" in said
    assert site.seen == []
