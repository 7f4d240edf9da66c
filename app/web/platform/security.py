"""What every answer and every unsafe request must hold: headers, cookies, hosts, forged forms."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app.core.errors import BadQuery, Forbidden
from app.core.params.paths import MOST_ITEMS
from app.web.platform.permissions import LIBRARY_ROUTES
from app.web.platform.request_limits import IN_MEMORY
from config import Settings
from environment import is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# By hand because it is one constant policy; what Flask-Talisman adds, such as nonces, no page here needs.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",  # Bootstrap's own stylesheet draws its ticks and arrows so.
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MOST_PARTS = 100 * MOST_ITEMS
"""Of a form: as many rows as one takes, of what 100 fields send."""
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = frozenset(
    {"dashboard.healthz", "dashboard.readyz"}
)  # An orchestrator asks by the address of a process.
ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - names of what is bound, nothing is bound here


def flask_settings(settings: Settings) -> dict[str, Any]:
    """Flask's own configuration."""
    local = settings.local
    return {
        "SECRET_KEY": settings.secret_key or secrets.token_urlsafe(48),
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        "SESSION_COOKIE_NAME": ("" if local else "__Host-") + "session-" + _instance(settings),
        "SESSION_COOKIE_SECURE": not local,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # A browser takes a __Host- cookie for the whole host only.
        "SESSION_COOKIE_PATH": (local and settings.web_prefix) or "/",
        "SESSION_REFRESH_EACH_REQUEST": False,  # The server extends sessions, and the cookie lasts as long.
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.session_max_h),
        "WTF_CSRF_TIME_LIMIT": None,  # As long as the session: a form that was open overnight still works.
        "MAX_CONTENT_LENGTH": IN_MEMORY,  # More where files come in: see `request_limits`.
        "MAX_FORM_MEMORY_SIZE": IN_MEMORY,
        "MAX_FORM_PARTS": MOST_PARTS,
        "SEND_FILE_MAX_AGE_DEFAULT": 3600,
        "BOOTSTRAP_SERVE_LOCAL": True,
        "TEMPLATES_AUTO_RELOAD": None,  # With `flask --debug` only.
    }


def _instance(settings: Settings) -> str:
    """Return what tells this instance from others of the same host name: cookies know no ports."""
    stores = re.sub("//[^/@]*@", "//", settings.mongodb_uri)
    return hashlib.sha256(stores.encode()).hexdigest()[:8]


def _check_origin() -> None:
    """A browser says where an unsafe request comes from; another site's is refused.

    What the browser itself concludes comes first: it knows the address of its page, and a proxy may have
    passed on another one.
    """
    if request.method not in UNSAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none") or (site is None and not origin):
        return
    if site is not None or _place(origin or "") != (request.scheme, request.host):
        raise Forbidden(
            "This request came from another site, so nothing was changed. If you sent it from a page of this "
            "server, a proxy replaced the address: this server was asked as "
            f"“{request.scheme}://{request.host}”. Let the proxy pass on the host and port, in nginx by "
            "`proxy_set_header Host $http_host;`, or set WEB_PROXIES."
        )


def _check_prefix() -> None:
    """A prefix becomes part of every link, so it must be a plain path."""
    if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", request.script_root):
        raise BadQuery("The prefix that a proxy sent is not a plain path, such as /tasks.")


def _place(origin: str) -> tuple[str, str]:
    """Return the scheme of an origin, and its host with the port; empty texts for what is no origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _below(prefix: str, application: WSGIApplication) -> WSGIApplication:
    """Publish an application below a path, whether or not a proxy removes it from the path of a request."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("SCRIPT_NAME"):  # A trusted proxy sent it, and has removed it from the path.
            return application(environ, start_response)
        environ["SCRIPT_NAME"] = prefix
        path = environ.get("PATH_INFO", "")
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        return application(environ, start_response)

    return answer


def _answers_to(settings: Settings) -> frozenset[str] | None:
    """The names in whose addresses this server answers; None for any."""
    bound = urlsplit(f"//{settings.web_bind}").hostname or ""
    if "*" in settings.web_hosts or (settings.local and bound in ANY_HOST):
        return None
    return LOOPBACK | {bound} | frozenset(settings.web_hosts)


def _check_host(names: frozenset[str]) -> None:
    """Any other name could be a stranger's that points here (DNS rebinding, poisoned links).

    By hand because Flask's TRUSTED_HOSTS knows no IPv6 address, no capital letter and no probe by address.
    """
    if request.endpoint not in PROBES and urlsplit(f"//{request.host}").hostname not in names:
        raise BadQuery(
            "This server does not answer to that name. Open it by the address it printed when it started, "
            "or add the name to WEB_HOSTS."
        )


def _for_this_machine(settings: Settings) -> bool:
    """Return whether nothing says that a local server is meant to be reached from other machines."""
    bound = urlsplit(f"//{settings.web_bind}").hostname or ""
    return settings.local and is_loopback(bound) and not settings.web_hosts and not settings.web_proxies


def _check_peer() -> None:
    """A server may have been bound otherwise than WEB_BIND says, by an option of its own."""
    if request.remote_addr and not is_loopback(request.remote_addr):
        raise Forbidden(
            "This server runs with ENVIRONMENT=local and answers to its own machine only. "
            "Set ENVIRONMENT=production and a SECRET_KEY to reach it from others."
        )


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint not in LIBRARY_ROUTES:
        response.headers["Cache-Control"] = "no-store"
    return response


def init_app(app: Flask, settings: Settings) -> None:
    if settings.web_prefix:
        app.wsgi_app = _below(settings.web_prefix, app.wsgi_app)  # type: ignore[assignment, method-assign]  # as below
    if count := settings.web_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count)  # type: ignore[method-assign]  # how Flask documents to wrap an application
    if _for_this_machine(settings):
        app.before_request(_check_peer)
    names = _answers_to(settings)
    if names is not None:
        app.before_request(lambda: _check_host(names))
    app.before_request(_check_prefix)
    app.before_request(_check_origin)
    app.after_request(_add_headers)


class _Forms(CSRFProtect):  # type: ignore[misc]  # has no types
    """Forms of browsers. A token of a program proves where a request comes from: no browser adds one."""

    def protect(self, **given: Any) -> None:
        if "token_person" not in g:
            super().protect(**given)
        else:
            g.csrf_valid = True  # What forms of Flask-WTF ask, which would look for the token themselves.


def protect_forms(app: Flask) -> None:
    """Refuse forms without their token; after the check of permissions, which says more."""
    _Forms(app)
