"""The user's own authenticator app: set it up, recovery codes, remove it; and confirm the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import segno
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from markupsafe import Markup

from app.core.errors import Conflict, Invalid, TaskQueueError, TooManyTries
from app.core.people.users import User
from app.core.sign_in.own_factors import ConfirmationRequired
from app.core.sign_in.passkeys import Passkey
from app.core.sign_in.second_factor import STEP_S
from app.extensions import own_factors, services
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import current_person, current_session, person_of_proxy, requires
from app.web.request_log.origin import current_origin

blueprint = Blueprint("authenticator_app", __name__, url_prefix="/profile")

QR_SCALE = 4


@dataclass(frozen=True)
class ShownFactors:
    """What the profile shows of somebody's factors. ``proved``: they may be changed at once."""

    app: bool
    codes_left: int
    passkeys: list[Passkey]
    missing: bool
    proved: bool


def shown_factors(user: User) -> ShownFactors:
    """Return what the profile shows of a user's factors."""
    own = own_factors()
    second = own.factors.second_factors
    return ShownFactors(
        app=second.active(user.id),
        codes_left=second.codes_left(user.id),
        passkeys=own.factors.passkeys.of_user(user.id),
        missing=own.missing(user),
        proved=current_session().proved_recently,
    )


# Confirming that it is oneself


@blueprint.get("/confirm")
@requires("profile.manage")
def confirm_form() -> str:
    return _confirm_page()


@blueprint.post("/confirm")
@requires("profile.manage")
def confirm() -> Any:
    try:
        own_factors().confirm(_user(), current_session(), request.form.get("proof", ""), current_origin())
    except (Invalid, TooManyTries) as error:
        return _again(error, _confirm_page(problem=problem_of(error)))
    return done("Confirmed. For 10 minutes, you can change how you sign in.")


def require_recent_proof() -> None:
    """Raises ConfirmationRequired where the person of this session proved long ago that it is them."""
    if person_of_proxy() is None and not current_session().proved_recently:
        raise ConfirmationRequired("Confirm that it is you before you change this.")


def to_confirm(error: ConfirmationRequired) -> Any:
    """Lead to where a person confirms that it is them; a program gets the error."""
    if wants_json():
        raise error
    return redirect(url_for("authenticator_app.confirm_form"), 303)


def _confirm_page(**values: Any) -> str:
    user = _user()
    values = {"problem": None, **values}
    return render_template(
        "people/confirm.html", user=user, can_confirm=own_factors().can_confirm(user), **values
    )


# The app


@blueprint.post("/app/begin")
@requires("profile.manage")
def begin() -> Any:
    try:
        own_factors().begin_app(_user(), current_session())
    except ConfirmationRequired as error:
        return to_confirm(error)
    return redirect(url_for("authenticator_app.set_up"), 303)


@blueprint.get("/app")
@requires("profile.manage")
def set_up() -> Any:
    return _set_up_page()


@blueprint.post("/app")
@requires("profile.manage")
def confirm_app() -> Any:
    code = request.form.get("code", "")
    try:
        codes = own_factors().confirm_app(_user(), current_session(), code, current_origin())
    except Invalid as error:
        return _again(error, _set_up_page(problem=problem_of(error)))
    except Conflict as error:
        return done(str(error), "warning")
    return _codes_page(codes, begun=True)


@blueprint.post("/app/codes")
@requires("profile.manage")
def fresh_codes() -> Any:
    try:
        codes = own_factors().fresh_codes(_user(), current_session(), current_origin())
    except ConfirmationRequired as error:
        return to_confirm(error)
    return _codes_page(codes, begun=False)


@blueprint.get("/app/remove")
@requires("profile.manage")
def remove_form() -> str:
    return _remove_page()


@blueprint.post("/app/remove")
@requires("profile.manage")
def remove() -> Any:
    try:
        own_factors().remove_app(_user(), current_session(), request.form.get("proof", ""), current_origin())
    except (Invalid, TooManyTries, Conflict) as error:
        return _again(error, _remove_page(problem=problem_of(error)))
    return done("The authenticator app is removed. Your other sessions have ended.")


def done(sentence: str, category: str = "success") -> Any:
    """Go back to the profile and say there what was done."""
    address = url_for("profile.show")
    flash_at(address, sentence, category)
    return redirect(address, 303)


def _user() -> User:
    return services().people.users.get(current_person().id)


def _set_up_page(**values: Any) -> Any:
    user = _user()
    begun = own_factors().factors.second_factors.pending(user)
    if begun is None:
        return done("The time to set up the app is over. Start again.", "warning")
    values = {"problem": None, **values}
    return render_template(
        "people/app.html", qr=_qr(begun.uri), secret=_grouped(begun.secret), step_s=STEP_S, **values
    )


def _qr(uri: str) -> Markup:
    """Return the picture that an app scans: dark on light in either theme, with attributes and no style."""
    drawn = segno.make_qr(uri, error="m").svg_inline(scale=QR_SCALE, light="#fff")
    return Markup(drawn)  # noqa: S704 - shapes alone; nothing of the address is text in it


def _grouped(secret: str) -> str:
    """Return a secret in groups of four, as a person types it; apps ignore the spaces."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _codes_page(codes: list[str], begun: bool) -> str:
    text = "".join(f"{code}\n" for code in codes)
    return render_template(
        "people/recovery_codes.html",
        codes=codes,
        text=text,
        begun=begun,
        download="data:text/plain," + quote(text),
    )


def _remove_page(**values: Any) -> str:
    return render_template("people/app_remove.html", **{"problem": None, "user": _user(), **values})


def _again(error: TaskQueueError, page: Any) -> Response:
    """Show a form again with what is wrong; a program gets the error itself."""
    if wants_json():
        raise error
    response = make_response(page)
    if response.status_code == 200:
        response.status_code = error.status
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
