"""Credentials of an HTTP request: sent to one host, in one of three ways, and hidden in what comes back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.core.secrets.secret import Secret
from dtq_library.http.tasks import http_request
from tests.canary import CANARY, hits
from tests.library.http.site import Site
from tests.library.running import Runner

Ask = Callable[..., dict[str, Any]]
BASIC = "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode()


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def authorizations(site: Site) -> list[str | None]:
    return [each["headers"].get("Authorization") for each in site.seen]


@pytest.mark.parametrize(
    ("scheme", "typed", "sent"),
    [
        ("bearer", CANARY, f"Bearer {CANARY}"),
        ("basic", f"user:{CANARY}", BASIC),
        ("plain", f"Token {CANARY}", f"Token {CANARY}"),
    ],
)
def test_they_are_sent_and_hidden_in_a_body_that_repeats_them(
    ask: Ask, site: Site, capfd: Any, scheme: str, typed: str, sent: str
) -> None:
    result = ask("/", credentials=Secret(typed), scheme=scheme)

    assert authorizations(site) == [sent]
    assert '"Authorization": "' in result["body"] and "***" in result["body"]
    assert hits(f"{result} {capfd.readouterr()}") == []


def test_a_body_that_is_kept_as_a_file_or_logged_is_without_them(
    runner: Runner, site: Site, capfd: Any
) -> None:
    given = {"url": f"{site.url}/", "credentials": Secret(CANARY)}
    saved = runner.result(http_request, keep_body="file", **given)
    runner.refusal(http_request, expected_status="404", **given)

    assert b"Authorization" in runner.content(saved["file"]) and hits(runner.content(saved["file"])) == []
    logged = capfd.readouterr().out
    assert "The body begins:" in logged and hits(logged) == []


def test_they_are_not_taken_along_to_another_origin_nor_back(
    make: Callable[..., Runner], site: Site, elsewhere: Site
) -> None:
    runner = make(http_allow=(site.host, elsewhere.host))
    back = f"{elsewhere.url}/to?302%26{site.url}/end"
    runner.result(http_request, url=f"{site.url}/to?302&/to?302%26{back}", credentials=Secret(CANARY))

    assert authorizations(site)[:1] == [f"Bearer {CANARY}"] and authorizations(site)[-1] is None
    assert authorizations(elsewhere) and set(authorizations(elsewhere)) == {None}


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"credentials": "no colon", "scheme": "basic"}, "of the form user:password"),
        ({"credentials": "line\nbreak"}, "a character that a header cannot have"),
        ({"credentials": "ü"}, "a character that a header cannot have"),
        ({"credentials": "one", "headers": "authorization: two"}, "not both"),
    ],
)
def test_what_cannot_be_sent_is_a_sentence_without_them(
    runner: Runner, site: Site, params: dict[str, Any], why: str
) -> None:
    given = {**params, "credentials": Secret(params["credentials"])}
    said = runner.refusal(http_request, url=site.url, **given)

    assert why in said and params["credentials"] not in said and site.seen == []
