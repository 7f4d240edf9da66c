"""Signing in as a person does it, by a link that works once: the one way of tests, rigs and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient

from app.core.clock import utcnow
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.people.users import LOCAL_NAME, User
from app.core.services import Services, connect
from app.core.sign_in.administration import COMMAND, link_path
from config import load
from tests.rig.person import Person, cookie_header, token_of

__all__ = ["cookie_header", "cookies_over_http", "link", "link_over", "signed_in", "token_of", "user_of"]


def user_of(services: Services, role: Role = Role.ADMINISTRATOR, name: str = LOCAL_NAME) -> User:
    """Return the user of a name, added where there is none. The local one has his name for an ID."""
    users = services.people.users
    if name == LOCAL_NAME and users.by_name(name) is None:
        document = {"_id": name, "name": name, "name_key": name, "role": role.value, "created_at": utcnow()}
        services.db.users.insert_one(document)
    return users.by_name(name) or users.add(name, role)


def link(services: Services, role: Role = Role.ADMINISTRATOR, name: str = LOCAL_NAME) -> str:
    """Return the path of a link that signs a user in once."""
    user = user_of(services, role, name)
    return link_path(services.administration.local_link(user, COMMAND, Origin()))


def link_over(env: Mapping[str, str]) -> str:
    """Return such a path for a program that runs with this environment."""
    services = connect(load(env))
    try:
        return link(services)
    finally:
        services.close()


def signed_in(
    client: FlaskClient,
    services: Services,
    role: Role = Role.ADMINISTRATOR,
    name: str = LOCAL_NAME,
    prefix: str = "",
    **more: Any,
) -> FlaskClient:
    """Open a link, below a prefix where one is given, and press its button; returns the same client."""
    path = prefix + link(services, role, name)
    page = client.get(path, **more)
    assert page.status_code == 200, page.text
    answer = client.post(path, data={"csrf_token": token_of(page.text)}, **more)
    assert answer.status_code == 303, answer.text
    return client


def cookies_over_http(port: int, path: str, timeout_s: float = 30) -> dict[str, str]:
    """Sign in at a server of this machine by a link's path; returns the cookies of the session."""
    person = Person(port, timeout_s=timeout_s)
    person.sign_in(path)
    return person.cookies
