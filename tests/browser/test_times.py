"""Times in a browser: ages are right on a device whose clock is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from tests.browser.conftest import unbroken
from tests.web.looking import claim

pytestmark = pytest.mark.browser

AHEAD = "{const now = Date.now; Date.now = () => now() + %d * 60000;}"


@pytest.mark.parametrize("minutes", [10, -10])
def test_ages_do_not_depend_on_the_clock_of_the_device(
    chromium: Any, address: str, services: Services, new_task: Callable[..., Task], minutes: int
) -> None:
    task = new_task()
    claim(services, task)
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.add_init_script(AHEAD % minutes)
        page.goto("/tasks")
        page.wait_for_timeout(1_500)
        assert page.locator(".c-created time").inner_text() in ("just now", "5 s ago", "6 s ago")
        with page.expect_response("**/tasks/rows*") as answered:
            pass
        assert int(answered.value.headers["x-server-time"]) > 0
        page.wait_for_timeout(1_100)
        assert page.locator(".c-ran time").inner_text().endswith(" s")
