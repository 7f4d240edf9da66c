"""Shortcuts: rows by j and k, opened by o, selected by x; search by Ctrl+K; no key leads to Delete."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.web.looking import succeed

pytestmark = pytest.mark.browser

FOCUS = "document.activeElement.textContent.trim()"


def test_a_list_is_walked_selected_and_opened_by_keys(
    chromium: Any, address: str, services: Services
) -> None:
    seeded.publish(services)
    tasks = [succeed(services, seeded.submit(services, title=f"Report {number}")) for number in range(3)]
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.goto("/tasks")
        walked = []
        for key in "jjjk":
            page.keyboard.press(key)
            walked.append(page.evaluate(FOCUS))
        assert walked == ["Report 2", "Report 1", "Report 0", "Report 1"]
        page.keyboard.press("x")
        assert page.locator("input[name=id]:checked").input_value() == str(tasks[1].id)
        scrolled = page.evaluate("scrollY")
        page.keyboard.press("a")
        assert (
            page.evaluate(FOCUS) != "Delete"
            and page.evaluate("document.activeElement.form.getAttribute('id')") == "many"
        )
        assert page.evaluate("scrollY") == scrolled
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url("**/tasks/*")
        page.keyboard.press("Control+k")
        assert page.evaluate("document.activeElement.id") == "search"
