"""Passkeys: sign in with one, and add or remove your own.

Scripts ask for options as JSON (WebAuthn Level 3, 5.1.8 to 5.1.10), and what a device answers comes back in a
form like any other.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, jsonify, redirect, request, url_for

from app.core.errors import Conflict, Invalid, NotFound, TaskQueueError
from app.core.people.person import PUBLIC
from app.core.sign_in.own_factors import ConfirmationRequired
from app.core.sign_in.passkeys import Site
from app.extensions import own_factors, second_step, services
from app.web.platform.errors import wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import current_person, current_session, requires
from app.web.request_log.origin import current_origin
from app.web.sign_in import new_session
from app.web.sign_in.authenticator_app import done, to_confirm
from environment import is_loopback

blueprint = Blueprint("passkeys", __name__)

NEEDS_NAME = "Passkeys need a name in the address of this server, and this one is a number."


def site() -> Site | None:
    """Return what a passkey is made for; None where the host is an address, for which browsers make none."""
    host = _host()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return Site(host, f"{request.scheme}://{request.host}")
    return None


def address_by_name() -> str:
    """Return this page's address by a name, on a person's own machine; empty where nobody knows the name."""
    port = urlsplit(f"//{request.host}").port
    host = "localhost" + (f":{port}" if port else "")
    return f"{request.scheme}://{host}{request.script_root}{request.path}" if is_loopback(_host()) else ""


def _host() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def _site() -> Site:
    """Raises Conflict."""
    found = site()
    if found is None:
        raise Conflict(NEEDS_NAME)
    return found


# Signing in


@blueprint.post("/sign-in/passkey/options")
@requires(PUBLIC)
def sign_in_options() -> Response:
    return jsonify(second_step().passkey_options(_site(), current_origin()))


@blueprint.post("/sign-in/passkey")
@requires(PUBLIC)
def sign_in() -> Any:
    try:
        proof = second_step().by_passkey(_site(), request.form.get("answer", ""), current_origin())
    except (Invalid, Conflict) as error:
        return _sign_in_again(error)
    return new_session.begin(proof)


def _sign_in_again(error: TaskQueueError) -> Any:
    if wants_json():
        raise error
    address = url_for("sign_in.form", next=new_session.asked_for() or None)
    flash_at(address, str(error), "danger")
    return redirect(address, 303)


# The user's own passkeys


@blueprint.post("/profile/passkeys/options")
@requires("profile.manage")
def options() -> Response:
    user = services().people.users.get(current_person().id)
    return jsonify(own_factors().passkey_options(user, current_session(), _site()))


@blueprint.post("/profile/passkeys")
@requires("profile.manage")
def add() -> Any:
    user, sent = services().people.users.get(current_person().id), request.form
    try:
        passkey = own_factors().add_passkey(
            user, current_session(), _site(), sent.get("answer", ""), sent.get("name", ""), current_origin()
        )
    except ConfirmationRequired as error:
        return to_confirm(error)
    except (Invalid, Conflict) as error:
        return _refused(error)
    return done(f"The passkey “{passkey.name}” is added. Your other sessions have ended.")


@blueprint.post("/profile/passkeys/remove")
@requires("profile.manage")
def remove() -> Any:
    user = services().people.users.get(current_person().id)
    try:
        own_factors().remove_passkey(
            user, current_session(), request.form.get("passkey", ""), current_origin()
        )
    except ConfirmationRequired as error:
        return to_confirm(error)
    except (Conflict, NotFound) as error:
        return _refused(error)
    return done("The passkey is removed. Your other sessions have ended.")


def _refused(error: TaskQueueError) -> Any:
    if wants_json():
        raise error
    return done(str(error), "danger")


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"passkey_site": site, "address_by_name": address_by_name})
