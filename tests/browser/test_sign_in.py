"""Signing in in a browser: from the printed link to Create Task without a password, and who sees nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.services import Services
from app.core.sign_in.administration import COMMAND, link_path
from tests.browser.conftest import Chromium, unbroken
from tests.browser.test_accessibility import found_on
from tests.signing_in import link
from tests.web.create.creating import publish

pytestmark = pytest.mark.browser
GOOD = "correct horse battery"


def test_from_the_printed_link_to_create_task_in_one_click(
    chromium: Chromium, address: str, services: Services
) -> None:
    publish(services)
    with unbroken(chromium.new_stranger(base_url=address)) as page:
        page.goto("/tasks/new")
        assert page.url.startswith(f"{address}/sign-in?")
        assert page.get_by_role("link", name="Create Task").count() == 0
        assert page.locator("#pulse").count() == 0

        page.goto(link(services))
        page.wait_for_url(f"{address}/")
        page.get_by_role("link", name="Create Task").first.click()
        page.wait_for_url("**/tasks/new")
        page.get_by_text("Clean a table").first.wait_for()
    with unbroken(chromium.new_stranger(base_url=address)) as page:
        page.goto("/")
        assert page.get_by_role("heading").all_inner_texts() == ["Sign in"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_password_a_menu_and_out_again(
    chromium: Chromium, address: str, services: Services, scripts: bool
) -> None:
    _, token = services.administration.add("carol", Role.SUBMITTER, [], COMMAND, Origin())
    context = chromium.new_stranger(base_url=address, java_script_enabled=scripts)
    with unbroken(context) as page:
        page.goto(link_path(token))
        page.fill("#password", GOOD)
        page.fill("#again", GOOD)
        page.get_by_role("button", name="Save and sign in").click()
        page.wait_for_url(f"{address}/")
        page.locator("#menu-person > summary").click()
        page.get_by_role("link", name="Profile").click()
        page.get_by_text("(this one)").wait_for()
        page.locator("#menu-person > summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("You are signed out.").wait_for()
        page.goto("/tasks?status=failed")
        page.fill("#name", "carol")
        page.fill("#password", "wrong")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("The name or the password is wrong.").wait_for()
        page.fill("#password", GOOD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/tasks?status=failed")


def test_an_open_page_says_that_its_session_has_ended(
    chromium: Chromium, address: str, services: Services
) -> None:
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.goto("/tasks?status=failed")
        assert page.locator("#signed-out").is_hidden()
        services.people.sessions.end_all(services.people.users.local().id)
        page.locator("#signed-out").wait_for(timeout=20_000)
        page.locator("#signed-out a").click()
        page.wait_for_url(f"{address}/sign-in?next=%2Ftasks%3Fstatus%3Dfailed")


@pytest.mark.parametrize("name", ["sign-in", "wrong", "local", "bootstrap", "password"])
def test_axe_finds_nothing_before_signing_in(
    chromium: Chromium, address: str, services: Services, name: str
) -> None:
    context = chromium.new_stranger(base_url=address, reduced_motion="reduce", java_script_enabled=True)
    page: Any = context.new_page()
    paths = {"local": lambda: link(services), "password": lambda: _password_link(services)}
    if name == "bootstrap":
        services.db.users.delete_many({})
        paths["bootstrap"] = lambda: link_path(str(services.administration.bootstrap_link(COMMAND, Origin())))
    if name == "local":  # as it is without its script
        page.route("**/people/link.js", lambda route: route.abort())
    page.goto(paths.get(name, lambda: "/sign-in?next=/tasks")())
    if name == "wrong":
        page.fill("#name", "nobody")
        page.fill("#password", "wrong")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").first.wait_for()
    assert found_on(page) == []
    context.close()


def _password_link(services: Services) -> str:
    return link_path(services.administration.add("carol", Role.VIEWER, [], COMMAND, Origin())[1])


def test_axe_finds_nothing_on_the_profile(chromium: Chromium, address: str, services: Services) -> None:
    link_of_another = services.people.sessions.begin(services.people.users.local().id, ("link",), "127.0.0.2")
    assert link_of_another
    context = chromium.new_context(base_url=address, reduced_motion="reduce")
    page: Any = context.new_page()
    page.goto("/profile")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert found_on(page) == []
    context.close()
