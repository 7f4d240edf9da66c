"""Many tasks at once in a browser: chosen by mouse and by keys, acted on, watched; without a script, too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.access import bulk
from app.core.bulk import run as bulk_run
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.browser.test_accessibility import found_on
from tests.web.looking import claim, fail

pytestmark = pytest.mark.browser

CHOSEN = "input[name=id]:checked"


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(base_url=address, color_scheme="light", reduced_motion="reduce")
    with unbroken(context) as opened:
        yield opened


@pytest.fixture
def thirty(services: Services) -> list[Task]:
    seeded.publish(services)
    return [seeded.submit(services, title=f"Report {number}", tags=("nightly",)) for number in range(30)]


@pytest.fixture
def by_a_worker(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Each bulk action is left to a worker, which takes four tasks at a time while the event is set."""
    monkeypatch.setattr(bulk, "SMALL", -1)
    monkeypatch.setattr(bulk_run, "FIRST", 4)
    monkeypatch.setattr(bulk_run, "BATCH", 4)
    monkeypatch.setattr(bulk_run, "TURN_S", 0.0)
    works, over = threading.Event(), threading.Event()
    works.set()

    def work() -> None:
        while not over.wait(0.3):
            if works.is_set():
                services.bulk_runner("w1").turn()

    thread = threading.Thread(target=work)
    thread.start()
    yield works
    over.set()
    thread.join()


def box(page: Any, title: str) -> Any:
    return page.get_by_label(f"Select {title}", exact=True)


def bar(page: Any) -> str:
    """What stands in the bar, on one line."""
    return " ".join(page.locator("#many").inner_text().split())


def choose_all_that_match(page: Any, count: int) -> None:
    page.get_by_label("Select all on this page").check()
    page.get_by_label(f"Select all {count} matching tasks").check()


def test_two_are_chosen_and_moved(page: Any, services: Services, thirty: list[Task]) -> None:
    page.goto("/tasks")
    assert not page.locator("#many").is_visible()
    box(page, "Report 29").check()
    box(page, "Report 27").check()
    assert bar(page) == "2 tasks selected Change priority Run again Tags Cancel Clear"

    page.get_by_text("Change priority").click()
    page.get_by_role("button", name="High").click()
    page.get_by_role("heading", name="Move 2 tasks to high priority?").wait_for()
    page.get_by_role("button", name="Move 2 tasks").click()

    page.get_by_text("2 tasks moved to the end of the high-priority queue.").wait_for()
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/tasks")
    assert page.locator(".tasks .priority-high").count() == 2
    moved = [task.title for task in thirty if services.tasks.get(task.id).priority is Priority.HIGH]
    assert moved == ["Report 27", "Report 29"]


def start(page: Any, count: int = 30) -> None:
    """Cancel all that match, from the list."""
    choose_all_that_match(page, count)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    page.wait_for_url("**/bulk/*")


def test_all_that_match_are_canceled_while_one_watches(
    page: Any, services: Services, thirty: list[Task], by_a_worker: threading.Event
) -> None:
    fail(services, seeded.submit(services, tags=("nightly",)))
    other = seeded.submit(services, title="Other")
    page.goto("/tasks?tag=nightly")
    start(page, 31)
    page.get_by_role("heading", name="Canceling tasks").wait_for()
    page.locator("#operation progress").wait_for()
    page.get_by_role("button", name="Stop").focus()
    page.get_by_role("heading", name="Done").wait_for()

    assert page.get_by_role("status").filter(has_text="30 tasks canceled.").is_visible()
    assert {services.tasks.get(task.id).status for task in thirty} == {Status.CANCELED}
    assert services.tasks.get(other.id).status is Status.QUEUED
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/tasks?tag=nightly")


def test_it_ends_when_the_tab_is_closed(
    page: Any, services: Services, thirty: list[Task], by_a_worker: threading.Event
) -> None:
    tab = page.context.new_page()
    tab.goto("/tasks")
    start(tab)
    tab.get_by_role("heading", name="Canceling tasks").wait_for()
    tab.close()
    assert services.db.tasks.count_documents({"status": "canceled"}) < 30

    page.goto("/bulk")
    page.get_by_role("link", name="Cancel tasks").click()
    page.get_by_role("heading", name="Done").wait_for()
    assert page.get_by_text("30 tasks canceled.").is_visible()
    assert {services.tasks.get(task.id).status for task in thirty} == {Status.CANCELED}


