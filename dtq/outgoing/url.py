"""Addresses of the web, read strictly: what could be understood in two ways is refused, never mended.

There is one parser, and what it returns is what is connected to: no second reading of the text can come to
another host. It takes what RFC 3986 calls an absolute http or https address, without user information.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

from dtq.outgoing.errors import Refused

MAX_CHARS = 8_192
DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_ENDS_IN_A_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
_TARGET_CHARS = "/?:@!$&'()*+,;=-._~%[]"


@dataclass(frozen=True)
class ParsedUrl:
    """``host`` is ASCII in lower case, an IPv6 address without its brackets; ``target`` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For logs and results: without the query, which often holds what opens a door."""
        path, query, _ = self.target.partition("?")
        return f"{self.scheme}://{self.authority}{path}{'?...' if query else ''}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str) -> ParsedUrl:
    """Read an address. Raises Refused with the reason."""
    _require_plain(text)
    match = _URL.fullmatch(text)
    if match is None:
        raise Refused("The address must begin with http:// or https:// and a host.")
    scheme = match[1].lower()
    if "@" in match[2]:
        raise Refused("The address holds a user name or an @ before its host; send an Authorization header.")
    parts = _AUTHORITY.fullmatch(match[2])
    if parts is None:
        raise Refused("The address has no host, or one that is not written as host or host:port.")
    port = int(parts[2]) if parts[2] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise Refused(f"There is no port {port}.")
    target = quote(match[3], safe=_TARGET_CHARS)
    return ParsedUrl(scheme, _host(parts[1]), port, target if target.startswith("/") else f"/{target}")


def join(base: ParsedUrl, location: str) -> ParsedUrl:
    """Where a redirect leads. Raises Refused."""
    _require_plain(location)
    if _SCHEME.match(location):
        return parse(location)
    if location.startswith("//"):
        return parse(f"{base.scheme}:{location}")
    return parse(urljoin(str(base), location))


def _require_plain(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise Refused(f"The address is longer than {MAX_CHARS:,} characters.")
    if " " in text or "\\" in text or not text.isprintable():
        raise Refused(
            "The address holds a space, a backslash or an invisible character; write it as %20, %5C."
        )


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise Refused("The host in brackets is not an IPv6 address.") from None
    host = text.lower() if text.isascii() else _ascii(text)
    if _ENDS_IN_A_NUMBER.search(host):
        return _ipv4(host)
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise Refused("The host is not a name of letters, digits and hyphens between single dots.")
    return host


def _ipv4(host: str) -> str:
    """Only the four decimal numbers: 0177.1, 2130706433 and 0x7f.1 are other ways to write 127.0.0.1."""
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise Refused("A host of numbers must be an IPv4 address of four decimal ones.") from None


def _ascii(text: str) -> str:
    """An international name as the network has it, by IDNA 2008: nothing is mapped to something alike."""
    import idna

    try:
        return idna.encode("".join(c.lower() if c.isascii() else c for c in text), strict=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise Refused("The host holds characters that names of hosts may not have.") from None
