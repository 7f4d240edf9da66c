"""Below a prefix, scripts and shortcuts stay there too: every request of a browser does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.serving import make_server

from app import create_app
from config import load
from tests.browser import seeded
from tests.browser.conftest import TASK, unbroken, whole
from tests.browser.test_create_form import click_create
from tests.signing_in import link

pytestmark = pytest.mark.browser
PREFIX = "/queue"


@pytest.fixture
def page(chromium: Any, services: Any) -> Iterator[Any]:
    """A page of a server below a prefix; ``asked`` in it has the path of every request."""
    seeded.seed(services)
    settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "WEB_PREFIX": PREFIX})
    server = make_server("127.0.0.1", 0, whole(create_app(settings, services)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    with unbroken(chromium.new_context(base_url=address)) as opened:
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(urlsplit(request.url).path))
        opened.goto(f"{PREFIX}{link(services)}")
        opened.wait_for_url(f"**{PREFIX}/")
        yield opened
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_request_of_a_browser_stays_below_the_prefix(page, services):
    for key, path in (("v", "/tasks"), ("c", "/tasks/new"), ("h", "/")):
        page.keyboard.press(key)
        page.wait_for_url(f"**{PREFIX}{path}")
    with page.expect_response(f"**{PREFIX}/home/live*"):
        pass  # it renews itself

    page.goto(f"{PREFIX}/tasks/new/clean_table")
    with page.expect_response(f"**{PREFIX}/tasks/new/clean_table/source?*"):
        page.set_input_files(
            "input[type=file]", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
        )
    page.wait_for_selector("text=a.csv, 8 bytes, uploaded")
    click_create(page)
    page.wait_for_url(TASK)
    page.click("button:has-text('Cancel')")
    page.wait_for_load_state()

    page.goto(f"{PREFIX}/tasks")
    page.fill("#search", "count")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=count*")
    page.click("tbody tr:first-child input[name=id]")
    page.click("[data-action]:not([hidden])")
    page.wait_for_load_state()

    outside = [path for path in page.asked if path != PREFIX and not path.startswith(f"{PREFIX}/")]
    assert outside == [] and len(page.asked) > 20
