"""*HTTP request* against a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dtq_library.http.tasks import http_request, statuses
from tests.library.http.site import Site
from tests.library.running import Runner

Ask = Callable[..., dict[str, Any]]


def refusal(runner: Runner, site: Site, path: str, **params: Any) -> str:
    return runner.refusal(http_request, url=site.url + path, **params)


def test_an_answer_whole(ask: Ask, site: Site) -> None:
    result = ask("/a?b=c", headers="Accept: application/json\nX-Api-Key: s3cret\n")

    assert (result["status"], result["reason"], result["address"]) == (200, "OK", "127.0.0.1")
    assert (result["url"], result["redirects"], result["file"]) == (f"{site.url}/a?...", [], None)
    assert (result["content_type"], result["encoding"], result["notes"]) == ("application/json", "utf-8", [])
    assert result["size"] == len(result["body"].encode())
    assert 0 < result["seconds"] < 5
    seen = json.loads(result["body"])
    assert (seen["method"], seen["path"], seen["body"]) == ("GET", "/a?b=c", "")
    assert seen["headers"] == {
        "Host": site.host,
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "User-Agent": "distributed-task-queue",
        "X-Api-Key": "s3cret",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_is_sent_as_it_is(ask: Ask, site: Site, method: str) -> None:
    ask("/", method=method, body='{"name": "Ünal"}')

    (seen,) = site.seen
    assert (seen["method"], seen["body"]) == (method, '{"name": "Ünal"}'.encode())
    assert seen["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("headers", "announced"), [("", "text/plain; charset=utf-8"), ("content-type: text/csv", "text/csv")]
)
def test_a_body_that_is_no_json_is_text_unless_it_is_said(
    ask: Ask, site: Site, headers: str, announced: str
) -> None:
    ask("/", method="POST", body="a=1", headers=headers)

    kinds = {name.lower(): value for name, value in site.seen[0]["headers"].items()}
    assert kinds["content-type"] == announced


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_body_where_there_can_be_none_is_refused(runner: Runner, site: Site, method: str) -> None:
    assert "has no body" in refusal(runner, site, "/", method=method, body="x")
    assert site.seen == []


def test_a_head_request_has_headers_and_no_body(ask: Ask) -> None:
    result = ask("/long?1000", method="HEAD")

    assert {"name": "Content-Length", "value": "5000"} in result["headers"]
    assert (result["size"], result["body"], result["file"]) == (0, None, None)


# Status


@pytest.mark.parametrize("status", [400, 401, 404, 409, 501])
def test_an_unexpected_status_fails_for_good(runner: Runner, site: Site, status: int, capsys: Any) -> None:
    said = refusal(runner, site, f"/status?{status}")

    assert said.startswith(f"The server answered {status} ")
    assert said.endswith("; 200-299 was expected.")
    assert "The body begins:\nso it is" in capsys.readouterr().out


def test_an_expected_status_is_no_failure(ask: Ask) -> None:
    assert ask("/status?404", expected_status="200-299, 404")["body"] == "so it is"
    assert ask("/status?503", expected_status="503")["reason"] == "Service Unavailable"
    assert ask("/status?599", expected_status="500-599")["reason"] == "(no status of the standard)"


def test_statuses_are_numbers_and_ranges() -> None:
    assert statuses("200-299, 404") == {*range(200, 300), 404}
    assert statuses(" 201 ") == {201}


def test_a_range_that_runs_backwards_is_said(runner: Runner, site: Site) -> None:
    assert "299-200 runs backwards" in refusal(runner, site, "/", expected_status="299-200")


# Redirects


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "GET", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (301, "PUT", "PUT", b"x"),
        (307, "POST", "POST", b"x"),
        (308, "POST", "POST", b"x"),
    ],
)
def test_redirects_are_followed_as_browsers_do(
    ask: Ask, site: Site, status: int, method: str, then: str, body: bytes
) -> None:
    given = {"body": "x"} if method in ("POST", "PUT") else {}
    result = ask(f"/to?{status}&/there", method=method, headers="X-Kept: yes", **given)

    assert result["redirects"] == [{"status": status, "url": f"{site.url}/to?..."}]
    assert result["url"] == f"{site.url}/there"
    assert (site.seen[1]["method"], site.seen[1]["body"]) == (then, body)
    assert site.seen[1]["headers"]["X-Kept"] == "yes"
    assert ("Content-Type" in site.seen[1]["headers"]) == bool(body)


def test_secrets_stay_behind_at_another_origin(make: Callable[..., Runner], site: Site) -> None:
    other = Site()
    sent = "Authorization: Bearer t\nCookie: a=b\nX-Token: t\nX-Own: t\nAccept: text/plain\nUser-Agent: me"
    result = make(http_allow=(site.host, other.host)).result(
        http_request, url=f"{site.url}/to?307&{other.url}/x", headers=sent
    )
    other.close()

    assert result["url"] == f"{other.url}/x"
    assert set(site.seen[0]["headers"]) >= {"Authorization", "Cookie", "X-Token", "X-Own"}
    assert set(other.seen[0]["headers"]) == {"Host", "Accept", "User-Agent", "Accept-Encoding", "Connection"}


def test_a_redirect_is_an_answer_where_it_is_not_followed(ask: Ask, site: Site) -> None:
    result = ask("/to?302&/there", follow_redirects=False, expected_status="302")

    assert (result["status"], len(site.seen)) == (302, 1)
    assert {"name": "Location", "value": "/there"} in result["headers"]


def test_a_redirect_without_end_is_ended(runner: Runner, site: Site) -> None:
    assert "more than 10 times" in refusal(runner, site, "/loop")
    assert len(site.seen) == 11


# Headers


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ("no colon", "Line 1 of the headers is not of the form"),
        ("A: b\nBad name: c", "Line 2 of the headers is not of the form"),
        ("A: b\r\rHost: evil", "the value of A holds a character"),
        ("A: b\x00", "the value of A holds a character"),
        ("A: b\x0bc", "the value of A holds a character"),
        ("A: b\u2028Host: evil", "the value of A holds a character"),
        ("A: größe", "Letters beyond ASCII must be encoded"),
        ("host: evil.example", "host is set by the program"),
        ("Content-Length: 0", "Content-Length is set by the program"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding is set by the program"),
        ("Proxy-Authorization: x", "Proxy-Authorization is set by the program"),
        (" : x", "is not of the form"),
        ("A: " + "b" * 8_193, "more than 8,192 of them"),
    ],
)
def test_a_header_that_cannot_be_sent_is_named(runner: Runner, site: Site, headers: str, said: str) -> None:
    assert said in refusal(runner, site, "/", headers=headers)
    assert site.seen == []


def test_secrets_are_hidden_in_the_log_and_the_result(ask: Ask, capsys: Any) -> None:
    result = ask(
        "/to?302&/x?key=hush", headers="Authorization: Basic hush\nX-Api-Key: hush", keep_body="nothing"
    )

    assert {"name": "Set-Cookie", "value": "(hidden)"} in result["headers"]
    said = capsys.readouterr().out
    assert "Authorization: (hidden)" in said
    assert "hush" not in said + json.dumps(result)


def test_no_sentence_of_a_refusal_repeats_a_value(runner: Runner, site: Site) -> None:
    assert "hush" not in refusal(runner, site, "/", headers="Authorization: hush\x01")
    assert "hush" not in refusal(runner, site, "/status?404", headers="Authorization: hush")
