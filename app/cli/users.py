"""`flask users`: who may sign in. Standard output has the link or the list alone; the rest goes to stderr.

Commands ask for no sign-in: the person who runs them can reach the database.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import click
from flask.cli import AppGroup, with_appcontext

from app.cli.show import problems, say
from app.core.errors import Conflict, NotFound
from app.core.mongo import translated
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.schema import indexes
from app.core.services import Services
from app.core.sign_in.administration import COMMAND, link_path
from app.core.sign_in.sign_in import BOOTSTRAP_LIFE, LOCAL_LIFE, PASSWORD_LIFE
from app.extensions import services
from config import Settings
from environment import FOLDER, ROOT, running_servers

HEADS = ("NAME", "ROLE", "GROUPS", "STATE", "ID")

users_group = AppGroup("users", help="Users: add, disable, enable, reset, list, change; links to sign in.")
role_choice = click.Choice([role.value for role in Role])


@contextlib.contextmanager
def _core() -> Iterator[Services]:
    with problems(), translated("changing the users"):
        core = services()
        indexes.create_indexes(core.db)  # Names are unique by an index.
        yield core


@users_group.command("add")
@click.argument("name")
@click.option("--role", type=role_choice, required=True, help="What the user may do.")
@click.option("--group", "groups", multiple=True, help="A group of the user; may be repeated.")
@with_appcontext
def add_command(name: str, role: str, groups: tuple[str, ...]) -> None:
    """Add a user, and print a link by which they choose a password."""
    with _core() as core:
        user, token = core.administration.add(name, Role(role), groups, COMMAND, Origin())
        say(f"Added “{user.name}” ({user.role.value}). Give them this link; it works once, for 3 days:")
        click.echo(address_of(core.settings, token))


@users_group.command("disable")
@click.argument("name")
@with_appcontext
def disable_command(name: str) -> None:
    """Keep a user from signing in, and end their sessions and links."""
    with _core() as core:
        core.administration.disable(_user(core, name), COMMAND, Origin())
        say(f"“{name}” cannot sign in any more; their sessions and links have ended.")


@users_group.command("enable")
@click.argument("name")
@with_appcontext
def enable_command(name: str) -> None:
    """Let a disabled user sign in again."""
    with _core() as core:
        core.administration.enable(_user(core, name), COMMAND, Origin())
        say(f"“{name}” can sign in again.")


@users_group.command("reset")
@click.argument("name")
@with_appcontext
def reset_command(name: str) -> None:
    """Remove a user's password, app and passkeys, end their sessions, and print a link for a new password."""
    with _core() as core:
        token = core.administration.reset(_user(core, name), COMMAND, Origin())
        say(f"Password, app and passkeys of “{name}” are removed, and their sessions have ended.")
        say("Give them this link to choose a new password;")
        say(f"it works once, for {PASSWORD_LIFE.days} days:")
        click.echo(address_of(core.settings, token))


@users_group.command("require-second-factor")
@click.argument("name")
@click.option("--off", is_flag=True, help="Do not require it any more.")
@with_appcontext
def require_second_factor_command(name: str, off: bool) -> None:
    """Require a second factor of a user, and end their sessions; without one, they are led to set it up."""
    with _core() as core:
        core.administration.require_second_factor(_user(core, name), not off, COMMAND, Origin())
        if off:
            say(f"“{name}” may sign in with a password alone, unless they have set up an app.")
        else:
            say(f"“{name}” needs a second factor from their next sign-in on; their sessions have ended.")


@users_group.command("role")
@click.argument("name")
@click.argument("role", type=role_choice)
@with_appcontext
def role_command(name: str, role: str) -> None:
    """Change what a user may do; it holds from their next request on."""
    with _core() as core:
        core.administration.set_role(_user(core, name), Role(role), COMMAND, Origin())
        say(f"“{name}” is {role} now.")


@users_group.command("groups")
@click.argument("name")
@click.argument("groups", nargs=-1)
@with_appcontext
def groups_command(name: str, groups: tuple[str, ...]) -> None:
    """Replace the groups of a user; without GROUPS, they are in none."""
    with _core() as core:
        user = core.administration.set_groups(_user(core, name), groups, COMMAND, Origin())
        say(f"“{name}” is in {', '.join(user.groups) or 'no group'} now.")


@users_group.command("link")
@click.argument("name", required=False)
@with_appcontext
def link_command(name: str | None) -> None:
    """Print a link that signs a user in once, without a password.

    Without NAME: for the local user where ENVIRONMENT is local; else, while there are no users, for the first
    administrator.
    """
    with _core() as core:
        hours = LOCAL_LIFE.total_seconds() / 3600
        if name or core.settings.local:
            user = _user(core, name) if name else core.people.users.local()
            token: str | None = core.administration.local_link(user, COMMAND, Origin())
        else:
            hours = BOOTSTRAP_LIFE.total_seconds() / 3600
            token = core.administration.bootstrap_link(COMMAND, Origin())
        if token is None:
            raise Conflict("There are users already. Name one: flask users link NAME")
        say(f"This link works once, for {hours:g} hours:")
        click.echo(address_of(core.settings, token))


@users_group.command("list")
@with_appcontext
def list_command() -> None:
    """List the users with role, groups, and whether they can sign in."""
    with problems(), translated("reading the users"):
        rows = [HEADS, *(_row(user) for user in services().people.users.all())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
        for row in rows:
            click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _row(user: User) -> tuple[str, ...]:
    state = "disabled" if not user.enabled else "password" if user.password_hash else "no password"
    if user.second_factor_required:
        state += ", second factor required"
    return user.name, user.role.value, ", ".join(user.groups) or "-", state, user.id


def _user(core: Services, name: str) -> User:
    """Raises NotFound."""
    if user := core.people.users.by_name(name):
        return user
    raise NotFound(f"There is no user “{name}”. See: flask users list")


def address_of(settings: Settings, token: str) -> str:
    """Return the address of a link, as far as the settings tell by which name the server is reached."""
    path = settings.web_prefix + link_path(token)
    if settings.local:
        # The web server of a `make up` may have chosen another port.
        running = running_servers(ROOT / FOLDER).get("WEB_BIND")
        return f"http://{os.environ.get('WEB_BIND') or running or settings.web_bind}{path}"
    names = [name for name in settings.web_hosts if name != "*"]
    return f"https://{names[0]}{path}" if names else path
