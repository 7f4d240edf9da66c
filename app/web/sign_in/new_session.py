"""Begin a browser's session, once somebody has proved who they are."""

from __future__ import annotations

from flask import Response, make_response, redirect, request, session, url_for
from flask_login import login_user, logout_user
from flask_wtf.csrf import generate_csrf

from app.core.people.audit import Event
from app.core.sign_in.sign_in import Proof
from app.extensions import services
from app.web.platform.permissions import current_person, session_id, signed_in_by
from app.web.request_log.origin import current_origin
from app.web.sign_in import known_device
from app.web.sign_in.local_path import page_path


def begin(proof: Proof, address: str = "") -> Response:
    """Begin a session, with a new token for forms: nothing of the visit before is kept.

    Then the browser goes to ``address``, a path of this server, or to what was asked for.
    """
    address = address or next_address()
    leave()
    session.permanent = True
    token = services().sign_in.begin(proof, current_origin(), request.headers.get("User-Agent", ""))
    login_user(signed_in_by(token))
    generate_csrf()  # Now, so that the cookie of the session is whole from the start.
    response = make_response(redirect(address, 303))
    known_device.remember(response, proof.user.name)
    return response


def leave() -> None:
    """End the session of before, if any, and forget the visit."""
    if current_person().signed_in:
        services().sign_in.end(current_person(), session_id(), current_origin(), Event.SIGN_OUT)
        logout_user()
    session.clear()


def next_address() -> str:
    """Return where to go after signing in: what was asked for before, or Home."""
    return asked_for() or url_for("dashboard.home")


def asked_for() -> str:
    """Return the page of this server that was asked for before; empty where there is none."""
    return page_path(request.values.get("next", "")) or ""
