"""Nothing for axe to find on any page, in light and dark, wide and narrow; and nothing is too wide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.core.people.audit import Event, Outcome
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.services import Services
from tests.browser import seeded
from workers.types.task_modules import load

pytestmark = pytest.mark.browser

WIDTHS = (1280, 360)
EVERYTHING = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLORS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
RUN = """async (options) => (await axe.run(options)).violations.map(
    (each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" ")}`
)"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAGES = {
    "home": "/",
    "list": "/tasks",
    "views": "/views",
    "choose": "/tasks/new",
    "form": "/tasks/new/clean_table",
    "waiting": "/tasks/{waiting}",
    "running": "/tasks/{running}",
    "succeeded": "/tasks/{succeeded}",
    "failed": "/tasks/{failed}",
    "workers": "/workers",
    "queues": "/queues",
    "types": "/types",
    "type": "/types/clean_table",
    "not found": "/tasks/" + "0" * 24,
}


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(base_url=address, color_scheme="light", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def found_on(page: Any) -> list[str]:
    """What is wrong, a line for each finding, in every width and theme; a theme changes only colors."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(Axe().axe_script)
    wrong = []
    for width in WIDTHS:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("scrollTo(0, 0)")  # What is half under a bar that stays would count as small.
        wide = page.evaluate(TOO_WIDE)
        wrong += [f"{width}: {wide} px too wide"] if wide > 0 else []
        wrong += [f"{width}: {each}" for each in page.evaluate(RUN, EVERYTHING)]
        page.emulate_media(color_scheme="dark")
        wrong += [f"{width}, dark: {each}" for each in page.evaluate(RUN, COLORS)]
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(page: Any, services: Services, name: str) -> None:
    tasks = seeded.seed(services)
    page.goto(PAGES[name].format_map({key: task.id for key, task in tasks.items()}))
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert found_on(page) == []


def test_axe_finds_nothing_where_there_is_nothing(page: Any) -> None:
    for place in ("/", "/tasks", "/tasks/new"):
        page.goto(place)
        assert found_on(page) == []


def test_axe_finds_nothing_on_the_audit(page: Any, services: Services) -> None:
    page.goto("/audit")
    assert found_on(page) == []
    tasks = seeded.seed(services)
    mallory = Origin("2001:db8:85a3:1234:5678:8a2e:370:7334", "4f2a" * 4, "session")
    record = services.people.audit.record
    change = {"before": {"priority": "low"}, "after": {"priority": "high"}}
    for number in range(60):
        alice = Person("a1", f"Maria-Theresia of Habsburg {number}")
        record(alice, mallory, Event.TASK_REPRIORITIZE, str(tasks["failed"].id), **change)
        record(ANONYMOUS, mallory, Event.SIGN_IN, "m" * 90, outcome=Outcome.FAILED, reason="password_wrong")
    for address in ("/audit", "/audit?event=sign_in&outcome=failed&since=2026-01-01"):
        page.goto(address)
        assert page.locator("table.audit tbody tr").count() == 50
        assert found_on(page) == []


def test_axe_finds_nothing_on_a_form_with_errors(page: Any, services: Services) -> None:
    seeded.publish(services)
    page.goto("/tasks/new/clean_table")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_selector("[data-summary]:focus")
    assert found_on(page) == []


def test_axe_finds_nothing_on_the_form_of_any_built_in_type(page: Any, services: Services) -> None:
    mail = replace(services.settings, smtp_host="mail.example.org", smtp_from="queue@example.org")
    types = load(["dtq_library"], mail)
    seeded.publish(services, types)
    wrong = {}
    for name in types:
        page.goto(f"/tasks/new/{name}")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        wrong[name] = found_on(page)
    assert wrong == dict.fromkeys(types, []) and "send_email" in types
