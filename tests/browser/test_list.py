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
from tests.rig.processes import until

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


def test_a_small_screen_shows_the_tab_one_is_on(chromium: Any, address: str, new_task: New) -> None:
    new_task()
    small = {"width": 360, "height": 740}
    with unbroken(chromium.new_context(base_url=address, viewport=small)) as page:
        page.goto("/tasks?status=canceled")
        found = page.locator(".tabs [aria-current]").bounding_box()
        assert found["x"] >= 0 and found["x"] + found["width"] <= 360
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scripts", [True, False])
def test_one_search_finds_filters_and_says_what_is_wrong(
    chromium: Any, address: str, new_task: New, scripts: bool
) -> None:
    new_task(title="one", priority="high"), new_task(title="two", priority="high"), new_task(title="two low")
    with unbroken(chromium.new_context(base_url=address, java_script_enabled=scripts)) as page:
        page.goto("/tasks?priority=high")
        assert (
            page.get_by_role("searchbox").count() + page.get_by_role("combobox", name="Search").count() == 1
        )
        page.locator("#search").fill("two status:waiting")
        page.keyboard.press("Enter")
        page.wait_for_url("**/tasks?status=queued&priority=high&q=two")
        assert page.locator(".stretched-link").all_inner_texts() == ["two"]
        page.locator("#search").fill("a")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Type at least 2 letters")
        box, said = page.locator("#search").bounding_box(), page.locator("#search-problem").bounding_box()
        assert 0 <= said["y"] - box["y"] - box["height"] < 12
        assert page.locator("#search").input_value() == "a"
        assert page.evaluate("document.activeElement.id") == "search"
        page.get_by_role("link", name="status: Waiting").click()
        page.wait_for_url("**/tasks?priority=high")


def test_new_tasks_are_said_beside_an_open_list_that_stays(
    chromium: Any, address: str, new_task: New
) -> None:
    new_task(title="one")
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.clock.install()
        page.goto("/tasks")
        before = page.locator("tbody tr").bounding_box()
        new_task(title="two"), new_task(title="three")
        page.clock.run_for(10_100)
        page.wait_for_selector("text=2 new tasks")
        assert page.locator("tbody tr").bounding_box() == before
        page.get_by_role("link", name="2 new tasks").click()
        page.wait_for_selector("text=three")


def test_a_list_is_saved_as_a_file(chromium: Any, address: str, new_task: New) -> None:
    new_task(title="one", priority="high"), new_task(title="two")
    with unbroken(chromium.new_context(base_url=address, accept_downloads=True)) as page:
        page.goto("/tasks?priority=high")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Export CSV").click()
        with open(saved.value.path()) as file:
            assert [line.split(",")[1] for line in file.read().splitlines()] == ["title", "one"]


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
