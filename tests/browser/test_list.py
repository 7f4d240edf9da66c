"""The list in a browser: sorted on a small screen, with and without scripts; renewed while one looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.task import Task
from app.web.platform.request_args import LIVE_ROWS
from tests.browser.conftest import unbroken
from tests.real.fleet import until

pytestmark = pytest.mark.browser
New = Callable[..., Task]


def end_all(services: Services) -> None:
    ended = {"$set": {"status": "succeeded", "finished_at": utcnow()}, "$unset": {"hint": ""}}
    services.db.tasks.update_many({}, ended)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_small_screen_can_sort(
    chromium: Any, address: str, services: Services, new_task: New, scripts: bool
) -> None:
    new_task(title="one"), new_task(title="two"), end_all(services)
    small = {"width": 360, "height": 740}
    with unbroken(
        chromium.new_context(base_url=address, java_script_enabled=scripts, viewport=small)
    ) as page:
        page.goto("/tasks")
        page.get_by_label("Sort by").select_option("Finished (oldest first)")
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url("**/tasks?*order=finished-asc*")
        assert page.locator(".stretched-link").all_inner_texts() == ["one", "two"]
        page.set_viewport_size({"width": 1280, "height": 740})
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Finished")
        assert not page.get_by_label("Sort by").is_visible()


def test_every_row_and_the_tabs_are_renewed(
    chromium: Any, address: str, services: Services, new_task: New
) -> None:
    rows = LIVE_ROWS + 3
    for _ in range(rows):
        new_task()
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.clock.install()
        page.goto("/tasks?per_page=200")
        page.wait_for_selector(f"text=Waiting {rows}")
        page.get_by_role("link", name=f"Waiting {rows}").focus()
        end_all(services)
        page.clock.run_for(2_100)
        until(lambda: page.locator("td .status-succeeded").count() == rows)
        assert page.locator(".rows-poll[hx-get]").count() == 0
        page.clock.run_for(10_000)
        page.wait_for_selector(f"text=Succeeded {rows}")
        assert page.evaluate("document.activeElement.textContent").split() == ["Waiting", "0"]
