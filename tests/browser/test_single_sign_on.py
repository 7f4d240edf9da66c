"""Single sign-on in a browser: from the sign-in page to a provider on another site, and back to Home."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import oidc_provider_mock
import pytest
from werkzeug.serving import make_server

from app import create_app
from app.core.people.roles import Role
from app.core.services import Services
from config import load
from tests.browser.conftest import Chromium, unbroken, whole
from tests.browser.test_accessibility import found_on
from tests.web.people.test_proxy_header import ANN, HEADERS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning"),
]
TABLE = """
[{name}]
title = "{title}"
issuer = "{issuer}"
client_id = "queue"
client_secret = "s3cret"
roles = {{ operations = "operator", "*" = "viewer" }}
"""


@dataclass(frozen=True)
class Site:
    """A server with three providers, of which the last is away; the providers are on another site."""

    address: str
    company: str
    partner: str


@pytest.fixture
def serve(services: Services) -> Iterator[Any]:
    """Serve an application with these settings at 127.0.0.1; returns its address."""
    servers = []

    def started(**env: str) -> str:
        settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", **env})
        server = make_server("127.0.0.1", 0, whole(create_app(settings, services)), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield started
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(serve: Any, tmp_path: Path) -> Iterator[Site]:
    with oidc_provider_mock.run_server_in_thread() as one, oidc_provider_mock.run_server_in_thread() as two:
        company, partner = (f"http://localhost:{server.server_port}" for server in (one, two))
        places = {"company": company, "partner": partner, "away": "http://localhost:1"}
        file = tmp_path / "providers.toml"
        tables = [TABLE.format(name=name, title=name.title(), issuer=at) for name, at in places.items()]
        file.write_text("".join(tables))
        user = {"preferred_username": "dora", "groups": ["operations", "others"]}
        httpx.put(f"{company}/users/d1", json=user).raise_for_status()
        httpx.put(f"{partner}/users/d1", json={"preferred_username": "dora"}).raise_for_status()
        yield Site(serve(IDENTITY_PROVIDERS=str(file)), company, partner)


def sign_in_at(page: Any, subject: str) -> None:
    page.fill("input[name=sub]", subject)
    page.get_by_role("button", name="Authorize").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_from_the_sign_in_page_to_home_and_out(
    chromium: Chromium, site: Site, services: Services, scripts: bool
) -> None:
    context = chromium.new_stranger(base_url=site.address, java_script_enabled=scripts)
    with unbroken(context) as page:
        page.goto("/")
        page.get_by_role("button", name="Company").click()
        page.wait_for_url(f"{site.company}/**")
        sign_in_at(page, "d1")
        page.wait_for_url(f"{site.address}/")
        page.locator("#menu-person > summary").click()
        page.get_by_text("dora · Operator").wait_for()
        page.get_by_role("link", name="Profile").click()
        page.get_by_text("You sign in with Company.").wait_for()
        page.get_by_text("(this one)").wait_for()
        page.locator("#menu-person > summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("You are signed out here.").wait_for()
        page.get_by_role("link", name="sign out of Company").click()
        page.wait_for_url(f"{site.company}/oauth2/end_session?client_id=*")

        page.goto("/tasks?status=failed")
        page.get_by_role("button", name="Partner").click()
        page.wait_for_url(f"{site.partner}/**")
        sign_in_at(page, "d1")
        page.wait_for_url(f"{site.address}/tasks?status=failed")
        page.locator("#menu-person > summary").click()
        page.get_by_text("dora@partner · Viewer").wait_for()
    roles = {user.name: user.role for user in services.people.users.all()}
    assert roles == {"dora": Role.OPERATOR, "dora@partner": Role.VIEWER}


def test_an_address_from_another_browser_signs_nobody_in(chromium: Chromium, site: Site) -> None:
    with unbroken(chromium.new_stranger(base_url=site.address)) as page:
        page.goto("/sign-in")
        page.route("**/sign-in/with/company/back*", lambda route: route.abort())
        page.get_by_role("button", name="Company").click()
        page.wait_for_url(f"{site.company}/**")
        with page.expect_request("**/sign-in/with/company/back*") as back:
            sign_in_at(page, "d1")
        address = back.value.url
    with unbroken(chromium.new_stranger(base_url=site.address)) as page:
        assert page.goto(address).status == 400
        page.get_by_role("alert").get_by_text("another browser").wait_for()
        page.goto("/")
        page.get_by_role("heading", name="Sign in").wait_for()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_provider_that_is_away(chromium: Chromium, site: Site, scripts: bool) -> None:
    context = chromium.new_stranger(base_url=site.address, java_script_enabled=scripts)
    with unbroken(context) as page:
        page.goto("/sign-in?next=/tasks")
        with page.expect_response("**/sign-in/with/away") as answer:
            page.get_by_role("button", name="Away").click()
        assert answer.value.status == 503
        page.get_by_role("alert").get_by_text("does not answer").wait_for()
        page.get_by_role("button", name="Company").click()
        page.wait_for_url(f"{site.company}/**")
        sign_in_at(page, "d1")
        page.wait_for_url(f"{site.address}/tasks")


def opened(chromium: Chromium, site: Site, name: str) -> Any:
    page = chromium.new_stranger(base_url=site.address, reduced_motion="reduce").new_page()
    page.goto("/sign-in")
    if name == "away":
        page.get_by_role("button", name="Away").click()
        page.get_by_role("alert").first.wait_for()
    if name in ("continue", "profile"):
        if name == "continue":
            page.route(f"{site.company}/**", lambda route: route.fulfill(status=204))
        page.get_by_role("button", name="Company").click()
        if name == "continue":
            page.get_by_role("link", name="Continue").wait_for()
        else:
            page.wait_for_url(f"{site.company}/**")
            sign_in_at(page, "d1")
            page.goto("/profile")
    return page


@pytest.mark.parametrize("name", ["sign-in", "away", "continue", "profile"])
def test_axe_finds_nothing(chromium: Chromium, site: Site, name: str) -> None:
    page = opened(chromium, site, name)
    assert found_on(page) == []
    page.context.close()


def test_a_person_whom_a_proxy_signs_in(chromium: Chromium, serve: Any, services: Services) -> None:
    settings = {**HEADERS, "PROXY_ADDRESSES": "127.0.0.1"}
    address = serve(**settings)
    context = chromium.new_stranger(base_url=address, extra_http_headers=ANN, reduced_motion="reduce")
    with unbroken(context) as page:
        page.goto("/profile")
        page.get_by_text("None: the proxy in front of this server").wait_for()
        page.locator("#menu-person > summary").click()
        page.get_by_text("Signed in by the proxy").wait_for()
        assert page.get_by_role("button", name="Sign out").count() == 0
        assert found_on(page) == []
