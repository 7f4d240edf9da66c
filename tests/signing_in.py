"""Signing in as a person does it, by a link that works once: the one way of tests, rigs and benchmarks."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient

from app.core.clock import utcnow
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.people.users import LOCAL_NAME, User
from app.core.services import Services, connect
from app.core.sign_in.administration import COMMAND, link_path
from config import load

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


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


def token_of(page: str) -> str:
    """Return the token of the forms of a page."""
    found = TOKEN.search(page)
    assert found, page
    return found[1]


def cookies_over_http(port: int, path: str, timeout_s: float = 30) -> dict[str, str]:
    """Sign in at a server of this machine by a link's path; returns the cookies of the session."""
    cookies: dict[str, str] = {}
    page = _ask(port, "GET", path, cookies, None, timeout_s)
    assert page[0] == 200, page[1]
    done = _ask(port, "POST", path, cookies, urlencode({"csrf_token": token_of(page[1])}), timeout_s)
    assert done[0] == 303, done[1]
    return cookies


def cookies_set(answer: http.client.HTTPResponse) -> dict[str, str]:
    """Return the cookies that an answer sets, as a browser keeps them."""
    pairs = [line.partition(";")[0].partition("=") for line in answer.headers.get_all("Set-Cookie") or []]
    return {name: value for name, _, value in pairs}


def cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _ask(
    port: int, method: str, path: str, cookies: dict[str, str], body: str | None, timeout_s: float
) -> tuple[int, str]:
    headers = {"Cookie": cookie_header(cookies)} if cookies else {}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        cookies |= cookies_set(answer)
    return answer.status, text
