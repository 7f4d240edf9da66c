"""A second factor and passkeys in a browser: set up, used to sign in, and accessible."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in.factors import Factors
from tests.browser.conftest import unbroken
from tests.browser.test_accessibility import found_on
from tests.core.sign_in.phone import Phone, set_up

pytestmark = pytest.mark.browser

GOOD = "correct horse battery"
STEP_S = 30
"""How long a code of an authenticator app counts."""


@pytest.fixture
def ann(services: Services) -> User:
    """Somebody with a password; set here, so that no test waits for a link's page."""
    return services.people.users.add(
        "ann", Role.SUBMITTER, password_hash=services.sign_in.passwords.hashed(GOOD)
    )


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    """A page of a stranger at localhost, as passkeys need a name."""
    with unbroken(chromium.new_stranger(base_url=by_name(address), accept_downloads=True)) as opened:
        yield opened


def by_name(address: str) -> str:
    return address.replace("127.0.0.1", "localhost")


def older_code(app: Phone) -> str:
    """Return the code of the step before, taken for some seconds to come; that of now stays unused."""
    left_s = STEP_S - time.time() % STEP_S
    if left_s < STEP_S / 5:
        time.sleep(left_s)
    return app.code(-1)


def sign_in(page: Any) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Any) -> None:
    page.goto("/profile")
    page.locator("#menu-person summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def set_up_in(page: Any) -> tuple[Phone, list[str]]:
    """Set up an app on the profile; returns it with the recovery codes that are shown."""
    page.goto("/profile")
    page.get_by_role("button", name="Set up", exact=True).click()
    assert page.locator(".qr svg").bounding_box()["width"] > 100
    app = Phone(page.locator(".secret code").inner_text())
    page.get_by_role("textbox", name="Code").fill(older_code(app))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    return app, codes


def signed_in(page: Any) -> bool:
    page.wait_for_selector("#menu-person")
    return bool(page.locator(".bar-name").inner_text() == "ann")


def test_an_app_is_set_up_and_signs_in(page: Any, ann: User) -> None:
    sign_in(page)
    app, codes = set_up_in(page)
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download as text").click()
    assert downloaded.value.path().read_text().split() == codes
    assert page.get_by_role("button", name="Print").is_visible()
    page.get_by_role("link", name="Done").click()
    sign_out(page)
    sign_in(page)
    page.wait_for_url("**/sign-in/code")
    page.get_by_role("textbox", name="Code").fill(app.code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert signed_in(page)


def test_everything_but_passkeys_works_without_scripts(chromium: Any, address: str, ann: User) -> None:
    with unbroken(chromium.new_stranger(base_url=by_name(address), java_script_enabled=False)) as page:
        sign_in(page)
        _, codes = set_up_in(page)
        assert page.get_by_role("button", name="Print").count() == 0
        page.goto("/profile")
        assert page.get_by_text("Adding a passkey takes JavaScript").is_visible()
        page.context.clear_cookies()
        sign_in(page)
        assert page.get_by_role("button", name="Use a passkey").count() == 0
        page.get_by_role("textbox", name="Code").fill(codes[0])
        page.get_by_role("button", name="Sign in", exact=True).click()
        assert page.locator(".bar-name").inner_text() == "ann"
        page.goto("/profile/app/remove")
        page.get_by_label("Current password or code").fill(GOOD)
        page.get_by_role("button", name="Remove", exact=True).click()
        page.get_by_text("The authenticator app is removed.").wait_for()


AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
OLDER_BROWSER = """
delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON;
delete PublicKeyCredential.prototype.toJSON;
"""


def devices(page: Any) -> Any:
    """Give the browser a device with passkeys that its person has unlocked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session, made["authenticatorId"]


@pytest.mark.parametrize("script", ["", OLDER_BROWSER], ids=["today", "older"])
def test_a_passkey_is_added_and_signs_in(page: Any, ann: User, services: Services, script: str) -> None:
    devices(page)
    if script:
        page.add_init_script(script)
    sign_in(page)
    assert signed_in(page)
    page.goto("/profile")
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("The passkey “Laptop” is added.").wait_for()
    sign_out(page)
    page.get_by_role("button", name="Use a passkey").click()
    assert signed_in(page)
    assert ("passkey",) in [session.factors for session in services.people.sessions.of_user(ann.id)]
    page.goto("/profile")
    page.get_by_role("button", name="Remove the passkey Laptop").click()
    page.get_by_text("The passkey is removed.").wait_for()


def test_a_device_that_does_not_know_its_person_is_said(page: Any, ann: User) -> None:
    session, device = devices(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    sign_in(page)
    page.goto("/profile")
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("No passkey was added. Try again.").wait_for()
    assert page.get_by_role("button", name="Add a passkey").is_enabled()


def test_at_an_address_without_a_name_the_page_says_what_to_open(chromium: Any, address: str) -> None:
    with unbroken(chromium.new_stranger(base_url=address)) as page:
        page.goto("/sign-in")
        assert page.get_by_role("button", name="Use a passkey").count() == 0
        page.locator(f"a[href='{by_name(address)}/sign-in']").click()
        page.get_by_role("button", name="Use a passkey").wait_for()


def test_axe_finds_nothing(chromium: Any, address: str, ann: User) -> None:
    context = chromium.new_stranger(base_url=by_name(address), color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    wrong = {}

    def look(name: str) -> None:
        wrong[name] = found_on(page)

    page.goto("/sign-in")
    look("sign in")
    sign_in(page)
    page.goto("/profile")
    look("profile")
    page.get_by_role("button", name="Set up", exact=True).click()
    look("set up")
    app = Phone(page.locator(".secret code").inner_text())
    page.get_by_role("textbox", name="Code").fill("1")
    page.get_by_role("button", name="Turn on").click()
    look("wrong code")
    page.get_by_role("textbox", name="Code").fill(app.code())
    page.get_by_role("button", name="Turn on").click()
    look("codes")
    for name in ("profile", "profile/confirm", "profile/app/remove"):
        page.goto(f"/{name}")
        look(name)
    page.context.clear_cookies()
    sign_in(page)
    page.get_by_role("textbox", name="Code").fill("1")
    page.get_by_role("button", name="Sign in", exact=True).click()
    look("code")
    context.close()
    assert wrong == dict.fromkeys(wrong, []) and len(wrong) == 8


def test_the_code_of_an_app_is_needed_once_it_is_on(page: Any, ann: User, services: Services) -> None:
    app, _ = set_up(Factors.of(services.db, services.settings).second_factors, ann)
    sign_in(page)
    page.get_by_role("textbox", name="Code").fill("000000" if app.code() != "000000" else "111111")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("This code is wrong").wait_for()
    page.goto("/tasks")
    page.wait_for_url(re.compile(r"/sign-in\?next="))
