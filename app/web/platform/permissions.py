"""Who a request comes from, and what they may do.

Every route declares the permission it needs, and no declaration means no. A browser's session is a random
token in its cookie; MongoDB says whose it is and whether it lasts (`app.core.people.sessions`). A program
sends a token of its own in the header Authorization, and nowhere else; its cookies do not count then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import flask_login
from flask import Flask, current_app, g, request
from pymongo.errors import PyMongoError

from app.core.errors import Forbidden, SignInRequired, Unavailable
from app.core.people.person import ANONYMOUS, PUBLIC, Person
from app.core.people.roles import Permission
from app.core.people.sessions import Session
from app.extensions import access, services
from app.http.permission import requires as requires
from app.web.request_log.origin import current_origin, is_within, peer_of

BEARER = "bearer"

# Routes that Flask and Bootstrap-Flask bring along: files of ours and of theirs, the same for everybody.
LIBRARY_ROUTES = {"static": PUBLIC, "bootstrap.static": PUBLIC}


@dataclass(frozen=True)
class SignedIn(flask_login.UserMixin):  # type: ignore[misc]  # has no types
    """A browser's session as Flask-Login keeps it: its cookie holds the token."""

    token: str
    session: Session
    person: Person
    second_factor_required: bool = False

    def get_id(self) -> str:
        return self.token


def _load(token: str) -> SignedIn | None:
    """Return whose session a token is; None where it is over, or its user may not sign in."""
    people = services().people
    session = people.sessions.find(token)
    user = people.users.read(session.user_document) if session else None
    if session is None or user is None or not user.enabled:
        return None
    return SignedIn(token, session, people.users.person(user), user.second_factor_required)


def signed_in_by(token: str) -> SignedIn:
    """Return the session of a token that was made a moment ago. Raises SignInRequired where it is over."""
    if found := _load(token):
        return found
    raise SignInRequired("Your session has ended. Sign in to continue.")


def current_person() -> Person:
    """The person this request comes from; ANONYMOUS where nobody is signed in. Raises what MongoDB raises."""
    if proxied := person_of_proxy():
        return proxied
    if by_token():
        owner: Person = g.get("token_person", ANONYMOUS)
        return owner
    user = flask_login.current_user
    return user.person if isinstance(user, SignedIn) else ANONYMOUS


def person_of_proxy() -> Person | None:
    """The person whom a reverse proxy has signed in, for this request alone; there is no session then."""
    return cast("Person | None", g.get("person_of_proxy"))


def session_id() -> str:
    """The ID of the browser's session; empty where there is none, as a proxy signs in."""
    return "" if person_of_proxy() else current_session().id


def by_token() -> bool:
    """Return whether a program asks, with a token; whether that works is another matter."""
    return request.headers.get("Authorization", "").partition(" ")[0].lower() == BEARER


def _sign_in_by_token() -> None:
    """Raises TokenRefused, TooManyTries."""
    g.via = "token"
    text = request.headers["Authorization"].partition(" ")[2].strip()
    g.token_person = services().programs.person(text, current_origin())


def current_session() -> Session:
    """The browser's session of this request. Raises SignInRequired where there is none."""
    user = flask_login.current_user
    if isinstance(user, SignedIn) and not by_token():
        return user.session
    raise SignInRequired("Sign in to continue.")


def shown_person() -> Person:
    """The person for a page: that of an error must be made where MongoDB does not say who it is."""
    if "nobody_known" not in g:
        try:
            return current_person()
        except (PyMongoError, Unavailable):
            ask_for_nobody()
    return ANONYMOUS


def ask_for_nobody() -> None:
    """Do not ask MongoDB during this request any more who it comes from."""
    if "_login_user" not in g:
        g.nobody_known = True


def needed_by(app: Flask, endpoint: str) -> str | None:
    """The permission that an endpoint declares; None when it declares none."""
    declared = getattr(app.view_functions.get(endpoint), "permission", None)
    return declared or LIBRARY_ROUTES.get(endpoint)


def _is_scraper() -> bool:
    """Return whether METRICS_ADDRESSES names who asks: directly, as a proxy asks for anybody."""
    through_proxy = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via"))
    allowed = services().settings.metrics_addresses
    return not through_proxy and is_within(peer_of(request.environ), allowed)


def _check() -> None:
    if request.endpoint is None:
        return  # No route: the answer is 404 or 405 and shows nothing.
    needed = needed_by(current_app, request.endpoint)
    if needed == PUBLIC or (needed == Permission.METRICS_READ and _is_scraper()):
        return
    if by_token():
        _sign_in_by_token()
    person = g.person = current_person()
    if not person.signed_in:
        raise SignInRequired("Sign in to continue.")
    if needed is None:
        raise Forbidden("This page does not say what it takes to open it, so nobody may.")
    if not person.may(needed):
        raise access().refused(needed, request.path)


def init_app(app: Flask) -> None:
    manager = flask_login.LoginManager()
    manager.session_protection = None  # The token alone counts: addresses and browsers change.
    manager.user_loader(_load)
    manager.init_app(app, add_context_processor=False)
    app.extensions["acting"] = lambda: (current_person(), current_origin())
    app.extensions["session"] = lambda: "" if by_token() else session_id()
    app.before_request(_check)
    app.context_processor(lambda: {"person": shown_person()})
