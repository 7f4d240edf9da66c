"""Sign in and out: by a password, or by a link that works once.

A link's page changes nothing when it is opened, as mail programs and previews open links, too: it has a form,
which a script sends by itself where the link asks for nothing else.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from flask_login import logout_user

from app.core.errors import Conflict, Invalid, TaskQueueError, TooManyTries
from app.core.people.audit import Event
from app.core.people.links import Link, Purpose
from app.core.people.person import PUBLIC
from app.core.sign_in.sign_in import LinkOver, Proof, WrongPassword
from app.core.sign_in.throttle import Attempt
from app.extensions import services
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.permissions import (
    current_person,
    current_session,
    person_of_proxy,
    requires,
)
from app.web.request_log.origin import current_origin
from app.web.sign_in import known_device, new_session, single_sign_on
from app.web.sign_in.second_step import proved

blueprint = Blueprint("sign_in", __name__)

SHOWN_AGAIN = (WrongPassword, TooManyTries, Invalid, Conflict)
"""What a person mends in the form itself."""


@blueprint.get("/sign-in")
@requires(PUBLIC)
def form() -> Any:
    if current_person().signed_in:
        return redirect(new_session.next_address(), 303)
    return _page("people/sign_in.html", name="")


@blueprint.post("/sign-in")
@requires(PUBLIC)
def by_password() -> Any:
    name = request.form.get("name", "").strip()
    attempt = Attempt(name, request.remote_addr or "", known_device.device_of(name))
    try:
        proof = services().sign_in.by_password(attempt, request.form.get("password", ""), current_origin())
    except SHOWN_AGAIN as error:
        return _again("people/sign_in.html", error, name=name)
    return proved(proof)


@blueprint.post("/sign-out")
@requires("profile.manage")
def sign_out() -> Any:
    if person_of_proxy():
        raise Conflict("The proxy in front of this server signs you in. Sign out there.")
    person = current_person()
    services().sign_in.end(person, current_session().id, current_origin(), Event.SIGN_OUT)
    logout_user()
    session.clear()
    return single_sign_on.signed_out_here(person)


@blueprint.get("/sign-in/link/<token>")
@requires(PUBLIC)
def link(token: str) -> Any:
    try:
        return _link_page(services().sign_in.link(token))
    except LinkOver:
        if current_person().signed_in:  # The link in a terminal, opened once more.
            return redirect(url_for("dashboard.home"), 303)
        raise


@blueprint.post("/sign-in/link/<token>")
@requires(PUBLIC)
def by_link(token: str) -> Any:
    found = services().sign_in.link(token)
    try:
        proof = _by_link(found, token)
    except SHOWN_AGAIN as error:
        return _again("people/link.html", error, **_about(found), name=request.form.get("name", ""))
    return new_session.begin(proof) if found.purpose is Purpose.LOCAL else proved(proof)


def _by_link(link: Link, token: str) -> Proof:
    core, origin, sent = services().sign_in, current_origin(), request.form
    if link.purpose is Purpose.LOCAL:
        return core.by_link(token, origin)
    password = sent.get("password", "")
    if password != sent.get("again", ""):
        raise Invalid("Check the password.", {"again": "This is not the same password."})
    if link.purpose is Purpose.BOOTSTRAP:
        return core.by_bootstrap(token, sent.get("name", ""), password, origin)
    return core.by_link_with_password(token, password, origin)


def _link_page(link: Link) -> str:
    return _page("people/link.html", **_about(link), name="")


def _about(link: Link) -> dict[str, Any]:
    user = services().people.users.find(link.user) if link.user else None
    return {"purpose": link.purpose.value, "user": user}


def _page(template: str, **values: Any) -> str:
    values = {"problem": None, **values}
    return render_template(template, next=new_session.asked_for(), **values)


def _again(template: str, error: TaskQueueError, **values: Any) -> Response:
    """Show a form again with what is wrong; a program gets the error itself."""
    if wants_json():
        raise error
    response = make_response(_page(template, problem=problem_of(error), **values), error.status)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
