"""The browser of all tests in one: a second one would need a process of its own."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
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


STUCK_S = 240.0
"""A browser that does not answer within this time would block its test and all that follow."""


class Chromium:
    """A browser whose profiles are signed in at the servers of the test that asks for them.

    One that was ended is started again by the next test.
    """

    def __init__(self, launch: Callable[[], Any]) -> None:
        self._launch = launch
        self._browser = launch()
        self._cookies: dict[str, str] = {}

    def new_context(self, **given: Any) -> Any:
        """Return a profile of somebody who is signed in."""
        context = self.new_stranger(**given)
        for name, value in self._cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": "http://127.0.0.1"}])
        return context

    def new_stranger(self, **given: Any) -> Any:
        """Return a profile of somebody who is not."""
        if not self._browser.is_connected():
            self._browser = self._launch()
        return self._browser.new_context(**given)

    def close(self) -> None:
        self._browser.close()

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
        made = Chromium(lambda: started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS))
        yield made
        made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """End a browser that is stuck, as not every call to it has a time limit; the test fails then."""
    if "chromium" not in getattr(item, "fixturenames", ()):
        return (yield)
    over = threading.Event()
    watching = threading.Thread(target=_end_stuck, args=(over,), daemon=True)
    watching.start()
    try:
        return (yield)
    finally:
        over.set()
        watching.join()


def _end_stuck(over: threading.Event) -> None:
    while not over.wait(STUCK_S):
        for process in _browsers():
            process.kill()


def _browsers() -> list[psutil.Process]:
    """Return the browsers that this process has started, without the processes that they have started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any("--remote-debugging-pipe" in part for part in command) and "--type=" not in " ".join(command):
            found.append(process)
    return found
