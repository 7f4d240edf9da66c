"""The page of a log in a browser: what is printed is added, times are the reader's, and lines have links."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.browser.test_accessibility import found_on
from tests.browser.test_log import FROM_END, TOP, becomes, shows, up
from tests.web.looking import claim

pytestmark = pytest.mark.browser
COLORS = [*range(30, 38), *range(90, 98), *range(40, 48), *range(100, 108)]
AT = datetime(2026, 11, 28, 7, 0, 5, tzinfo=timezone.utc)


def test_lines_as_they_come(chromium: Any, address: str, services: Services) -> None:
    seeded.publish(services)
    task = claim(services, seeded.submit(services, title="Talks"))
    printed = b""

    def say(count: int) -> None:
        nonlocal printed
        begun = printed.count(b"\n")
        printed += b"".join(
            b"\x1b[%dmOK\x1b[0m line %d of it\n" % (COLORS[n % 32], begun + n) for n in range(1, count + 1)
        )
        services.logs.write_part(task.id, 1, 0, printed, AT)

    say(300)
    context = chromium.new_context(base_url=address, timezone_id="Asia/Tokyo")
    with unbroken(context) as page:
        page.goto(f"/tasks/{task.id}/log/lines")
        becomes(page, f"{FROM_END} < 2")
        assert page.locator("#log-text time").first.text_content() == "16:00:05"
        say(50)
        shows(page, "line 350 of it")
        becomes(page, f"{FROM_END} < 2")
        assert page.locator("#log-text time").last.text_content() == "16:00:05"
        top = up(page)
        say(50)
        shows(page, "line 400 of it")
        assert page.evaluate(TOP) == top
        assert page.locator("li[id^=b]").count() == 400
        page.get_by_label("Times").uncheck()
        assert not page.locator("#log-text time").first.is_visible()
        page.get_by_label("Search this log").fill("line 123 of")
        page.keyboard.press("Enter")
        page.locator("mark").wait_for()
        page.locator("a.log-number").click()
        assert page.locator("li:target").text_content().split()[-4:] == ["line", "123", "of", "it"]
        assert page.locator("li:target").is_visible()
        services.tasks.succeed(services.tasks.get(task.id), None)
        page.locator(".log-more").wait_for(state="detached", timeout=30_000)


def test_axe_finds_nothing_in_any_color(chromium: Any, address: str, services: Services) -> None:
    seeded.publish(services)
    task = claim(services, seeded.submit(services, title="Colors"))
    printed = b"".join(b"\x1b[%dmOK\x1b[0m\n" % color for color in COLORS)
    services.logs.write_part(task.id, 1, 0, printed, AT)
    services.tasks.succeed(task, None)
    with unbroken(chromium.new_context(base_url=address, reduced_motion="reduce")) as page:
        page.goto(f"/tasks/{task.id}/log/lines")
        assert found_on(page) == []
