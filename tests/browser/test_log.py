"""The log of a running task: it follows its end, and stays where a reader has gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import Task
from app.web.tasks import detail
from tests.browser import seeded
from tests.browser.conftest import unbroken
from tests.web.looking import claim

pytestmark = pytest.mark.browser

TOP = "document.getElementById('log-text').scrollTop"
FROM_END = "(log => log.scrollHeight - log.scrollTop - log.clientHeight)(document.getElementById('log-text'))"


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    with unbroken(chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})) as opened:
        yield opened


class Talker:
    """A task that prints."""

    def __init__(self, services: Services, task: Task) -> None:
        self.services, self.task, self.line = services, task, 0

    def say(self, lines: int) -> str:
        """Print so many lines; the last one."""
        text = "".join(f"Line {self.line + number} of the log.\n" for number in range(1, lines + 1))
        self.services.logs.write_part(self.task.id, 1, self.line, text.encode())
        self.line += lines
        return f"Line {self.line} of"


@pytest.fixture
def talker(services: Services, page: Any) -> Talker:
    seeded.publish(services)
    talker = Talker(services, claim(services, seeded.submit(services, title="Talks")))
    talker.say(200)
    page.goto(f"/tasks/{talker.task.id}")
    return talker


def becomes(page: Any, condition: str, given: Any = None) -> None:
    """Wait for a condition; the policy of the pages forbids a browser to evaluate one again by itself."""
    for _ in range(300):
        if page.evaluate(condition, given):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def shows(page: Any, text: str) -> None:
    becomes(page, "text => document.getElementById('log-text').textContent.includes(text)", text)


def up(page: Any) -> float:
    """Scroll up as a person does, and see what stands there."""
    page.locator("#log-text").hover()
    page.mouse.wheel(0, -400)
    becomes(page, f"{FROM_END} > 300")
    return float(page.evaluate(TOP))


def test_it_follows_its_end(page: Any, talker: Talker) -> None:
    assert page.evaluate(FROM_END) < 2
    for _ in range(2):
        shows(page, talker.say(30))
        becomes(page, f"{FROM_END} < 2")
    assert page.get_by_label("Follow").is_checked()
    assert not page.get_by_role("button", name="Jump to end").is_visible()


def test_a_reader_who_went_up_stays_there(page: Any, talker: Talker) -> None:
    top = up(page)
    for _ in range(3):
        shows(page, talker.say(40))
        assert page.evaluate(TOP) == top
    assert not page.get_by_label("Follow").is_checked()

    page.get_by_role("button", name="Jump to end").click()

    becomes(page, f"{FROM_END} < 2")
    shows(page, talker.say(10))
    becomes(page, f"{FROM_END} < 2")
    assert not page.get_by_role("button", name="Jump to end").is_visible()


@pytest.mark.parametrize("way", ["keys", "wheel", "box"])
def test_back_at_the_end_it_follows_again(page: Any, talker: Talker, way: str) -> None:
    up(page)
    if way == "keys":
        page.locator("#log-text").focus()
        page.keyboard.press("End")
    elif way == "wheel":
        page.mouse.wheel(0, 9_999)
    else:
        page.get_by_label("Follow").check()
    becomes(page, f"{FROM_END} < 2")
    shows(page, talker.say(40))
    becomes(page, f"{FROM_END} < 2")
    assert page.get_by_label("Follow").is_checked()


def test_keys_that_go_up(page: Any, talker: Talker) -> None:
    page.locator("#log-text").focus()
    page.keyboard.press("Home")
    becomes(page, f"{TOP} === 0")
    shows(page, talker.say(40))
    assert page.evaluate(TOP) == 0


def test_what_is_marked_stays_marked(page: Any, talker: Talker) -> None:
    mark = (
        "getSelection().selectAllChildren(document.getElementById('log-text')), String(getSelection()).length"
    )
    length = page.evaluate(mark)
    talker.say(5)
    page.wait_for_timeout(2_500)
    assert page.evaluate("String(getSelection()).length") == length
    page.evaluate("getSelection().removeAllRanges()")
    shows(page, talker.say(5))


def test_a_log_whose_beginning_is_cut_off_does_not_move_either(
    page: Any, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "LOG_SHOWN", 6_000)
    shows(page, talker.say(100))
    page.wait_for_selector("#log[data-cut]")
    becomes(page, f"{FROM_END} < 2")
    top = up(page)
    read = page.evaluate("document.getElementById('log-text').textContent")
    last = talker.say(100)
    page.wait_for_timeout(2_500)
    assert page.evaluate(TOP) == top
    assert page.evaluate("document.getElementById('log-text').textContent") == read

    page.get_by_role("button", name="Jump to end").click()

    shows(page, last)
    becomes(page, f"{FROM_END} < 2")


def test_the_log_of_a_task_that_has_ended(page: Any, services: Services, talker: Talker) -> None:
    assert services.tasks.succeed(talker.task, {"steps": 1})
    page.goto(f"/tasks/{talker.task.id}")
    assert page.evaluate(TOP) == 0
    page.get_by_role("button", name="Jump to end").click()
    becomes(page, f"{FROM_END} < 2")
    assert not page.get_by_role("button", name="Jump to end").is_visible()


TIME_SWAPS = """() => {
  document.addEventListener('htmx:before:swap', () => { window.began = performance.now(); });
  document.addEventListener('htmx:after:swap', () => requestAnimationFrame(
    () => { window.took = performance.now() - window.began; }));
}"""


def test_ten_thousand_lines_stay_quick_and_can_be_left_unwrapped(page: Any, talker: Talker) -> None:
    text = "".join(f"Line {number:05} begins\n" for number in range(200, 10_000)).encode()
    for at in range(0, len(text), 50_000):
        talker.services.logs.write_part(talker.task.id, 1, 200 + at, text[at : at + 50_000])
    talker.line = 1_000_000
    shows(page, "Line 09999 begins")
    page.get_by_label("Wrap").uncheck()
    page.evaluate(TIME_SWAPS)
    shows(page, talker.say(1))
    becomes(page, f"{FROM_END} < 2")
    assert page.evaluate("window.took") < 1_000
    assert not page.get_by_label("Wrap").is_checked()
    space = "getComputedStyle(document.getElementById('log-text')).whiteSpace"
    assert page.evaluate(space) == "pre"
    page.get_by_label("Wrap").check()
    assert page.evaluate(space) == "pre-wrap"
