"""Each page on paper: light whatever the screen is, whole, and without what can only be pressed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken

pytestmark = pytest.mark.browser

COLORS = """() => [...document.querySelectorAll('body, body *')].filter(each => each.checkVisibility())
  .map(each => [each.tagName + '.' + each.className, getComputedStyle(each)])
  .map(([name, style]) => [name, style.backgroundColor, style.color])"""
MARKS = (".btn", "btn-", "PROGRESS", ".dot", "form-check-input")  # which mean something by their color
GONE = (
    ".bar",
    ".filters",
    ".pager",
    ".copy",
    "#log-end",
    ".use-as-input",
    "#many",
    ".page .btn:not(.files .btn)",
)


def channels(color: str) -> tuple[float, ...]:
    """Red, green, blue from 0 to 1, and how much of it there is."""
    numbers = [float(each) for each in re.findall(r"[0-9.]+(?:e-?[0-9]+)?", color)]
    parts = (
        numbers
        if color.startswith(("color(", "oklab", "lab"))
        else [*(each / 255 for each in numbers[:3]), *numbers[3:]]
    )
    return (*parts[:3], parts[3] if len(parts) > 3 else 1.0)


def lightness(color: str) -> float:
    """How light it looks on white paper, from 0 to 1."""
    red, green, blue, alpha = channels(color)
    return 1 - alpha + alpha * (0.2126 * red + 0.7152 * green + 0.0722 * blue)


@pytest.fixture
def addresses(services: Services) -> list[str]:
    tasks = seeded.seed(services)
    pages = ["/", "/tasks", "/tasks?status=failed", "/tasks/new", "/tasks/new/clean_table", "/nowhere"]
    return pages + [f"/tasks/{task.id}" for task in tasks.values()]


def test_every_page_is_light_and_whole(
    chromium: Any, address: str, services: Services, addresses: list[str]
) -> None:
    context = chromium.new_context(base_url=address, color_scheme="dark")
    with unbroken(context) as page:
        page.add_init_script("localStorage.setItem('theme', 'dark')")
        for each in addresses:
            page.goto(each)
            assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
            page.emulate_media(media="print")
            page.wait_for_selector("html[data-bs-theme=light]")  # a printer waits for it, this does not
            for name, background, text in page.evaluate(COLORS):
                solid = channels(background)[3] > 0.5
                button = any(mark in name for mark in MARKS)
                assert not solid or button or lightness(background) > 0.8, (each, name, background)
                assert button or lightness(text) < 0.62, (each, name, text)
            for gone in GONE:
                for found in page.locator(gone).all():
                    assert not found.is_visible(), (each, gone)
            cut = page.evaluate(
                "() => [...document.querySelectorAll('pre, .scroll')].filter(e => e.checkVisibility()"
                " && e.scrollHeight > e.clientHeight + 2).map(e => e.className)"
            )
            assert cut == [], each
            page.emulate_media(media="screen")
            page.wait_for_selector("html[data-bs-theme=dark]")
            assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_the_log_is_printed_to_its_end(chromium: Any, address: str, services: Services) -> None:
    task = seeded.seed(services)["running"]
    with unbroken(chromium.new_context(base_url=address)) as page:
        page.goto(f"/tasks/{task.id}")
        page.emulate_media(media="print")
        height = page.evaluate("document.getElementById('log-text').clientHeight")
        assert height > 250 * 14  # as many lines as it has


def test_a_printer_gets_the_light_theme_at_once(chromium: Any, address: str, services: Services) -> None:
    """Browsers say that they are about to print, and wait for what that changes."""
    seeded.publish(services)
    with unbroken(chromium.new_context(base_url=address, color_scheme="dark")) as page:
        page.goto("/")
        themes = page.evaluate("""() => ['beforeprint', 'afterprint'].map(name => {
          dispatchEvent(new Event(name));
          return document.documentElement.dataset.bsTheme;
        })""")
        assert themes == ["light", "dark"]
