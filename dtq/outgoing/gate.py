"""The gate that every connection goes through: by port, by name, by each address that the name has.

A name is resolved once, here, and its addresses go straight into the connection: between the check and the
connection nobody asks the name server again, so it cannot answer differently. One address that is refused
refuses them all. The name stays what is in the Host header, in SNI and in the certificate.
By hand because the clients' own hooks check a name and let the connection resolve it again.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore2

from dtq.outgoing.addresses import Address, refusal
from dtq.outgoing.deadline import Deadline, connect
from dtq.outgoing.errors import Refused, Trouble

CONNECT_EACH_S = 10.0
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass(frozen=True)
class Policy:
    """``allow`` holds (host, port or None): no address of such a host is refused, nor its port if named."""

    allow: frozenset[tuple[str, int | None]] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})

    @classmethod
    def of(cls, allow: Iterable[str], ports: Iterable[int]) -> Policy:
        """From the settings: `host`, `host:port`, `[IPv6]` or `[IPv6]:port`."""
        return cls(frozenset(map(_entry, allow)), frozenset(ports))

    def require_port(self, host: str, port: int) -> None:
        """Raises Refused for a port that is not allowed with this host."""
        if port not in self.ports and (host, port) not in self.allow:
            known = ", ".join(map(str, sorted(self.ports)))
            raise Refused(f"Port {port} is not allowed here; allowed are {known} (setting HTTP_PORTS).")

    def require_addresses(self, host: str, port: int, addresses: Iterable[Address]) -> None:
        """Raises Refused when one of the addresses is not public and the host is not allowed by name."""
        if {(host, port), (host, None)} & self.allow:
            return
        for address in addresses:
            word = refusal(address)
            if word:
                what = f"{host} is" if str(address) == host else f"{host} leads to {address}, and that is"
                raise Refused(f"{what} {word}: not to be asked, unless an operator allows it (HTTP_ALLOW).")


def _entry(text: str) -> tuple[str, int | None]:
    host, port = text, ""
    if (not text.endswith("]") and text.count(":") == 1) or "]:" in text:
        host, _, port = text.rpartition(":")
    bare = host.strip("[]").lower()
    return (str(ip_address(bare)) if ":" in bare else bare), int(port) if port else None


class Gate(httpcore2.NetworkBackend):
    """What httpcore2 connects with. ``address`` is the one that the last connection went to."""

    def __init__(self, policy: Policy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self.address = ""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Raises Refused, Trouble, TimeOver, httpcore2.ConnectError, httpcore2.ConnectTimeout."""
        self._policy.require_port(host, port)
        addresses = resolve(host, port, self._deadline.left_s())
        self._policy.require_addresses(host, port, addresses)
        stream = connect(map(str, addresses), port, self._deadline, CONNECT_EACH_S)
        self.address = str(stream.get_extra_info("server_addr")[0])
        return stream

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Raises Refused, always."""
        raise Refused("Only addresses of the network can be asked.")


def resolve(host: str, port: int, timeout_s: float) -> list[Address]:
    """Every address of a host, in the order of the system. No answer is never a yes.

    Raises Refused when there is no such host, Trouble when its name server does not say.
    The system's resolver cannot be interrupted, so it is asked in a thread that may be left behind.
    """
    found: list[Any] = []
    asking = threading.Thread(target=_resolve_into, args=(found, host, port), daemon=True)
    asking.start()
    asking.join(timeout_s)
    answer = found[0] if found else socket.gaierror(socket.EAI_AGAIN, "no answer in time")
    if isinstance(answer, OSError) and answer.errno not in _UNKNOWN:
        raise Trouble(f"The name {host} could not be resolved: {answer.strerror or answer}.", sent=False)
    if isinstance(answer, Exception) or not answer:
        raise Refused(f"There is no host {host}.")
    return list(dict.fromkeys(ip_address(info[4][0]) for info in answer))


def _resolve_into(found: list[Any], host: str, port: int) -> None:
    """Append the addresses, or the error, to ``found``."""
    try:
        found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        found.append(error)
