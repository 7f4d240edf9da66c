"""Who may do what: every route declares the permission it needs, and no declaration means no.

Until there is sign-in, the one local person has every permission. Sign-in replaces
:func:`current_person` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from app.core.errors import Forbidden
from app.core.people.person import PUBLIC, Permission, Person, Role, grants_of

View = TypeVar("View", bound=Callable[..., Any])

# Routes that Flask and Bootstrap-Flask bring along: files of ours and of theirs, the same for everybody.
LIBRARY_ROUTES = {"static": PUBLIC, "bootstrap.static": PUBLIC}


LOCAL = Person("local", "local", Role.ADMINISTRATOR, grants=grants_of(Role.ADMINISTRATOR))


def current_person() -> Person:
    """The person this request comes from."""
    return LOCAL


def requires(permission: str) -> Callable[[View], View]:
    """Declare what a view needs. Stands below the route, directly above the function."""
    if permission != PUBLIC:
        Permission(permission)

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]  # a mark on the view, which the route map is held against
        return view

    return declare


def needed_by(app: Flask, endpoint: str) -> str | None:
    """The permission that an endpoint declares; None when it declares none."""
    declared = getattr(app.view_functions.get(endpoint), "permission", None)
    return declared or LIBRARY_ROUTES.get(endpoint)


def _check() -> None:
    if request.endpoint is None:
        return  # No route: the answer is 404 or 405 and shows nothing.
    needed = needed_by(current_app, request.endpoint)
    if needed is None:
        raise Forbidden("This page does not say what it takes to open it, so nobody may.")
    person = g.person = current_person()
    if not person.may(needed):
        raise Forbidden(f"This takes the permission “{needed}”, which you do not have.")


def init_app(app: Flask) -> None:
    app.before_request(_check)
    app.context_processor(lambda: {"person": current_person()})
