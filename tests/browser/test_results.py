"""Results by kind in a browser: sorted, paged, opened by keys, drawn; and a real analysis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from tests.browser import results
from tests.browser.conftest import TASK, Site, unbroken
from tests.browser.seeded import publish, submit
from tests.browser.test_accessibility import found_on
from tests.web.looking import claim

pytestmark = pytest.mark.browser

CANVAS = "figure.chart canvas"
# How many colors a canvas holds: one, transparent, where nothing was drawn.
COLORS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


@pytest.fixture
def seeded(services: Services) -> dict[str, Task]:
    publish(services)
    return results.seed(services)


@pytest.fixture
def quiet_page(chromium: Any, address: str) -> Iterator[Any]:
    """A page on the site in memory."""
    context = chromium.new_context(base_url=address, color_scheme="light", reduced_motion="reduce")
    with unbroken(context) as opened:
        yield opened


def column(page: Any, number: int) -> list[str]:
    found: list[str] = page.locator(f"#rows-all tbody td:nth-child({number})").all_inner_texts()
    return found


def colors(page: Any) -> list[int]:
    page.wait_for_selector(CANVAS)
    found: list[int] = [each.evaluate(COLORS) for each in page.locator(CANVAS).all()]
    return found


def test_a_table_is_sorted_and_paged_in_place_and_the_address_keeps_it(
    quiet_page: Any, seeded: dict[str, Task]
) -> None:
    page = quiet_page
    page.goto(f"/tasks/{seeded['table'].id}")
    page.evaluate("window.loadedOnce = true")
    people = [row["people"] for row in results.ROWS if row["people"] is not None]
    page.get_by_role("link", name="People").click()
    page.wait_for_selector("#rows-all th[aria-sort=ascending]")
    assert column(page, 2) == [str(each) for each in sorted(people)[:25]]

    assert page.evaluate("document.activeElement.id") == "sort-all-2"  # Keys go on where they were.

    page.get_by_role("link", name="Next ›").click()
    page.get_by_text("26 to 50 of 60 rows").wait_for()
    page.get_by_role("link", name="Last »").click()
    page.get_by_text("51 to 60 of 60 rows").wait_for()
    assert page.evaluate("document.activeElement.id") == "last-all"
    assert column(page, 2)[-1] == "–"  # What is missing comes last.
    assert page.evaluate("window.loadedOnce")

    page.reload()
    page.get_by_text("51 to 60 of 60 rows").wait_for()
    assert "sort=2" in page.url and "page=3" in page.url


def test_a_table_is_sorted_without_scripts(chromium: Any, address: str, seeded: dict[str, Task]) -> None:
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/tasks/{seeded['table'].id}")
    page.get_by_role("link", name="Year").click()
    page.get_by_role("link", name="Year").click()
    assert column(page, 3)[:2] == ["1959", "1958"]

    page.goto(f"/tasks/{seeded['chart'].id}")
    assert "30 to 40" in page.locator("figure.chart").first.inner_text()  # In the table alone.
    assert not page.locator(".chart-area").first.is_visible()
    context.close()


def test_a_tree_is_opened_by_keys(quiet_page: Any, seeded: dict[str, Task]) -> None:
    quiet_page.goto(f"/tasks/{seeded['json'].id}")
    folded = quiet_page.locator(".tree summary:has(.key:text-is('deeper'))")
    deepest = quiet_page.locator(".tree .key:text-is('deepest')")
    assert not deepest.is_visible()

    folded.focus()
    quiet_page.keyboard.press("Enter")

    deepest.wait_for()


def test_charts_are_drawn_and_follow_the_theme(quiet_page: Any, seeded: dict[str, Task]) -> None:
    quiet_page.goto(f"/tasks/{seeded['chart'].id}")
    light = colors(quiet_page)
    assert len(light) == len(results.CHARTS) and min(light) > 5

    figure = quiet_page.locator("figure.chart").first
    figure.locator(".u-over").hover()
    assert figure.locator(".chart-says").inner_text() in ("10 to 20: 9", "20 to 30: 5")

    before = quiet_page.locator(CANVAS).first.screenshot()
    quiet_page.emulate_media(color_scheme="dark")
    assert min(colors(quiet_page)) > 5
    assert quiet_page.locator(CANVAS).first.screenshot() != before


def test_the_library_is_loaded_only_where_there_is_a_chart(quiet_page: Any, seeded: dict[str, Task]) -> None:
    asked: list[str] = []
    quiet_page.on("request", lambda request: asked.append(request.url))
    quiet_page.goto(f"/tasks/{seeded['table'].id}", wait_until="networkidle")
    assert not [each for each in asked if "uplot" in each]

    quiet_page.goto(f"/tasks/{seeded['chart'].id}", wait_until="networkidle")
    assert [each for each in asked if "uplot.min.js" in each]


def test_a_result_that_arrives_is_drawn_by_its_viewer(quiet_page: Any, services: Services) -> None:
    publish(services)
    task = claim(services, submit(services))
    quiet_page.goto(f"/tasks/{task.id}")
    assert services.tasks.succeed(task, {"charts": results.CHARTS, "rows": 3}, kind={"charts": "chart"})

    quiet_page.wait_for_selector(CANVAS, timeout=10_000)
    assert min(colors(quiet_page)) > 5


def test_an_image_is_shown(quiet_page: Any, seeded: dict[str, Task]) -> None:
    quiet_page.goto(f"/tasks/{seeded['image'].id}", wait_until="networkidle")
    image = quiet_page.get_by_role("img", name="A slope")

    assert image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [320, 180]


def test_axe_finds_nothing_in_any_kind(quiet_page: Any, seeded: dict[str, Task]) -> None:
    quiet_page.goto(f"/tasks/{seeded['pieces'].id}", wait_until="networkidle")
    assert quiet_page.locator(".piece").count() == len(results.PIECES) + 1
    quiet_page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert found_on(quiet_page) == []


def test_an_analysis_of_a_public_table_has_its_charts_and_tables(page: Any, site: Site) -> None:
    """406 cars, from the package vega_datasets, through the form and a real worker."""
    import vega_datasets

    page.goto("/tasks/new/analyse_table")
    page.set_input_files("#p-source", str(Path(vega_datasets.__file__).parent / "_data" / "cars.json"))
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(TASK)
    page.wait_for_selector(CANVAS, timeout=60_000)

    drawn = colors(page)
    assert len(drawn) == page.locator("figure.chart").count() >= 9
    assert min(drawn) > 5
    assert "Weight_in_lbs" in page.locator("#rows-correlations").inner_text()
    page.locator("#rows-table").get_by_role("link", name="Missing").click()
    page.wait_for_selector("#rows-table th[aria-sort=ascending]")
    assert page.locator("#rows-table tbody tr").last.inner_text().startswith("Miles_per_Gallon")
