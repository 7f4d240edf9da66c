"""The owner of a list, whom people and programs may name."""

from __future__ import annotations

from dataclasses import replace

from app.core.listing.filter import TaskFilter
from app.extensions import access, services


def with_owner(wanted: TaskFilter) -> TaskFilter:
    """Return a filter with the ID of an owner who was named; `me` is the person who asks."""
    if wanted.owner.lower() == "me":
        return replace(wanted, owner=access().person.id)
    user = services().people.users.by_name(wanted.owner) if wanted.owner else None
    return replace(wanted, owner=user.id) if user else wanted
