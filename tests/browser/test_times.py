"""Times in a browser: ages are right on a device whose clock is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from tests.browser.conftest import unbroken
from tests.web.looking import claim, succeed

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
        ago = page.locator(".c-created .ago").text_content()
        assert ago in ("just now", "5 s ago", "6 s ago")
        with page.expect_response("**/tasks/rows*") as answered:
            pass
        assert int(answered.value.headers["x-server-time"]) > 0
        page.wait_for_timeout(1_100)
        assert page.locator(".c-ran time").inner_text().endswith(" s")


def test_date_clock_and_zone_are_there_without_a_pointer(
    chromium: Any, address: str, services: Services, new_task: Callable[..., Task]
) -> None:
    """In the reader's own zone, on screen and on paper; rows of a list leave out the zone and the year."""
    task = succeed(services, new_task())
    moment = datetime(2031, 7, 4, 18, 30, tzinfo=timezone.utc)
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"started_at": moment, "finished_at": moment}})
    context = chromium.new_context(base_url=address, timezone_id="Europe/Berlin")
    with unbroken(context) as page:
        page.goto(f"/tasks/{task.id}")
        exactly = page.locator(".step.is-now time").first
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            assert exactly.inner_text() == "Fri, Jul 4, 2031, 8:30:00 PM GMT+2"
            assert exactly.is_visible()
        page.emulate_media(media="screen")
        page.goto("/tasks")
        assert page.locator(".c-finished time").first.inner_text() == "Jul 4, 2031, 8:30 PM"
