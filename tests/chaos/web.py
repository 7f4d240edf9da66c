"""The web server as in production (gunicorn), and people who fill in its forms."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from app.local.children import LocalProcess, free_port
from tests.signing_in import cookie_header, cookies_over_http, cookies_set, link_over
from tests.web.create.creating import Sent

ROOT = Path(__file__).resolve().parents[2]
TYPE = "application/x-www-form-urlencoded"
LOST = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    location: str
    text: str
    seconds: float

    @property
    def task(self) -> str:
        """The id of the task that it leads to; empty when it leads to none."""
        found = re.search(r"/tasks/([0-9a-f]{24})", self.location)
        return found[1] if found else ""


@dataclass
class Person:
    """One browser with the cookie of its session: opens forms and sends them."""

    port: int
    cookie: str = ""
    timeout_s: float = 20.0

    def ask(self, method: str, path: str, sent: Any = None) -> Answer:
        """Raises one of `LOST` when no answer comes."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if sent is not None:
            headers["Content-Type"] = TYPE
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        try:
            connection.request(method, path, sent, headers)
            got = connection.getresponse()
            text = got.read().decode("utf-8", "replace")
            if self.cookie and (new := cookies_set(got)):  # What is said on the next page is in a cookie.
                kept = dict(pair.split("=", 1) for pair in self.cookie.split("; "))
                self.cookie = cookie_header(kept | new)
        finally:
            connection.close()
        return Answer(got.status, got.getheader("Location") or "", text, time.monotonic() - began)

    def open(self, type: str) -> dict[str, Any]:
        """The values of a new form. Raises AssertionError when the page is not there."""
        answer = self.ask("GET", f"/tasks/new/{type}")
        assert answer.status == 200, answer.text[:500]
        return Sent(answer.text).values.to_dict()

    def send(self, type: str, form: Mapping[str, Any]) -> Answer:
        return self.ask("POST", f"/tasks/new/{type}", urlencode(form))

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


def new_key() -> str:
    """A submission key as an opened form has one."""
    return secrets.token_urlsafe(18)


@dataclass
class Web:
    """`gunicorn wsgi:app` on a port of its own, with the settings given."""

    env: Mapping[str, str]
    log: Path
    port: int = field(default_factory=lambda: free_port(0))

    def __post_init__(self) -> None:
        env = {**self.env, "WEB_BIND": f"127.0.0.1:{self.port}"}
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
        self.child = LocalProcess(
            "web", command, log=self.log, ready=self._ready, env={**os.environ, **env}, cwd=ROOT
        )

    def start(self) -> None:
        self.child.start()
        self.child.wait_ready(40)

    def _ready(self) -> bool:
        try:
            return Person(self.port, timeout_s=5).ask("GET", "/healthz").status == 200
        except LOST:
            return False

    def person(self) -> Person:
        """Somebody who is signed in, in a browser of their own."""
        return Person(self.port, self.signed_in())

    def signed_in(self) -> str:
        """Return the cookie of a fresh session of the local administrator."""
        return cookie_header(cookies_over_http(self.port, link_over({**os.environ, **self.env})))

    def processes(self) -> list[int]:
        """The serving processes, without their master."""
        try:
            return [one.pid for one in psutil.Process(self.child.pid).children()]
        except psutil.Error:
            return []

    def stop(self) -> None:
        self.child.kill()
