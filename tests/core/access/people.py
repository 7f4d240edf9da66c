"""The cast: a person of each role, as the core knows them."""

from __future__ import annotations

from app.core.people.person import Person
from app.core.people.roles import Role, grants_of


def person(role: Role, name: str = "me", **given: bool) -> Person:
    """Somebody with a role; their ID is their name in lower case."""
    return Person(name.lower(), name, role, grants=grants_of(role, **given))


ALICE = person(Role.SUBMITTER, "Alice")
BOB = person(Role.OPERATOR, "Bob")
VERA = person(Role.VIEWER, "Vera")
ADA = person(Role.ADMINISTRATOR, "Ada")
