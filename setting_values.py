"""What a setting's text means: one parser for each kind of value.

Each takes the text of a setting and returns its value, or raises :class:`Expected`, whose words follow "use"
and never repeat the text, which may hold a password. The table of settings in ``config.py`` names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit


class Expected(ValueError):
    """What a setting takes, in words that follow "use": they never repeat the value."""


def text(value: str) -> str:
    """Any text that is not blank."""
    if not value.strip():
        raise Expected("some text")
    return value.strip()


def optional_text(value: str) -> str:
    return value.strip()


def words(value: str) -> tuple[str, ...]:
    """Words separated by commas or spaces."""
    found = tuple(value.replace(",", " ").split())
    if not found:
        raise Expected("at least one name, separated by commas")
    return found


_RENAMED_MODULES = {
    "workers.library": "dtq_library",
    "workers.library.analyse": "dtq_library.tables.analyze.task",
    "workers.library.archives": "dtq_library.archives.tasks",
    "workers.library.check": "dtq_library.tables.check.task",
    "workers.library.data": "dtq_library.tables.tasks",
    "workers.library.demo": "dtq_library.demo",
    "workers.library.mail": "dtq_library.email.tasks",
    "workers.library.text": "dtq_library.text.tasks",
    "workers.library.transform": "dtq_library.tables.transform.task",
    "workers.library.web": "dtq_library.http.tasks",
}


def task_modules(value: str) -> tuple[str, ...]:
    """Module names, separated by commas or spaces; those of earlier versions stand for their successors."""
    return tuple(dict.fromkeys(_RENAMED_MODULES.get(name, name) for name in words(value)))


def optional_words(value: str) -> tuple[str, ...]:
    """Any number of words, separated by commas or spaces."""
    return tuple(value.replace(",", " ").split())


def url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:  # Its own words may hold the value, and so a password.
            parts = urlsplit("")
        if parts.scheme not in schemes or not parts.netloc and parts.scheme != "unix":
            raise Expected("an address that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
        if problem := _address_problem(parts):
            raise Expected(problem)
        return value

    return parse


def optional_url(*schemes: str) -> Callable[[str], str]:
    parse = url(*schemes)
    return lambda value: parse(value) if value else value


def _address_problem(parts: SplitResult) -> str:
    """Return what to write instead in the address of a store, without repeating it; empty where it is right.

    The clients raise exceptions of their own for these, once each process has started.
    """
    person, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme.startswith("mongodb") and ("@" in person or person.count(":") > 1):
        return "percent-encoding for signs such as @ and : in the user and the password"
    for host in hosts.split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if ":" in host.rpartition("]")[2] and not (port.isdecimal() and 0 < int(port) < 65_536):
            return "a port from 1 to 65,535 after the host"
    if parts.scheme in ("redis", "rediss") and not re.fullmatch("/?[0-9]{0,9}", parts.path):
        return "the number of a database, such as /0, after the host of Redis"
    return ""


def number(low: float, high: float, kind: type = int) -> Callable[[str], Any]:
    def parse(value: str) -> Any:
        try:
            found = kind(value) if value.isascii() and "_" not in value else None
        except ValueError:
            found = None
        if found is None or not low <= found <= high:
            raise Expected(f"a{' whole' if kind is int else ''} number from {low:,} to {high:,}")
        return found

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise Expected("one of " + ", ".join(choices))
        return value.lower()

    return parse


@dataclass(frozen=True)
class Rate:
    """So many of something in so many seconds."""

    count: int
    seconds: int

    def __str__(self) -> str:
        """Return it as it is written in a setting."""
        unit = next(unit for unit in reversed(_SECONDS) if self.seconds % _SECONDS[unit] == 0)
        number = self.seconds // _SECONDS[unit]
        return f"{self.count}/{number if number > 1 else ''}{unit}"


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def rate(value: str) -> Rate:
    """A number per time, such as 10/15m."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{0,4})([smhd])", value.strip().lower())
    if not match or not int(match[1]) or match[2] and not int(match[2]):
        raise Expected("a number per time, such as 10/15m or 100/h")
    return Rate(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])


