"""The page of a task: the tab's title and icon, what is said, how often it asks, what it draws and folds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.clock import utcnow
from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.web.looking import claim, fail

pytestmark = pytest.mark.browser

HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => true })"
SAID = """() => { window.said = []; new MutationObserver(() => {
  const text = document.getElementById('flashes').textContent.trim();
  if (text && text !== window.said.at(-1)) window.said.push(text);
}).observe(document.getElementById('flashes'), { childList: true, subtree: true }) }"""


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    with unbroken(chromium.new_context(base_url=address)) as opened:
        opened.clock.install()
        yield opened


def poll(page: Any, after_ms: int = 2_000) -> None:
    with page.expect_event("requestfinished", lambda request: "/live?was=" in request.url):
        page.clock.run_for(after_ms)
    page.clock.run_for(100)


def icon(page: Any) -> str:
    return str(page.locator("link[rel=icon]").get_attribute("href")).rpartition("/")[2]


@pytest.mark.parametrize("hidden", [False, True])
def test_title_and_icon_say_the_state_also_where_nobody_looks(
    page: Any, services: Services, hidden: bool
) -> None:
    seeded.publish(services)
    task = seeded.submit(services, title="Count")
    if hidden:
        page.add_init_script(HIDDEN)
    page.goto(f"/tasks/{task.id}")
    assert (page.title(), icon(page)) == ("Waiting · Count", "favicon.svg")
    running = claim(services, task)
    services.tasks.report_progress(running, {"done": 2, "total": 4, "message": ""})
    poll(page, 15_000 if hidden else 2_000)
    assert (page.title(), icon(page)) == ("Running 50 % · Count", "favicon-running.svg")
    services.tasks.succeed(running, 1)
    poll(page, 15_000 if hidden else 2_000)
    assert (page.title(), icon(page)) == ("Succeeded · Count", "favicon-succeeded.svg")


def test_each_change_is_said_once_and_replaces_what_was_said(page: Any, services: Services) -> None:
    seeded.publish(services)
    task = seeded.submit(services, title="Count")
    page.goto(f"/tasks/{task.id}")
    page.evaluate(SAID)
    running = claim(services, task)
    services.logs.write_part(task.id, 1, 0, b"It begins.\n")
    for _ in range(3):
        poll(page)
    assert page.evaluate("window.said") == ["The task is running."]
    assert "It begins." in page.inner_text("#log-text")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("text=Stopping the task…")
    services.tasks.end_canceled(running, "Canceled.")
    poll(page)
    assert page.locator("#flashes:visible").inner_text() == "The task is canceled."
    assert page.get_by_text("Stopping the task…").count() == 0


def test_the_last_lines_of_a_log_come_with_its_end(page: Any, services: Services) -> None:
    seeded.publish(services)
    task = claim(services, seeded.submit(services, title="Count"))
    lines = [f"Line {number} of the log.\n".encode() for number in range(400)]
    services.logs.write_part(task.id, 1, 0, b"".join(lines[:200]))
    page.goto(f"/tasks/{task.id}")
    services.logs.write_part(task.id, 1, 1, b"".join(lines[200:]))
    services.tasks.succeed(task, 1)
    poll(page)
    page.wait_for_selector("#log:not([hx-get])")
    assert "Line 399 of" in page.inner_text("#log-text")
    from_end = "(log => log.scrollHeight - log.scrollTop - log.clientHeight)(window['log-text'])"
    assert page.evaluate(from_end) < 2


def test_a_task_scheduled_in_a_month_asks_at_most_four_times_a_minute(page: Any, services: Services) -> None:
    seeded.publish(services)
    task = seeded.submit(services, run_at=utcnow() + timedelta(days=30))
    page.goto(f"/tasks/{task.id}")
    asked: list[str] = []
    page.on("request", lambda request: "/static/" in request.url or asked.append(request.url))
    for _ in range(4):
        page.clock.run_for(30_000)
        page.wait_for_timeout(200)
    assert 2 <= len(asked) <= 8, asked
    assert any("/live" in url for url in asked) and any("/pulse" in url for url in asked)


def test_all_attempts_are_drawn_and_what_nobody_chose_is_folded(page: Any, services: Services) -> None:
    seeded.publish(services)
    task = fail(services, seeded.submit(services, max_attempts=2))
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"run_at": utcnow() - timedelta(seconds=1)}})
    services.recovery.stage()
    fail(services, services.tasks.get(task.id))
    page.goto(f"/tasks/{task.id}")
    assert page.locator(".timeline rect.is-failed").count() == 2
    assert page.locator("section:has(#parameters-title) dt:visible").all_inner_texts() == ["Steps"]
    page.get_by_text("1 parameter with the default value").click()
    assert page.get_by_text("Seconds", exact=True).is_visible()

    page.get_by_role("button", name="Run again", exact=True).click()

    page.wait_for_selector("text=No changes from the previous run")
    assert str(task.id) not in page.url


def test_a_forged_token_is_refused_and_a_renewal_puts_the_right_one_back(
    page: Any, services: Services
) -> None:
    """Only the page itself can do that: another site can neither read nor write it (`tests/web/platform`)."""
    task = claim(services, seeded.submit(services))
    forge = "[...document.querySelectorAll('[name=csrf_token]')].forEach((field) => (field.value = 'forged'))"
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    page.goto(f"/tasks/{task.id}")
    page.evaluate(forge)
    token = cancel.locator("xpath=ancestor::form").locator("[name=csrf_token]")
    expect(token).not_to_have_value("forged", timeout=20_000)

    page.route("**/live*", lambda route: route.abort())
    page.evaluate(forge)
    with page.expect_response(lambda answer: answer.request.method == "POST") as refused:
        cancel.click()
    assert refused.value.status == 400 and services.tasks.get(task.id).cancel is None
