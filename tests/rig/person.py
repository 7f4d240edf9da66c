"""Somebody before the pages over HTTP, with a browser's cookies: opens forms, sends them, signs in."""

from __future__ import annotations

import http.client
import re
import secrets
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.rig.forms import Sent

FORM = "application/x-www-form-urlencoded"
LOST = (OSError, http.client.HTTPException)
TASK = re.compile(r"/tasks/([0-9a-f]{24})")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What a page said and how long it took; status 0 is no answer at all."""

    status: int
    seconds: float
    text: str = ""
    location: str = ""

    @property
    def task(self) -> str:
        """The id of the task that was promised; empty when none was."""
        found = TASK.search(self.location) if self.status == 303 else None
        return found[1] if found else ""


@dataclass
class Person:
    """One browser, at a port of this machine; each request has a connection of its own."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 20.0
    host: str = ""
    """The name by which the server is known, with its port; else the address."""
    tls: ssl.SSLContext | None = None

    @property
    def origin(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.host or f'127.0.0.1:{self.port}'}"

    def ask(self, method: str, path: str, form: Mapping[str, Any] | None = None) -> Answer:
        """Raises one of `LOST` when no answer comes."""
        began = time.monotonic()
        with closing(self._connection()) as connection:
            body = None if form is None else urlencode(form)
            connection.request(method, path, body, self._headers(path, body))
            got = connection.getresponse()
            text = got.read().decode("utf-8", "replace")
            for cookie in got.headers.get_all("Set-Cookie") or []:
                self.keep(cookie)
        return Answer(got.status, time.monotonic() - began, text, got.headers.get("Location") or "")

    def try_to_ask(self, method: str, path: str, form: Mapping[str, Any] | None = None) -> Answer:
        """As :meth:`ask`; where no answer comes, one with status 0 that says why."""
        began = time.monotonic()
        try:
            return self.ask(method, path, form)
        except LOST as error:
            return Answer(0, time.monotonic() - began, str(error))

    def keep(self, cookie: str) -> None:
        """Take a cookie as it was set."""
        name, _, value = cookie.partition(";")[0].partition("=")
        self.cookies[name] = value

    def sign_in(self, path: str) -> None:
        """Open a link that signs in once, and press its button. Raises AssertionError where it does not."""
        page = self.ask("GET", path)
        assert page.status == 200, page.text
        done = self.ask("POST", path, {"csrf_token": token_of(page.text)})
        assert done.status == 303, done.text

    def open(self, type: str) -> dict[str, Any]:
        """The values of a new form. Raises AssertionError when the page is not there."""
        answer = self.ask("GET", f"/tasks/new/{type}")
        assert answer.status == 200, answer.text[:500]
        return Sent(answer.text).values.to_dict()

    def send(self, type: str, form: Mapping[str, Any]) -> Answer:
        return self.ask("POST", f"/tasks/new/{type}", form)

    def insist(self, type: str, form: Mapping[str, Any], seconds: float = 30.0) -> Answer:
        """Send the same form until it is answered, as a person does. Raises the last failure."""
        end = time.monotonic() + seconds
        while True:
            try:
                answer = self.send(type, form)
                if answer.status < 500 or time.monotonic() > end:
                    return answer
            except LOST:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls:
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.timeout_s, context=self.tls
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)

    def _headers(self, path: str, body: str | None) -> dict[str, str]:
        headers = {"Host": self.host} if self.host else {}
        if self.cookies:
            headers["Cookie"] = cookie_header(self.cookies)
        if body is not None:
            headers |= {"Content-Type": FORM, "Origin": self.origin, "Referer": f"{self.origin}{path}"}
        return headers


def token_of(page: str) -> str:
    """Return the token of the forms of a page."""
    found = TOKEN.search(page)
    assert found, page
    return found[1]


def cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def new_key() -> str:
    """A submission key as an opened form has one."""
    return secrets.token_urlsafe(18)
