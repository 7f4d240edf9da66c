"""Who acts, and where from; what they may do is in `roles`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from app.core.people.roles import Grants, Permission, Reach, Role

PUBLIC = "public"
"""What a route declares that anybody may open, signed in or not."""


@dataclass(frozen=True)
class Person:
    """Somebody, or a program, that acts. ``id`` never changes and is what is stored as an owner.

    ``name`` is for people's eyes. ``grants`` are those of the role, or fewer: a token has a part of its
    owner's, and ``types`` are the task types that it may use, None for all. ``token`` is the token's ID.
    """

    id: str
    name: str
    role: Role | None = None
    groups: frozenset[str] = frozenset()
    grants: Grants = field(default_factory=dict)
    types: frozenset[str] | None = None
    token: str = ""

    @property
    def signed_in(self) -> bool:
        return self.role is not None

    def may(self, permission: str, owner: str | None = None) -> bool:
        """Return whether this may be done to what ``owner`` (an ID) owns; without one, to anything at all."""
        if permission == PUBLIC:
            return True
        reach = self.grants.get(Permission(permission))
        if reach is None:
            return False
        return owner is None or reach is Reach.ANY or owner == self.id

    def narrowed(
        self, permissions: Iterable[Permission] | None, types: Iterable[str] | None = None
    ) -> Person:
        """Return the same person with no more than these permissions and task types; None leaves all."""
        kept = set(self.grants) if permissions is None else set(permissions)
        grants = {permission: reach for permission, reach in self.grants.items() if permission in kept}
        chosen = None if types is None else frozenset(types)
        if chosen is not None and self.types is not None:
            chosen &= self.types
        return replace(self, grants=grants, types=self.types if chosen is None else chosen)


ANONYMOUS = Person(id="", name="")
"""Nobody signed in: what is public, and nothing else."""


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit: address of the client, ID of the request, what it came by."""

    address: str = ""
    request_id: str = ""
    via: str = "command"
    """`session`, `token`, `proxy` or `command`."""