def optional_header(value: str) -> str:
    """The name of a header, or nothing. Servers tell `-` from `_` no more, so `_` is refused."""
    if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", value.strip()):
        raise Expected("the name of a header of letters, digits and -, such as X-Forwarded-User")
    return value.strip()


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Any number of addresses or networks, separated by commas or spaces."""
    try:
        found = tuple(ip_network(word.strip("[]")) for word in value.replace(",", " ").split())
    except ValueError:
        found = (ip_network("0.0.0.0/0"),)
    if any(network.prefixlen == 0 for network in found):
        raise Expected("addresses or networks, such as 10.0.0.5 or 10.0.1.0/24, separated by commas")
    return found


ROLES = ("viewer", "submitter", "operator", "administrator")


def group_roles(value: str) -> tuple[tuple[str, str], ...]:
    """Any number of ``group=role``; `*` is everybody."""
    found = tuple(word.rpartition("=")[::2] for word in value.replace(",", " ").split())
    if not all(group and role in ROLES for group, role in found) or len(dict(found)) < len(found):
        raise Expected("words such as admins=administrator or *=viewer; the roles are " + ", ".join(ROLES))
    return found


def roles(value: str) -> tuple[str, ...]:
    """Roles, separated by commas or spaces; empty for none."""
    found = tuple(word.lower() for word in optional_words(value))
    if not all(role in ROLES for role in found):
        raise Expected("roles such as operator,administrator; the roles are " + ", ".join(ROLES))
    return found


PerRole = tuple[tuple[str, int], ...]
"""A number for some of the roles."""


def per_role(value: str) -> PerRole:
    """Numbers by role, such as `submitter=120 operator=600`, or `none`."""
    found: dict[str, int] = {}
    for word in [] if value.strip().lower() == "none" else words(value):
        match = re.fullmatch(rf"({'|'.join(ROLES)})=([0-9]{{1,9}})", word.lower())
        if not match or not int(match[2]) or match[1] in found:
            raise Expected("numbers by role, such as submitter=120 operator=600, or none")
        found[match[1]] = int(match[2])
    return tuple(found.items())


def address(value: str) -> str:
    """``host:port``."""
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise Expected("a host and a port, such as 127.0.0.1:8000")
    return value


def optional_address(value: str) -> str:
    """An e-mail address, as a mail server's envelope has it, or nothing."""
    if value and not re.fullmatch(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", value, re.ASCII):
        raise Expected("an e-mail address, such as queue@example.org")
    return value


def mail_domains(value: str) -> tuple[str, ...]:
    """Any number of domains of e-mail addresses, separated by commas or spaces; `*` is any."""
    found = tuple(value.lower().replace(",", " ").split())
    if not all(each == "*" or re.fullmatch(r"[^\s@*:/\\]+", each) for each in found):
        raise Expected("domains such as example.org, separated by commas, or *")
    return found


def hosts(value: str) -> tuple[str, ...]:
    """Any number of ``host`` or ``host:port``, separated by commas or spaces; an IPv6 address in brackets."""
    found = tuple(value.lower().replace(",", " ").split())
    for each in found:
        match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", each)
        if not match or not 0 < int(match[2] or 1) < 65536 or match[1] and not _is_ipv6(match[1]):
            raise Expected("hosts such as intranet.example or 10.0.0.5:8080, separated by commas")
    return found


def names(value: str) -> tuple[str, ...]:
    """Any number of names of hosts, or addresses, without ports; `*` is any name."""
    found = tuple(each.strip("[]") for each in value.lower().replace(",", " ").split())
    if not all(each == "*" or re.fullmatch(r"[a-z0-9_.-]+", each) or _is_ipv6(each) for each in found):
        raise Expected("names such as tasks.example.org, without ports, separated by commas, or *")
    return found


def _is_ipv6(value: str) -> bool:
    try:
        return bool(IPv6Address(value))
    except ValueError:
        return False


def prefix(value: str) -> str:
    """A path of plain names, without a slash at its end, or nothing."""
    found = value.strip().rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", found):
        raise Expected("a plain path, such as /queue")
    return found


def ports(value: str) -> tuple[int, ...]:
    """At least one port, separated by commas or spaces."""
    found = value.replace(",", " ").split()
    if not found or not all(re.fullmatch("[0-9]{1,5}", each) and 0 < int(each) < 65536 for each in found):
        raise Expected("numbers of ports from 1 to 65535, separated by commas")
    return tuple(map(int, found))
