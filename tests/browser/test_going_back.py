"""Back, Reload and a second tab: messages belong to one page, and no page is the answer to a form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.states import Status
from tests.browser import seeded
from tests.browser.conftest import unbroken

pytestmark = pytest.mark.browser

CANCELED = "The task is canceled."


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    with unbroken(chromium.new_context(base_url=address, reduced_motion="reduce")) as opened:
        yield opened


@pytest.fixture
def ten(services: Services) -> None:
    seeded.publish(services)
    for number in range(30):
        seeded.submit(services, title=f"Report {number}", tags=("nightly",))


def said(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("[data-flash]").all_inner_texts()]


def heading(page: Any) -> str:
    return str(page.get_by_role("heading", level=1).inner_text())


def canceled(services: Services) -> int:
    return int(services.db.tasks.count_documents({"status": Status.CANCELED.value}))


def test_a_message_is_said_once_and_not_after_back(page: Any, services: Services, ten: None) -> None:
    page.goto("/tasks")
    page.get_by_role("link", name="Report 29").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text(CANCELED).wait_for()
    page.get_by_role("link", name="View Tasks").click()
    page.wait_for_url("**/tasks")
    assert said(page) == []
    page.go_back()
    page.wait_for_url("**/tasks/*")
    assert said(page) == []


def test_another_tab_does_not_take_it(page: Any, services: Services, ten: None) -> None:
    other = page.context.new_page()
    page.goto("/tasks")
    page.get_by_role("link", name="Report 29").click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()

    def open_the_other_first(route: Any) -> None:
        other.goto("/")
        assert said(other) == []
        route.continue_()

    page.route(
        "**/tasks/*",
        lambda route: route.continue_() if route.request.method == "POST" else open_the_other_first(route),
    )
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text(CANCELED).wait_for()
    page.unroute_all()
    other.reload()
    assert said(other) == []


def test_back_and_reload_after_a_bulk_action_on_some(page: Any, services: Services, ten: None) -> None:
    page.goto("/tasks?tag=nightly")
    page.get_by_label("Select Report 29", exact=True).check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 1 task").click()
    page.get_by_text("1 task canceled.").wait_for()
    page.wait_for_url("**/bulk/*")

    answer = page.go_back()

    assert answer is None or answer.status == 200
    page.get_by_text("This bulk action was already started").wait_for()
    assert page.get_by_role("button", name="Cancel 1 task").count() == 0
    assert page.reload().status == 200
    page.get_by_role("link", name="Show its progress").click()
    page.get_by_text("1 task canceled.").wait_for()
    assert said(page) == []
    assert canceled(services) == 1


def test_the_button_of_a_page_that_a_browser_kept_starts_nothing_again(
    page: Any, services: Services, ten: None
) -> None:
    """A second click, and Back to a page that the browser did not ask for again."""
    page.goto("/tasks?tag=nightly")
    page.get_by_label("Select Report 29", exact=True).check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 1 task").wait_for()
    kept = page.context.new_page()
    kept.goto(page.url)
    page.get_by_role("button", name="Cancel 1 task").click()
    page.get_by_text("1 task canceled.").wait_for()
    task = services.db.tasks.find_one({"status": Status.CANCELED.value})
    services.tasks.retry(services.tasks.get(task["_id"]))

    kept.get_by_role("button", name="Cancel 1 task").click()
    kept.get_by_text("1 task canceled.").wait_for()

    assert kept.url == page.url
    assert canceled(services) == 0
    assert services.db.bulk_operations.count_documents({}) == 1
