"""The gate of outgoing HTTP: whatever an address, a redirect or a name server says, nobody inside is reached.

Names and addresses lead to this machine or are for documentation, so nothing can leave it.
"""

from __future__ import annotations

import itertools

import pytest

from dtq_library.http.tasks import http_request
from tests.library.http import hostile
from tests.library.http.conftest import canary, dialled, make, names, site
from workers.attempt.attempt import Failed

__all__ = ["canary", "dialled", "make", "names", "site"]
DOCUMENTATION = "203.0.113.7"


def test_no_address_inside_is_connected_to(make, canary, names, dialled, figure):  # noqa: F811
    asker = make(http_ports=(80, canary.port))
    inside = {"localhost": ["127.0.0.1"], "localhost.localdomain": ["127.0.0.1"], "example.org": ["::1"]}
    names |= {name: [addresses] for name, addresses in inside.items()}
    urls = [text.replace("{p}", str(canary.port)) for text in hostile.EVERY]
    for at, answer in enumerate(hostile.ANSWERS):
        names[f"a{at}.example"] = [answer]
        urls.append(f"http://a{at}.example:{canary.port}/")
    for at, order in enumerate(itertools.permutations(["127.0.0.1", "::1", DOCUMENTATION])):
        names[f"rebinds{at}.example"] = [[address] for address in order]
        urls.append(f"http://rebinds{at}.example:{canary.port}/")
    through = [
        url for url in urls if not isinstance(asker.outcome(http_request, url=url, retry="never"), Failed)
    ]
    assert (through, dialled, canary.connections) == ([], [], 0)
    figure(addresses_tried_at_the_gate=len(urls), connections_to_blocked_addresses=canary.connections)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_leads_inside(code, make, site, canary, names, dialled, figure):  # noqa: F811
    asker = make(http_ports=(80, canary.port), http_allow=(site.host,))
    names["rebinds.example"] = [["127.0.0.1"], ["::1"]]
    targets = ["127.0.0.1", "[::1]", "0x7f.1", "rebinds.example", "rebinds.example"]
    for target in targets:
        url = f"{site.url}/to?{code}&http://{target}:{canary.port}/"
        assert isinstance(asker.outcome(http_request, url=url, retry="never"), Failed)
    assert (dialled, canary.connections) == (["127.0.0.1"] * len(targets), 0)
    figure(addresses_tried_at_the_gate=len(targets), connections_to_blocked_addresses=canary.connections)
