"""Sign-in by a reverse proxy: it says who somebody is in a header of each request (PROXY_USER_HEADER).

The header counts only from a peer whose own address is in PROXY_ADDRESSES. From any other it is refused, not
ignored: either somebody forges it, or the setting lacks the proxy's address, and an operator should see that.
No session is stored. Forms still need their token, which belongs to the browser's cookie.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from flask import Flask, g, request

from app.core.errors import Forbidden
from app.core.people.person import Person
from app.core.people.roles import Role
from app.core.single_sign_on.providers import PROXY, highest_role
from app.core.store_errors.sparse_log import SparseLog
from app.extensions import services
from app.web.platform.permissions import LIBRARY_ROUTES, person_of_proxy
from app.web.platform.security import PROBES
from app.web.request_log.origin import current_origin, is_within, peer_of
from config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MOST_NAME = 200
MOST_GROUPS_TEXT = 8_000
NOT_TRUSTED = (
    "This request says who is signed in, as only the sign-in proxy may, and came from another address. "
    "An administrator adds the address of the proxy to PROXY_ADDRESSES."
)
NOT_PLAIN = "The sign-in proxy sent a name that cannot be used. Contact your administrator."
NO_ROLE = "Your account has no access here. Ask your administrator for it."

log = logging.getLogger("app.web.sign_in.proxy_header")


@dataclass(frozen=True)
class ProxyHeader:
    """Who a proxy says that somebody is. Header names are those of WSGI; ``roles`` may name `*`."""

    user: str
    groups: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    roles: dict[str, Role]
    lasting: SparseLog = field(default_factory=SparseLog)

    @classmethod
    def of(cls, settings: Settings) -> ProxyHeader:
        return cls(
            _variable(settings.proxy_user_header),
            _variable(settings.proxy_groups_header),
            settings.proxy_addresses,
            {group: Role(role) for group, role in settings.proxy_roles},
        )

    def person(self, environ: WSGIEnvironment) -> Person | None:
        """Return who the proxy has signed in; None where it says nothing. Raises Forbidden."""
        if not environ.get(self.user, "").strip():
            return None
        peer = peer_of(environ)
        if not is_within(peer, self.networks):
            self._warn(f"from {peer}", "A request from %s carried the header of the sign-in proxy", peer)
            raise Forbidden(NOT_TRUSTED)
        name = _text(environ[self.user])
        # Servers join a header that was sent twice by a comma: one of the two is not the proxy's.
        if name is None or "," in name or len(name) > MOST_NAME or not name.isprintable():
            self._warn(
                "name", "The sign-in proxy sent a name that cannot be used: %r", name and name[:MOST_NAME]
            )
            raise Forbidden(NOT_PLAIN)
        groups = self._groups(environ)
        role = highest_role(self.roles, groups)
        if role is None:
            self._warn(
                f"role of {name}", "The sign-in proxy signed in %r, who has no role by PROXY_ROLES", name
            )
            raise Forbidden(NO_ROLE)
        # Imported where it is used: Authlib, which its other half needs, takes time.
        from app.core.single_sign_on.single_sign_on import ExternalUsers

        g.via = "proxy"
        people = services().people
        user = ExternalUsers(people).user(PROXY, name, name, role, groups, current_origin())
        return people.users.person(user)

    def _groups(self, environ: WSGIEnvironment) -> frozenset[str]:
        text = _text(environ.get(self.groups, "")) if self.groups else ""
        if text is None or len(text) > MOST_GROUPS_TEXT:
            raise Forbidden(NOT_PLAIN)
        return frozenset(group for group in re.split(r"\s*[,|]\s*", text) if group)

    def _warn(self, why: str, message: str, *args: object) -> None:
        self.lasting.warning(log, "", why, message, *args)


def _variable(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}" if header else ""


def _text(value: str) -> str | None:
    """Return a header, which WSGI gives as Latin-1, as the UTF-8 that it is; None where it is none."""
    try:
        return value.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return None


def init_app(app: Flask, settings: Settings) -> None:
    app.jinja_env.globals["person_of_proxy"] = person_of_proxy
    if not settings.proxy_user_header:
        return
    header = ProxyHeader.of(settings)

    def identify() -> None:
        if request.endpoint in PROBES or request.endpoint in LIBRARY_ROUTES:
            return
        g.person_of_proxy = header.person(request.environ)

    app.before_request(identify)
