"""The pages of tokens and users in a browser: with a keyboard's copy of the token, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest

from app.core.people.person import Origin
from app.core.people.roles import Permission, Role
from app.core.services import Services
from tests.browser import seeded
from tests.browser.test_accessibility import found_on
from tests.signing_in import user_of

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


@pytest.fixture
def look(chromium: Any, address: str) -> Any:
    contexts = []

    def open_page(**given: Any) -> Any:
        context = chromium.new_context(base_url=address, reduced_motion="reduce", **given)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_token_is_created_used_and_revoked(
    look: Open, address: str, services: Services, scripts: bool
) -> None:
    seeded.seed(services)
    page = look(java_script_enabled=scripts)
    page.goto("/profile")
    page.get_by_role("link", name="Manage tokens").click()
    page.get_by_label("Name", exact=True).fill("nightly import")
    permissions = page.get_by_role("group", name="Permissions")
    assert not permissions.get_by_label("Create tasks").is_visible()
    permissions.get_by_label("Only these").check()
    permissions.get_by_label("View tasks").check()
    page.get_by_role("button", name="Create token").click()
    text = page.locator(".once-text code").inner_text()
    request = Request(f"{address}/tasks", headers={"Authorization": f"Bearer {text}"})  # noqa: S310 - our own
    with urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        assert answer.status == 200
    page.goto("/profile/tokens")
    assert text not in page.content()
    assert page.locator(".people-table tbody").inner_text().count("127.0.0.1") == 1
    page.get_by_role("button", name="Revoke the token nightly import").click()
    page.get_by_text("The token “nightly import” is revoked.").wait_for()
    (token,) = services.people.tokens.all()
    assert token.permissions == (Permission.TASK_READ,) and not token.works


@pytest.mark.parametrize("scripts", [True, False])
def test_a_user_is_added_and_changed(look: Open, services: Services, scripts: bool) -> None:
    page = look(java_script_enabled=scripts)
    page.goto("/")
    page.locator(".bar-person summary").click()
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Alice")
    page.get_by_label("Role", exact=True).select_option("operator")
    page.get_by_role("textbox", name="Groups").fill("data, ops")
    page.get_by_role("button", name="Add user").click()
    assert re.search(r"/sign-in/link/[\w-]{43}$", page.locator(".once-text code").inner_text())
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Save role").click()
    page.get_by_text("“Alice” has the role viewer now.").wait_for()
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Enable").wait_for()
    alice = services.people.users.by_name("alice")
    assert alice is not None and alice.role is Role.VIEWER and not alice.enabled


def test_axe_finds_nothing_on_the_pages_of_administrators(look: Open, services: Services) -> None:
    seeded.publish(services)
    long = "maria-theresia.of.habsburg-lorraine@department-of-documents.example.org"
    user = user_of(services, Role.OPERATOR, long)
    services.people.users.set_groups(user.id, [f"group-number-{number}" for number in range(12)])
    owner = services.people.users.person(user)
    create = services.programs.create_token
    for name, chosen in (("import", None), ("x" * 80, [Permission.TASK_READ, Permission.TASK_CREATE])):
        types = None if chosen is None else ["clean_table", "transform_table", "query_tables"]
        create(owner, name, timedelta(days=30), chosen, types, Origin())
    local = services.people.users.person(user_of(services))
    create(local, "mine", timedelta(days=30), [Permission.TASK_READ], None, Origin())
    page = look()
    places = ("/users", f"/users/{user.id}", "/users/tokens", "/users/roles", "/settings", "/profile/tokens")
    wrong = {}
    for place in places:
        page.goto(place)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        wrong[place] = found_on(page)
    page.goto("/users")
    page.get_by_label("Name", exact=True).fill("<")
    page.get_by_role("button", name="Add user").click()
    wrong["/users, wrong"] = found_on(page)
    page.goto("/profile/tokens")
    page.get_by_role("group", name="Permissions").get_by_label("Only these").check()
    page.get_by_label("Name", exact=True).fill("x")
    page.get_by_role("button", name="Create token").click()
    wrong["token, wrong"] = found_on(page)
    page.get_by_role("group", name="Permissions").get_by_label("View tasks").check()
    page.get_by_role("button", name="Create token").click()
    wrong["token, created"] = found_on(page)
    assert wrong == dict.fromkeys(wrong, [])
