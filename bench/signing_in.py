"""Signing in to the web server that is measured, as a person does: by a link that works once."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlencode

from app.core.people.person import Origin
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in.administration import COMMAND, link_path
from bench.report import BenchError

WITHIN_S = 60.0
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def sign_in(port: int, services: Services, user: User | None = None) -> dict[str, str]:
    """Return the cookies of a fresh session of a user, else of the local administrator. Raises BenchError."""
    who = user or services.people.users.local()
    token = services.administration.local_link(who, COMMAND, Origin())
    path, cookies = link_path(token), dict[str, str]()
    found = TOKEN.search(_ask(port, "GET", path, cookies, None, 200))
    if not found:
        raise BenchError("The page of the link has no form.")
    _ask(port, "POST", path, cookies, urlencode({"csrf_token": found[1]}), 303)
    return cookies


def header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _ask(port: int, method: str, path: str, cookies: dict[str, str], body: str | None, status: int) -> str:
    headers = {"Cookie": header(cookies)}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        page = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status != status:
        raise BenchError(f"Signing in was answered with {answer.status}.")
    for cookie in answer.headers.get_all("Set-Cookie") or []:
        name, _, value = cookie.partition(";")[0].partition("=")
        cookies[name] = value
    return page
