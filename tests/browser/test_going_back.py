"""Back, Reload and a second tab: messages belong to one page, and no page is the answer to a form."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.queue import bulk
from app.core.queue.bulk import Bulk
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

    answer = page.go_back()

    assert answer.status == 200 and heading(page) == "Nothing to cancel"
    assert page.reload().status == 200
    page.go_forward()
    page.wait_for_url("**/tasks?tag=nightly")
    assert said(page) == []
    assert canceled(services) == 1


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Bulk.step

    def slow(self: Bulk, *given: Any) -> Any:
        time.sleep(0.5)
        return real(self, *given)

    monkeypatch.setattr(bulk, "BATCH", 4)
    monkeypatch.setattr(bulk, "STEP_S", 0.0)
    monkeypatch.setattr(Bulk, "step", slow)


def start(page: Any) -> None:
    page.goto("/tasks?tag=nightly")
    page.get_by_label("Select all on this page").check()
    page.get_by_label("Select all 30 matching tasks").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()


def test_back_after_a_run_that_has_ended(page: Any, services: Services, ten: None, small_steps: None) -> None:
    start(page)
    page.get_by_role("heading", name="Done").wait_for()
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/tasks?tag=nightly")

    assert page.go_back().status == 200

    assert heading(page) == "Done"
    assert page.get_by_text("30 tasks canceled.").is_visible()
    assert page.reload().status == 200
    assert page.go_back().status == 200
    assert heading(page) == "Nothing to cancel"


def test_a_run_that_was_left_waits_until_one_goes_on(
    page: Any, services: Services, ten: None, small_steps: None
) -> None:
    start(page)
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("link", name="View Tasks").click()
    page.wait_for_url("**/tasks")
    page.wait_for_timeout(1_000)
    left_at = canceled(services)
    assert 0 < left_at < 30

    assert page.go_back().status == 200
    page.wait_for_timeout(1_500)

    assert canceled(services) == left_at
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Done").wait_for()
    assert canceled(services) == 30
