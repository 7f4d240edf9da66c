"""Which IP addresses are refused, against the standard library and by hand; and how an address is read."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest

from dtq.outgoing.addresses import Address, refusal
from dtq.outgoing.errors import Refused
from dtq.outgoing.url import join, parse


def test_nothing_is_taken_that_python_does_not_call_global() -> None:
    rng = random.Random(7)
    some: list[Address] = [IPv4Address(rng.getrandbits(32)) for _ in range(10_000)]
    some += [IPv6Address(rng.getrandbits(128)) for _ in range(2_000)]
    some += [IPv6Address(1 << 125 | rng.getrandbits(125)) for _ in range(2_000)]
    taken = [each for each in some if refusal(each) is None]

    assert [each for each in taken if not each.is_global or each.is_multicast] == []
    assert len(taken) > 8_000


PUBLIC = (
    "8.8.8.8 1.1.1.1 93.184.215.14 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 169.253.255.255 "
    "223.255.255.255 128.0.0.1 2606:4700:4700::1111 2a00:1450:4001::1"
)


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_addresses_are_taken(text: str) -> None:
    assert refusal(ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("127.0.0.1", "this machine"),
        ("::1", "this machine"),
        ("169.254.169.254", "in a link-local network"),
        ("10.0.0.1", "in a private network"),
        ("::ffff:8.8.8.8", "an IPv4 address in disguise"),
        ("64:ff9b::808:808", "an IPv4 address in disguise"),
        ("4000::1", "in a reserved network"),
    ],
)
def test_a_refusal_says_what_it_is(text: str, word: str) -> None:
    assert refusal(ip_address(text)) == word


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTPS://Example.ORG:443/A?b=C#d", "https://example.org/A?b=C"),
        ("http://example.org:8080?q", "http://example.org:8080/?q"),
        ("http://bücher.example/größe?x=ü", "http://xn--bcher-kva.example/gr%C3%B6%C3%9Fe?x=%C3%BC"),
        ("http://my_service:80/a%20b", "http://my_service/a%20b"),
        ("http://[2606:4700::1]:8080/", "http://[2606:4700::1]:8080/"),
        ("http://8.8.8.8/a/../b;c=d,e", "http://8.8.8.8/a/../b;c=d,e"),
    ],
)
def test_an_address_is_read(text: str, read: str) -> None:
    url = parse(text)

    assert str(url) == read
    assert (urlsplit(read).hostname, urlsplit(read).port or {"http": 80, "https": 443}[url.scheme]) == (
        url.host,
        url.port,
    )


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/b?c", "https://a.example:8443/b?c"),
        ("b", "https://a.example:8443/x/b"),
        ("../b", "https://a.example:8443/b"),
        ("?c", "https://a.example:8443/x/y?c"),
        ("//c.example/d", "https://c.example/d"),
        ("https://c.example:444", "https://c.example:444/"),
        ("/größe", "https://a.example:8443/gr%C3%B6%C3%9Fe"),
    ],
)
def test_a_redirect_leads_where_a_browser_would_go(location: str, leads: str) -> None:
    assert str(join(parse("https://a.example:8443/x/y?z"), location)) == leads


@pytest.mark.parametrize(
    "location", ["http:/b", "/\\evil.example", "\t//evil.example", "https:evil.example", "///x"]
)
def test_a_redirect_that_browsers_would_mend_is_refused(location: str) -> None:
    with pytest.raises(Refused):
        join(parse("https://a.example/"), location)


def test_what_opens_a_door_is_not_shown() -> None:
    assert parse("http://a.example:81/b?token=c").shown == "http://a.example:81/b?..."


def test_a_very_long_address_is_refused() -> None:
    with pytest.raises(Refused, match="longer than 8,192"):
        parse("http://a.example/" + "x" * 8_192)