def test_stopped_and_resumed(
    page: Any, services: Services, thirty: list[Task], by_a_worker: threading.Event
) -> None:
    page.goto("/tasks")
    start(page)
    page.get_by_text("of 30 tasks").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("heading", name="Stopped").wait_for()
    canceled = services.db.tasks.count_documents({"status": "canceled"})
    assert canceled < 30
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("heading", name="Done").wait_for()
    assert services.db.tasks.count_documents({"status": "canceled"}) == 30


def test_what_is_chosen_stays_chosen_when_its_row_is_renewed(
    page: Any, services: Services, thirty: list[Task]
) -> None:
    page.goto("/tasks")
    box(page, "Report 29").check()
    box(page, "Report 29").focus()
    claim(services, thirty[29])
    page.locator(f"#task-{thirty[29].id}", has_text="Running").wait_for()

    assert box(page, "Report 29").is_checked()
    assert page.evaluate("document.activeElement.value") == str(thirty[29].id)
    assert bar(page) == "1 task selected Run again Tags Cancel Clear"
    page.keyboard.press("Escape")
    assert not page.locator("#many").is_visible()


def test_ranges_keys_and_the_way_back(page: Any, thirty: list[Task]) -> None:
    page.goto("/tasks")
    box(page, "Report 28").click()
    box(page, "Report 22").click(modifiers=["Shift"])
    assert page.locator(CHOSEN).count() == 7
    box(page, "Report 24").focus()
    page.keyboard.press("Space")
    page.get_by_role("link", name="Report 20").focus()
    page.keyboard.press("x")
    assert "7 tasks selected" in bar(page)

    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.textContent") == "Change priority"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_selector(CHOSEN)
    assert "7 tasks selected" in bar(page)
    box(page, "Report 24").press("Enter")
    assert page.url.endswith("/tasks")
    page.get_by_role("button", name="Clear").click()
    assert not page.locator("#many").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_without_a_script(
    chromium: Any, address: str, services: Services, thirty: list[Task], by_a_worker: threading.Event
) -> None:
    by_a_worker.clear()
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/tasks")
    assert not page.get_by_label("Select all on this page").is_visible()
    box(page, "Report 29").check()
    page.get_by_label("Select all matching tasks").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    page.get_by_text("0 of 30 tasks").wait_for()
    by_a_worker.set()
    while page.get_by_role("link", name="Refresh").count():
        with page.expect_navigation():
            page.get_by_role("link", name="Refresh").click()
    page.get_by_text("30 tasks canceled.").wait_for()
    context.close()


def test_axe_finds_nothing(
    page: Any, services: Services, thirty: list[Task], by_a_worker: threading.Event
) -> None:
    by_a_worker.clear()
    seeded.seed(services)
    page.goto("/tasks")
    page.locator("input[name=id]").nth(3).check()
    # The bar at its place below the list: axe would measure what is left of a row that is scrolled under it.
    page.evaluate("document.getElementById('many').style.position = 'relative'")
    assert found_on(page) == []
    choose_all_that_match(page, 43)
    page.get_by_text("Change priority").click()
    assert found_on(page) == []

    page.get_by_role("button", name="Low").click()
    assert found_on(page) == []
    preview = page.url
    page.get_by_role("button", name="Move").click()
    page.locator("#operation progress").wait_for()
    assert found_on(page) == []
    by_a_worker.set()
    page.get_by_role("heading", name="Done").wait_for()
    assert found_on(page) == []
    for address in (preview, "/bulk"):
        page.goto(address)
        assert found_on(page) == []

    page.goto("/tasks?status=queued")
    page.locator("input[name=id]").nth(3).check()
    page.get_by_role("button", name="Cancel").click()
    assert found_on(page) == []
