"""Where the current request comes from, for the audit."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import g, has_request_context, request

from app.core.people.person import Origin
from app.web.request_log.request_record import address_in, record_in

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def peer_of(environ: WSGIEnvironment) -> str:
    """Return the address of the program that opened the connection, whatever X-Forwarded-For says."""
    before = environ.get("werkzeug.proxy_fix.orig", environ)
    return str(before.get("REMOTE_ADDR") or "")


def is_within(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Return whether an address is in one of the networks; False for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return any((mapped or found) in network for network in networks)


def current_origin() -> Origin:
    """Return the origin of the current request; of a command where there is none.

    What proves who acts sets ``g.via``, where it is not a session.
    """
    if not has_request_context():
        return Origin()
    record = record_in(request.environ)
    return Origin(address_in(request.environ), record.id if record else "", g.get("via", "session"))
