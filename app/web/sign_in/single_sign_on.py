"""Sign in with an identity provider: out to its page, and back with who somebody is.

Coming back is the one GET that changes something, as OpenID Connect sends browsers back by a redirect. It
counts only in the browser that began, once, within ten minutes: `state` is in that browser's session, and
what belongs to it (nonce, PKCE verifier) is on the server.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from flask import (
    Blueprint,
    Flask,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from markupsafe import Markup

from app.core.errors import NotFound, TaskQueueError, TooManyTries, Unavailable
from app.core.people.person import PUBLIC, Person
from app.core.people.users import User
from app.core.single_sign_on.providers import PROXY, read_providers
from app.extensions import services, single_sign_on
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import requires
from app.web.request_log.origin import current_origin
from app.web.sign_in import new_session
from app.web.sign_in.local_path import page_path
from config import Settings

if TYPE_CHECKING:
    from app.core.single_sign_on.single_sign_on import SingleSignOn


blueprint = Blueprint("single_sign_on", __name__, url_prefix="/sign-in/with/<provider>")

BEGUN = "single_sign_on"
LEAVING = "leaving"
MOST_BEGUN = 4
"""Sign-ins that a browser may have begun at the same time, in several tabs."""
MOST_NEXT = 400
RETRY_AFTER_S = 5


@blueprint.post("")
@requires(PUBLIC)
def begin(provider: str) -> Any:
    """Answer with a page that leads on: a redirect after a form would have to lead to this server (the
    policy's form-action), and the provider may lead on to others."""
    core = _core(provider)
    try:
        address, state = core.begin(provider, _back_address(provider))
    except TaskQueueError as error:
        return _refused(error)
    asked = page_path(request.form.get("next", "")) or ""
    begun = [*_begun(), [state, asked if len(asked) <= MOST_NEXT else ""]]
    session[BEGUN] = begun[-MOST_BEGUN:]
    title = core.providers[provider].title
    return render_template("people/continue.html", address=address, title=title)


@blueprint.get("/back")
@requires(PUBLIC)
def back(provider: str) -> Any:
    core = _core(provider)
    begun = dict(_begun())
    sent = request.args.get("state", "")
    try:
        # A state that this browser does not hold is given as none, so nothing of another browser is used up.
        state = sent if sent in begun else ""
        answer = request.args.to_dict()
        proof = core.finish(provider, _back_address(provider), answer, state, current_origin())
    except TaskQueueError as error:
        return _refused(error)
    return new_session.begin(proof, page_path(begun[sent]) or url_for("dashboard.home"))


# Signing out: a provider has a session of its own, which would sign in again by one click.


def signed_out_here(person: Person) -> Any:
    """Go on after the session here has ended: to the provider that signed the person in, or to signing in."""
    core, user = single_sign_on(), services().people.users.find(person.id)
    there = core.sign_out_there(user, _signed_out_address) if core and user and user.provider else None
    if there is None:
        return _to_sign_in("You are signed out.")
    title = there.provider.title
    if there.state:
        session[LEAVING] = there.state
        return render_template("people/continue.html", address=there.address, title=title, leaving=True)
    said = Markup('You are signed out here. On a shared computer, <a href="{}">sign out of {}</a>, too.')
    return _to_sign_in(said.format(there.address, title))


@blueprint.get("/signed-out")
@requires(PUBLIC)
def signed_out(provider: str) -> Any:
    """The provider leads here after it has ended its session. Changes only what this browser is told."""
    core, left = _core(provider), session.pop(LEAVING, "")
    if not left or not secrets.compare_digest(left.encode(), request.args.get("state", "").encode()):
        return redirect(url_for("sign_in.form"), 303)
    return _to_sign_in(f"You are signed out here and at {core.providers[provider].title}.")


def _to_sign_in(said: str) -> Any:
    address = url_for("sign_in.form")
    flash_at(address, said, "success")
    return redirect(address, 303)


def _signed_out_address(provider: str) -> str:
    return url_for("single_sign_on.signed_out", provider=provider, _external=True)


def managed_by(user: User) -> str:
    """Return what signs a user in instead of a password here; empty for nothing."""
    if user.provider == PROXY:
        return "the proxy in front of this server"
    core = single_sign_on()
    known = core.providers.get(user.provider) if core else None
    return known.title if known else user.provider


def _core(provider: str) -> SingleSignOn:
    """Raises NotFound."""
    core = single_sign_on()
    if core is None or provider not in core.providers:
        raise NotFound("There is no such identity provider.")
    return core


def _back_address(provider: str) -> str:
    """Return where the provider sends the browser back to: the address that the browser itself uses."""
    return url_for("single_sign_on.back", provider=provider, _external=True)


def _begun() -> list[list[str]]:
    """Return state and next page of the sign-ins that this browser has begun."""
    return list(session.get(BEGUN, []))


def _refused(error: TaskQueueError) -> Response:
    """Show the sign-in page with what is wrong; a program gets the error itself."""
    if wants_json():
        raise error
    asked = page_path(request.form.get("next", "")) or ""
    page = render_template("people/sign_in.html", problem=problem_of(error), name="", next=asked)
    response = make_response(page, error.status)
    if isinstance(error, TooManyTries | Unavailable):
        response.headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Read the providers. Raises SettingsError."""
    providers = read_providers(settings.identity_providers)
    app.context_processor(lambda: {"identity_providers": list(providers.values())})
    if not providers:
        return
    # Imported where it is used: Authlib takes time.
    from app.core.single_sign_on.openid import OpenID
    from app.core.single_sign_on.single_sign_on import SingleSignOn

    core = app.extensions["services"]
    app.extensions["single_sign_on"] = SingleSignOn(
        core.people, core.sign_in.throttle, OpenID(core.db, providers)
    )
