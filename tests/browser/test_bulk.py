"""Many tasks at once in a browser: chosen by mouse and by keys, acted on, watched; without a script, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import NetworkTimeout

from app.core.queue import bulk
from app.core.queue.bulk import Bulk
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.browser.test_accessibility import found_on
from tests.web.looking import claim, fail

pytestmark = pytest.mark.browser

NOTE_THE_COUNTS = """() => {
  window.counts = new Set();
  const note = () => {
    const count = document.querySelector("#run .num b");
    if (count) window.counts.add(Number(count.textContent));
  };
  note();
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""

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
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few tasks in each step, and time to look at it."""
    real = Bulk.step

    def slow(self: Bulk, *given: Any) -> Any:
        time.sleep(0.4)
        return real(self, *given)

    monkeypatch.setattr(bulk, "BATCH", 4)
    monkeypatch.setattr(bulk, "STEP_S", 0.0)
    monkeypatch.setattr(Bulk, "step", slow)


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
    assert bar(page) == "2 tasks selected Change priority Cancel Clear"

    page.get_by_text("Change priority").click()
    page.get_by_role("button", name="High").click()
    page.get_by_role("heading", name="Move 2 tasks to high priority?").wait_for()
    page.get_by_role("button", name="Move 2 tasks").click()

    page.get_by_text("2 tasks moved to the end of the high-priority queue.").wait_for()
    assert page.locator(".tasks .priority-high").count() == 2
    moved = [task.title for task in thirty if services.tasks.get(task.id).priority is Priority.HIGH]
    assert moved == ["Report 27", "Report 29"]


def test_all_that_match_are_canceled_while_one_watches(
    page: Any, services: Services, thirty: list[Task], small_steps: None
) -> None:
    fail(services, seeded.submit(services, tags=("nightly",)))
    other = seeded.submit(services, title="Other")
    page.goto("/tasks?tag=nightly")
    choose_all_that_match(page, 31)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Skipped: 1 already finished.").wait_for()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    page.locator("#run-stop").focus()
    page.evaluate(NOTE_THE_COUNTS)  # a step may pass faster than one waits for it
    page.get_by_role("heading", name="Done").wait_for()
    seen = page.evaluate("[...window.counts]")
    assert len(seen) >= 3 and seen == sorted(seen) and all(done % 4 == 0 for done in seen), seen

    assert page.get_by_role("status").filter(has_text="30 tasks canceled.").is_visible()
    assert {services.tasks.get(task.id).status for task in thirty} == {Status.CANCELED}
    assert services.tasks.get(other.id).status is Status.QUEUED
    assert page.evaluate("document.activeElement.textContent") == "Back to the list"
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks?tag=nightly")


def test_a_step_that_is_not_answered_is_done_again(
    page: Any, services: Services, thirty: list[Task], small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, real = iter([True, True, False]), Bulk.step

    def away(self: Bulk, *given: Any) -> Any:
        if next(answers, True):
            return real(self, *given)
        raise NetworkTimeout("away")

    monkeypatch.setattr(Bulk, "step", away)
    page.goto("/tasks")
    choose_all_that_match(page, 30)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    page.get_by_text("Connection lost.").wait_for()
    page.get_by_role("status").filter(has_text="30 tasks canceled.").wait_for()
    assert not page.get_by_text("Connection lost.").is_visible()


def test_stopped_it_says_what_was_done(
    page: Any, services: Services, thirty: list[Task], small_steps: None
) -> None:
    page.goto("/tasks")
    choose_all_that_match(page, 30)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    page.get_by_text("of 30 tasks").wait_for()
    page.get_by_role("button", name="Stop").click()
    said = page.locator(".notice", has_text="It was stopped.").inner_text()

    canceled = services.db.tasks.count_documents({"status": "canceled"})
    assert said == f"It was stopped. {canceled} tasks canceled."
    assert 4 <= canceled < 30


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
    assert bar(page) == "1 task selected Cancel Clear"
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
    page.get_by_role("link", name="Keep tasks").click()
    page.wait_for_selector(CHOSEN)
    assert "7 tasks selected" in bar(page)
    box(page, "Report 24").press("Enter")
    assert page.url.endswith("/tasks")
    page.get_by_role("button", name="Clear").click()
    assert not page.locator("#many").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_without_a_script(
    chromium: Any, address: str, services: Services, thirty: list[Task], small_steps: None
) -> None:
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/tasks")
    assert not page.get_by_label("Select all on this page").is_visible()
    box(page, "Report 29").check()
    page.get_by_label("Select all matching tasks").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 30 tasks").click()
    for done in range(4, 30, 4):
        page.get_by_text(f"{done} of 30 tasks").wait_for()
        page.get_by_role("button", name="Continue").click()
    page.get_by_text("30 tasks canceled.").wait_for()
    context.close()


def test_axe_finds_nothing(page: Any, services: Services, thirty: list[Task], small_steps: None) -> None:
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
    page.route("**/run", lambda route: None if "hx-request" in route.request.headers else route.continue_())
    page.get_by_role("button", name="Move").click()
    page.locator("#run progress").wait_for()
    assert found_on(page) == []

    page.goto("/tasks?status=queued")
    page.locator("input[name=id]").nth(3).check()
    page.get_by_role("button", name="Cancel").click()
    assert found_on(page) == []
