"""A secret in a browser: sent in place, kept unseen when something else is wrong, usable by anybody."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from app.core.secrets.secret import Secret
from tests.browser.conftest import TASK
from tests.canary import CANARY, hits
from tests.web.create.creating import only, publish
from workers.types.task_modules import load

pytestmark = pytest.mark.browser


def test_it_survives_a_mistake_elsewhere_and_is_never_on_the_page(chromium, address, services):
    described = load(["tests.workers.samples"])["confess"].document()
    publish(services, "confess", title="Confess", schema=described["schema"])
    page = chromium.new_context().new_page()
    page.goto(f"{address}/tasks/new/confess")
    page.fill("#p-password", CANARY)
    page.evaluate("document.querySelector('#p-pause_s').type = 'text'")
    page.fill("#p-pause_s", "soon")
    page.click("[name=then][value=task]")
    page.wait_for_selector("[data-summary]:focus")

    assert page.input_value("#p-password") == "" and hits(page.content()) == []
    assert "Kept. Leave it empty" in page.inner_text("#p-password-help")
    assert Axe().run(page).response["violations"] == []
    page.fill("#p-pause_s", "0")
    page.click("[name=then][value=task]")
    page.wait_for_url(TASK, wait_until="commit")
    task = only(services)
    assert services.vault.opened(task.params, task.id)["password"] == Secret(CANARY)
    page.wait_for_selector("text=••••")
    assert hits(page.content()) == []
    page.context.close()
