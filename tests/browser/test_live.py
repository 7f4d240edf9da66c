"""Pages are told what changes by event streams, and ask by themselves only now and then meanwhile."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.clock import utcnow
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from tests.rig.processes import until

pytestmark = pytest.mark.browser

TOLD_MS = 1_900
"""Below the fastest poll of rows, of queues and of workers."""


@pytest.fixture
def new(site: Any) -> Any:
    def submit(**given: Any) -> Task:
        values = {"type": "count_slowly", "params": {"steps": 1, "pause_s": 0}, "title": "Told", **given}
        new = NewTask(owner="local", priority=Priority.MEDIUM, **values)
        return site.services.dispatch.submit(new).task

    return submit


def asked(page: Any) -> list[str]:
    """What the page asks for from now on, without its stream."""
    found: list[str] = []
    page.on("request", lambda request: "/events" in request.url or found.append(request.url))
    return found


def listening(page: Any, path: str) -> None:
    """Open a page, and wait until it is told for the first time."""
    page.add_init_script(
        "const Real = EventSource; window.EventSource = class extends Real { constructor(url) { super(url);"
        " this.addEventListener('message', ({data}) => { window.told = (window.told || 0) + 1; }); } };"
    )
    page.goto(path)
    until(lambda: page.evaluate("window.told"))
    page.wait_for_timeout(300)


def test_a_row_changes_when_its_task_does(page: Any, site: Any, new: Any) -> None:
    task = new(run_at=utcnow() + timedelta(hours=1))
    listening(page, "/tasks")
    row = page.locator(f"#task-{task.id}")
    expect(row).to_contain_text("Scheduled")
    page.wait_for_timeout(2_500)  # polls rest: the next one would come late
    site.services.dispatch.cancel(task.id, "local")
    expect(row).to_contain_text("Canceled", timeout=TOLD_MS)


def test_a_page_to_which_nothing_happens_asks_for_nothing(page: Any) -> None:
    """Otherwise it would ask for itself every 3 s, and for the bar every 5 s."""
    listening(page, "/")
    page.wait_for_timeout(1_500)
    found = asked(page)
    page.wait_for_timeout(5_500)
    assert found == []


def test_a_queue_that_is_paused_shows_at_once(page: Any, site: Any) -> None:
    listening(page, "/queues")
    page.wait_for_timeout(2_500)
    site.services.pauses.pause(Priority.LOW, "local", "Lunch")
    try:
        expect(page.locator("#queue-low")).to_contain_text("Lunch", timeout=TOLD_MS + 500)
    finally:
        site.services.pauses.resume(Priority.LOW)


def test_many_changes_cost_few_questions(page: Any, new: Any) -> None:
    listening(page, "/tasks")
    page.wait_for_timeout(1_200)
    found, end = asked(page), time.monotonic() + 4
    while time.monotonic() < end:
        new(run_at=utcnow() + timedelta(hours=1))
        page.wait_for_timeout(20)
    assert 1 <= len(found) <= 10, found


def test_the_page_of_a_task_of_next_month_rests_while_others_change(page: Any, new: Any) -> None:
    task = new(run_at=utcnow() + timedelta(days=30))
    listening(page, f"/tasks/{task.id}")
    page.wait_for_timeout(500)
    found = asked(page)
    for _ in range(8):
        new(run_at=utcnow() + timedelta(hours=1))
        page.wait_for_timeout(400)
    assert found == []


def test_a_hidden_page_gives_its_stream_back(page: Any) -> None:
    listening(page, "/tasks")
    ended = "() => performance.getEntriesByType('resource').filter(e => e.name.includes('/events')).length"
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    until(lambda: page.evaluate(ended) == 1)
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: page.evaluate("window.told") > 1)
