"""What a route needs; no declaration means no. The check is in `app.web.platform.permissions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from app.core.people.person import PUBLIC
from app.core.people.roles import Permission

View = TypeVar("View", bound=Callable[..., Any])


def requires(permission: str) -> Callable[[View], View]:
    """Declare what a view needs. Stands below the route, directly above the function."""
    if permission != PUBLIC:
        Permission(permission)

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]  # a mark on the view, which the route map is held against
        return view

    return declare
