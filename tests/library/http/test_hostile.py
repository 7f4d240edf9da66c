"""Hostile addresses: however they are written, and whatever a name server says, nobody connects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from dtq_library.http.tasks import http_request
from tests.library.http import hostile
from tests.library.http.conftest import Canary
from tests.library.http.site import Site
from tests.library.running import Runner
from workers.attempt.attempt import Failed, Outcome

Make = Callable[..., Runner]
PUBLIC = "93.184.215.14"


def refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.error["type"] == "Refused" and not outcome.retry


@pytest.fixture
def alice(make: Make, canary: Canary) -> Runner:
    """Alice, where the canary's port is allowed, so that nothing but its address stands in the way."""
    return make(http_ports=(80, canary.port))


def test_no_hostile_address_is_connected_to(
    alice: Runner, canary: Canary, names: dict[str, Any], dialled: list[str]
) -> None:
    names |= {
        "localhost": [["127.0.0.1"]],
        "localhost.localdomain": [["127.0.0.1"]],
        "example.org": [["::1"]],
    }
    addresses = [text.format(p=canary.port) if "{p}" in text else text for text in hostile.EVERY]
    through = [each for each in addresses if not refused(alice.outcome(http_request, url=each))]

    assert len(set(addresses)) >= 80
    assert through == []
    assert (dialled, canary.connections) == ([], 0)


@pytest.mark.parametrize("answer", hostile.ANSWERS, ids=str)
def test_a_name_that_leads_inside_is_refused_with_all_its_addresses(
    alice: Runner, canary: Canary, names: dict[str, Any], dialled: list[str], answer: list[str]
) -> None:
    names["rebind.example"] = [answer]

    assert refused(alice.outcome(http_request, url=f"http://rebind.example:{canary.port}/"))
    assert (dialled, canary.connections) == ([], 0)


def test_a_name_that_answers_differently_the_second_time_is_asked_once(
    alice: Runner, canary: Canary, names: dict[str, Any], dialled: list[str]
) -> None:
    names["rebind.example"] = [[PUBLIC], ["127.0.0.1"], ["::1"]]
    failed = alice.failure(http_request, url=f"http://rebind.example:{canary.port}/", retry="never")

    assert "did not take the connection" in failed.error["message"]
    assert names["rebind.example"] == [["127.0.0.1"], ["::1"]]
    assert (dialled, canary.connections) == ([PUBLIC], 0)


def test_a_redirect_is_no_way_around(
    make: Make, site: Site, canary: Canary, names: dict[str, Any], dialled: list[str]
) -> None:
    names |= {
        "localhost": [["127.0.0.1"]],
        "localhost.localdomain": [["127.0.0.1"]],
        "example.org": [["::1"]],
    }
    alice = make(http_ports=(80, canary.port), http_allow=(site.host,))
    plain = [text.replace("{p}", str(canary.port)) for text in hostile.EVERY if text.isprintable()]
    urls = [f"{site.url}/to?302&{quote(text, safe='')}" for text in plain if hostile.is_absolute(text)]
    through = [each for each in urls if not refused(alice.outcome(http_request, url=each))]

    assert len(urls) >= 80
    assert through == []
    assert (set(dialled), canary.connections, len(site.seen)) == ({"127.0.0.1"}, 0, len(urls))
    assert len(dialled) == len(urls)  # each to the site, none any further


def test_a_redirect_to_a_name_that_rebinds_is_resolved_for_that_hop_once(
    make: Make, site: Site, canary: Canary, names: dict[str, Any], dialled: list[str]
) -> None:
    alice = make(http_ports=(80, canary.port), http_allow=(site.host,))
    names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    url = f"{site.url}/to?307&http://rebind.example:{canary.port}/"

    assert "did not take" in alice.failure(http_request, url=url, retry="never").error["message"]
    assert (dialled, canary.connections) == (["127.0.0.1", PUBLIC], 0)


def test_a_name_server_that_does_not_answer_opens_nothing(
    alice: Runner, canary: Canary, names: dict[str, Any], dialled: list[str]
) -> None:
    names["silent.example"] = [[]]
    failed = alice.failure(http_request, url=f"http://silent.example:{canary.port}/")

    assert (failed.error["kind"], dialled, canary.connections) == ("retry", [], 0)
    assert "could not be resolved" in failed.error["message"]


def test_a_proxy_of_the_environment_is_not_used(
    runner: Runner, site: Site, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert runner.result(http_request, url=site.url)["status"] == 200
    assert canary.connections == 0


def test_a_port_that_is_not_allowed_is_not_tried(make: Make, canary: Canary, dialled: list[str]) -> None:
    said = make().refusal(http_request, url=f"http://93.184.215.14:{canary.port}/")

    assert said == f"Port {canary.port} is not allowed here; allowed are 80, 443 (setting HTTP_PORTS)."
    assert dialled == []


# What an operator allowed, and no more


@pytest.mark.parametrize("allowed", ["127.0.0.1:{p}", "127.0.0.1"])
def test_the_canary_is_counted_where_it_is_allowed(make: Make, canary: Canary, allowed: str) -> None:
    ports = (80, 443) if "{p}" in allowed else (canary.port,)
    alice = make(http_allow=(allowed.format(p=canary.port),), http_ports=ports)

    assert alice.result(http_request, url=f"http://127.0.0.1:{canary.port}/")["status"] == 204
    assert canary.connections == 1
    assert refused(alice.outcome(http_request, url=f"http://127.0.0.2:{canary.port}/"))
    assert refused(alice.outcome(http_request, url=f"http://0x7f.1:{canary.port}/"))
    assert refused(alice.outcome(http_request, url=f"http://[::1]:{canary.port}/"))
    assert canary.connections == 1


@pytest.mark.parametrize("url", ["http://[::1]:{p}/", "http://[0:0::1]:{p}/"])
def test_an_ipv6_address_is_allowed_in_any_spelling(make: Make, canary: Canary, url: str) -> None:
    alice = make(http_allow=(f"[0::0001]:{canary.port}",))

    assert alice.result(http_request, url=url.format(p=canary.port))["address"] == "::1"
    assert canary.connections == 1


def test_an_allowed_name_does_not_allow_its_address(
    make: Make, canary: Canary, names: dict[str, Any]
) -> None:
    names |= {"intranet.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    alice = make(http_allow=(f"intranet.example:{canary.port}",), http_ports=(80, canary.port))

    assert alice.result(http_request, url=f"http://INTRANET.example:{canary.port}/")["status"] == 204
    assert refused(alice.outcome(http_request, url=f"http://127.0.0.1:{canary.port}/"))
    assert refused(alice.outcome(http_request, url=f"http://other.example:{canary.port}/"))
    assert refused(alice.outcome(http_request, url=f"http://x.intranet.example.:{canary.port}/"))
    assert canary.connections == 1


def test_an_allowed_port_is_not_every_port(make: Make, site: Site, canary: Canary) -> None:
    alice = make(http_allow=(f"127.0.0.1:{site.port}",), http_ports=(canary.port,))

    assert refused(alice.outcome(http_request, url=f"http://127.0.0.1:{canary.port}/"))
    assert canary.connections == 0
