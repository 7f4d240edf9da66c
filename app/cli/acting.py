"""The user a command acts for, with all permissions: the person who runs it can reach the stores anyway."""

from __future__ import annotations

from dataclasses import replace

import click

from app.core.access.access import Access
from app.core.people.person import Origin, Person
from app.core.people.roles import Role, grants_of
from app.core.people.users import User
from app.core.services import Services

as_option = click.option(
    "--as", "as_name", metavar="NAME", help="Act as this user (required unless ENVIRONMENT=local)."
)


def access_of(core: Services, name: str | None) -> Access:
    """Return tasks as a command may read and change them. Exits with code 2 where it is not said for whom."""
    return core.access(_person(core, _user(core, name)), Origin(via="command"))


def _user(core: Services, name: str | None) -> User:
    if name is None:
        if not core.settings.local:
            raise click.UsageError("Add --as NAME: the user who owns the task.")
        return core.people.users.local()
    user = core.people.users.by_name(name)
    if user is None or not user.enabled:
        raise click.UsageError(f"There is no enabled user “{name}”.")
    return user


def _person(core: Services, user: User) -> Person:
    administrator = grants_of(Role.ADMINISTRATOR)
    return replace(core.people.users.person(user), role=Role.ADMINISTRATOR, grants=administrator)
