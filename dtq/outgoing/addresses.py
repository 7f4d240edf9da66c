"""Which IP addresses are refused: everything that is not a public address of one machine.

After IANA's registries of special-purpose addresses (RFC 6890), written out, because Python's own
`is_global` differs between versions; it is asked on top. IPv6 outside of 2000::/3 was never given to anybody.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

_SPECIAL = (
    ("0.0.0.0/8", "in this network"),
    ("10.0.0.0/8", "in a private network"),
    ("100.64.0.0/10", "in a shared network"),
    ("127.0.0.0/8", "this machine"),
    ("168.63.129.16/32", "a service of a cloud host"),  # Azure's, in the midst of public addresses
    ("169.254.0.0/16", "in a link-local network"),  # where clouds keep their metadata
    ("172.16.0.0/12", "in a private network"),
    ("192.0.0.0/24", "in a reserved network"),
    ("192.0.2.0/24", "in a network for examples"),
    ("192.88.99.0/24", "a relay to IPv6"),
    ("192.168.0.0/16", "in a private network"),
    ("198.18.0.0/15", "in a network for measurements"),
    ("198.51.100.0/24", "in a network for examples"),
    ("203.0.113.0/24", "in a network for examples"),
    ("224.0.0.0/4", "a multicast group"),
    ("240.0.0.0/4", "in a reserved network"),
    ("::/128", "in this network"),
    ("::1/128", "this machine"),
    ("::ffff:0:0/96", "an IPv4 address in disguise"),  # mapped
    ("::/96", "an IPv4 address in disguise"),  # compatible
    ("::ffff:0:0:0/96", "an IPv4 address in disguise"),  # translated
    ("64:ff9b::/96", "an IPv4 address in disguise"),  # NAT64
    ("64:ff9b:1::/48", "an IPv4 address in disguise"),
    ("2001::/32", "an IPv4 address in disguise"),  # Teredo
    ("2002::/16", "an IPv4 address in disguise"),  # 6to4
    ("2001::/23", "in a reserved network"),
    ("2001:db8::/32", "in a network for examples"),
    ("3fff::/20", "in a network for examples"),
    ("fc00::/7", "in a private network"),
    ("fe80::/10", "in a link-local network"),
    ("fec0::/10", "in a site-local network"),
    ("ff00::/8", "a multicast group"),
)
_NETWORKS: list[tuple[IPv4Network | IPv6Network, str]] = [(ip_network(text), word) for text, word in _SPECIAL]
_PUBLIC_6 = IPv6Network("2000::/3")


def refusal(address: Address) -> str | None:
    """What a refused address is, in words that follow "it is"; None for a public one."""
    for network, word in _NETWORKS:
        if address.version == network.version and address in network:
            return word
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return "in a reserved network"
    return None if address.is_global and not address.is_multicast else "in a reserved network"
