"""The second step of signing in: a code of an app, or a recovery code.

A link that `make up` or `flask users link` prints skips it: a person who can print one could change the
database as well, and it is the way in when a phone and the recovery codes are lost. A person of whom a second
factor is required, and who has none, is led to set it up.
"""

from __future__ import annotations

from typing import Any

import flask_login
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

from app.core.errors import Forbidden, TaskQueueError, TooManyTries
from app.core.people.person import PUBLIC
from app.core.sign_in.second_step import CodeUnreadable, StepOver, WrongCode
from app.core.sign_in.sign_in import Proof
from app.extensions import own_factors, second_step, services
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import SignedIn, needed_by, requires
from app.web.request_log.origin import current_origin
from app.web.sign_in import known_device, new_session

blueprint = Blueprint("second_step", __name__, url_prefix="/sign-in/code")

STEP = "second_step"
SHOWN_AGAIN = (WrongCode, TooManyTries, CodeUnreadable)
ALLOWED = frozenset({"profile", "authenticator_app", "passkeys"})
"""What somebody may open who must set up a second factor first, by blueprint."""
STILL_ALLOWED = frozenset({"sign_in.sign_out"})
SECOND = frozenset({"totp", "recovery", "passkey"})
MISSING = "Set up an authenticator app or a passkey first: an administrator requires it of you."


def proved(proof: Proof) -> Response:
    """Go on after a first step: ask for the second one where the user has one, else begin the session."""
    steps = second_step()
    if not steps.needed(proof.user):
        return new_session.begin(proof)
    address = new_session.asked_for()
    new_session.leave()
    session[STEP] = steps.pending.begin(proof)
    return make_response(redirect(url_for("second_step.form", next=address or None), 303))


@blueprint.get("")
@requires(PUBLIC)
def form() -> Any:
    try:
        return _page()
    except StepOver as error:
        return _from_the_start(error)


@blueprint.post("")
@requires(PUBLIC)
def by_code() -> Any:
    steps, token = second_step(), _token()
    try:
        device = known_device.device_of(steps.user(token).name)
        proof = steps.by_code(token, request.form.get("code", "").strip(), current_origin(), device)
    except SHOWN_AGAIN as error:
        return _again(error)
    except StepOver as error:
        return _from_the_start(error)
    return new_session.begin(proof)


def _token() -> str:
    return str(session.get(STEP, ""))


def _page(**values: Any) -> str:
    """Raises StepOver."""
    core = second_step()
    user = core.user(_token())
    values = {"problem": None, **values}
    return render_template(
        "people/code.html",
        user=user,
        app=core.factors.second_factors.active(user.id),
        next=new_session.asked_for(),
        **values,
    )


def _again(error: TaskQueueError) -> Response:
    if wants_json():
        raise error
    response = make_response(_page(problem=problem_of(error)), error.status)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _from_the_start(error: StepOver) -> Any:
    if wants_json():
        raise error
    session.pop(STEP, None)
    address = url_for("sign_in.form", next=new_session.asked_for() or None)
    flash_at(address, str(error), "warning")
    return redirect(address, 303)


# Somebody of whom a second factor is required


def missing() -> bool:
    """Return whether the person of this request must set up a second factor before anything else."""
    user = flask_login.current_user
    if not isinstance(user, SignedIn):
        return False
    if not user.second_factor_required or SECOND.intersection(user.session.factors):
        return False
    g.second_factor_missing = own_factors().missing(services().people.users.get(user.person.id))
    return bool(g.second_factor_missing)


def _check() -> Any:
    if request.endpoint is None:
        return None
    if needed_by(current_app, request.endpoint) == PUBLIC:
        return None
    if not missing() or request.endpoint in STILL_ALLOWED or request.blueprint in ALLOWED:
        return None
    if wants_json() or request.headers.get("HX-Request") or request.method not in ("GET", "HEAD"):
        raise Forbidden(MISSING)
    return redirect(url_for("profile.show"), 303)


def init_app(app: Flask) -> None:
    app.before_request(_check)
    app.context_processor(lambda: {"second_factor_missing": g.get("second_factor_missing", False)})
