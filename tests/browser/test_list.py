"""The list in a browser: sorted on a small screen, with and without scripts; renewed while one looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.task import Task
from app.core.views.look import COLUMNS, Look
from app.web.platform.request_args import LIVE_ROWS
from tests.browser.conftest import unbroken
from tests.rig.processes import until
from tests.web.looking import claim, fail

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


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("density", ["comfortable", "compact"])
def test_a_row_keeps_its_height_whatever_comes_into_it(
    chromium: Any, address: str, services: Services, new_task: New, width: int, density: str
) -> None:
    tasks = [new_task(title="one"), new_task(title="W" * 200, tags=("night",)), new_task(title="three")]
    last = claim(services, tasks[2])
    with unbroken(chromium.new_context(base_url=address, viewport={"width": width, "height": 900})) as page:
        for person in services.people.users.all():
            services.preferences.set_look(person.id, Look(tuple(COLUMNS), density))
        page.goto("/tasks")
        heights = "[...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight)"
        before = page.evaluate(heights)
        assert len(before) == 3 and max(before) - min(before) <= 1  # The first has no line above.
        services.tasks.report_progress(last, {"done": 1, "total": 9, "message": ""})
        fail(services, tasks[0], "Line 3 has 3 fields, 5 were expected. " * 9)
        page.goto("/tasks")
        assert page.locator(".error-line").count() == 1 and page.locator("tbody progress").count() == 1
        assert page.evaluate(heights) == before
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_head_stays_below_the_bar(chromium: Any, address: str, new_task: New) -> None:
    for _ in range(40):
        new_task()
    with unbroken(chromium.new_context(base_url=address, viewport={"width": 1280, "height": 700})) as page:
        page.goto("/tasks?per_page=50")
        page.evaluate("scrollTo(0, 900)")
        top = page.locator("thead th").first.bounding_box()["y"]
        bar = page.locator(".bar").bounding_box()
        assert abs(top - bar["y"] - bar["height"]) <= 1
