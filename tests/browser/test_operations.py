"""Workers, queues and failures in a browser: whole names, a paused queue, numbers as those of lists."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.web.looking import claim, fail, worker

pytestmark = pytest.mark.browser

LONG = "ip-10-0-0-17.eu-central-1.compute.internal.20432"
CUT = """name => [...document.querySelectorAll("#workers *, #workers-card *")]
  .filter(each => each.childElementCount === 0 && each.textContent.trim() === name)
  .map(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflow === "hidden")"""


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_the_name_of_a_worker_and_its_task_are_whole(
    chromium: Any, address: str, services: Services, width: int
) -> None:
    seeded.publish(services)
    task = claim(services, seeded.submit(services, title="Count to a million"), LONG)
    worker(services, LONG)
    with unbroken(chromium.new_context(base_url=address, viewport={"width": width, "height": 900})) as page:
        for each in ("/", "/workers"):
            page.goto(each)
            assert page.evaluate(CUT, LONG) == [False], each
        assert (
            page.get_by_role("link", name="Count to a million").get_attribute("href") == f"/tasks/{task.id}"
        )


@pytest.mark.parametrize("scripts", [True, False])
def test_a_queue_is_paused_and_resumed(
    chromium: Any, address: str, services: Services, scripts: bool
) -> None:
    seeded.publish(services)
    task = seeded.submit(services)
    with unbroken(chromium.new_context(base_url=address, java_script_enabled=scripts)) as page:
        page.goto("/queues")
        page.get_by_label("Queue", exact=True).select_option("medium")
        page.get_by_label("Reason").fill("Disk is full")
        page.get_by_role("button", name="Pause queue").click()
        page.get_by_text("queue is paused. Running tasks continue").wait_for()
        page.goto(f"/tasks/{task.id}")
        page.get_by_text("The queue is paused by local: Disk is full").wait_for()
        page.goto("/queues")
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("The medium-priority queue is resumed.").wait_for()
        assert services.pauses.read().queues == {}


def test_the_number_of_a_group_of_failures_is_that_of_its_list(
    chromium: Any, address: str, services: Services
) -> None:
    seeded.publish(services)
    for line in (3, 5, 8):
        fail(services, seeded.submit(services), f"Line {line} has {line + 1} fields")
    fail(services, seeded.submit(services), "Line 3 is empty")
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.goto("/")
        groups = page.locator(".failures li")
        assert groups.count() == 2 and "Line … has … fields" in groups.first.inner_text()
        page.locator(".failures .count").first.click()
        page.wait_for_url("**/tasks?**")
        assert page.locator("tr[id^=task-]").count() == 3
