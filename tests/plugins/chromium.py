"""The browser of all tests in one: a second one would need a process of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.signing_in import cookies_over_http

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Chromium:
    """A browser whose profiles are signed in at the servers of the test that asks for them."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._cookies: dict[str, str] = {}

    def new_context(self, **given: Any) -> Any:
        """Return a profile of somebody who is signed in."""
        context = self.new_stranger(**given)
        for name, value in self._cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": "http://127.0.0.1"}])
        return context

    def new_stranger(self, **given: Any) -> Any:
        """Return a profile of somebody who is not."""
        return self._browser.new_context(**given)

    def sign_in(self, port: int, path: str) -> None:
        """Sign in by a link; holds for the profiles that are made afterwards."""
        self._cookies |= cookies_over_http(port, path)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """Debian's Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("There is no Chromium on this machine.")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield Chromium(browser)
        browser.close()
