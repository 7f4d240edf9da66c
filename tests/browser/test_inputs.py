"""The inputs that do more with a script: zones of moments, JSON while one types; and nothing for axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import Field

from app.core.params.fields import describe
from tests.browser.conftest import TASK
from tests.browser.test_accessibility import found_on
from tests.core.params.schemas import one
from tests.web.create.creating import only
from tests.web.create.kinds import publish_every_kind

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Any, address: str, services: Any) -> Iterator[Any]:
    """The form of a type with every kind, in India; an error in a script fails the test."""
    publish_every_kind(services)
    context = chromium.new_context(timezone_id="Asia/Kolkata", reduced_motion="reduce")
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{address}/tasks/new/every_kind")
    yield page
    context.close()
    assert broken == []


def create(page: Any) -> None:
    page.click("[name=then][value=task]")


def test_a_moment_begins_in_the_zone_of_the_device_and_is_what_was_meant(page, services):
    zone = page.input_value("#p-start-zone")
    assert zone in ("Asia/Kolkata", "Asia/Calcutta")
    assert page.locator("datalist#zones option[value='Europe/Berlin']").count() == 1
    page.fill("#p-start", "2026-06-01T08:30")
    page.fill("#p-stop", "2026-10-25T02:30")
    page.fill("#p-stop-zone", "Europe/Berlin")
    create(page)
    page.wait_for_selector("[data-summary]:focus")
    assert "occurs twice in Europe/Berlin" in page.inner_text("#p-stop-error")
    assert (page.input_value("#p-start"), page.input_value("#p-start-zone")) == ("2026-06-01T08:30", zone)
    assert page.input_value("#p-stop-zone") == "Europe/Berlin"
    page.fill("#p-stop-zone", "+01:00")
    create(page)
    page.wait_for_url(TASK, wait_until="commit")
    kept = only(services).params
    assert (kept["start"], kept["stop"]) == ("2026-06-01T08:30:00+05:30", "2026-10-25T02:30:00+01:00")


def test_json_is_checked_while_one_types_also_when_the_form_is_there_again(page):
    error, area = "#p-options-error", "#p-options"
    for _ in range(2):
        page.fill(area, '{\n  "depth": }')
        page.wait_for_selector(f"{error}:visible")
        assert page.inner_text(error) == "Invalid JSON: check line 2, column 12."
        assert page.get_attribute(area, "aria-invalid") == "true"
        page.fill(area, '{"depth": 3}')
        page.wait_for_selector(error, state="hidden")
        assert page.get_attribute(area, "aria-invalid") is None
        create(page)
        page.wait_for_selector("[data-summary]:focus")


def test_the_check_while_one_types_agrees_with_the_parser_of_the_browser(page):
    """Every prefix of a text, and every text with one sign changed: wrong there means wrong in JSON.parse."""
    text = '{"a": [1, -2.5e3, true, null, {}], "b\\n\\u00e9": {"c": []}, "d": "x"}'
    texts = [text[:end] for end in range(1, len(text) + 1)]
    texts += [text[:at] + sign + text[at + 1 :] for at in range(len(text)) for sign in '{}[],:"0 x']
    texts += ["01", "1.", "+1", "'a'", "[1,]", "[,]", "{,}", "nul", "[1 2]", "{} {}", '"\t"', "", " ", "NaN"]
    differing = page.evaluate(
        """(texts) => {
            const area = document.querySelector("#p-options");
            const complaint = document.querySelector("#p-options-error");
            return texts.filter((text) => {
                area.value = text;
                area.dispatchEvent(new Event("blur"));
                let whole = !text.trim();
                try { JSON.parse(text); whole = true; } catch { /* it is not */ }
                return whole !== (complaint.textContent === "");
            });
        }""",
        texts,
    )
    assert differing == []


PATTERNS = (
    "^[A-Z]{2}[0-9]+$", r"^(a|b)c\.d$", "^(?:[a-z]+-)*[a-z]+$", "^[^a]{1,3}$", "^[a-z.@]+$", r"^[a\-z]+$",
    r"^\(x\)\[y\]\{z\}\/$", "^ <>~#$",
)  # fmt: skip
SAMPLES = (
    "AB1",
    "ac.d",
    "acxd",
    "bc.d",
    "a-b-c",
    "a-",
    "xyz",
    "xaz",
    "a@b.c",
    "(x)[y]{z}/",
    " <>~#",
    "a-z",
    "q",
    "ÄB1",
)


def test_a_pattern_means_the_same_to_the_browser(page):
    for pattern in PATTERNS:
        each = describe(one(Annotated[str, Field(pattern=pattern)]))[0]
        said = each.kind.attributes(each, "")["pattern"]
        taken = page.evaluate(
            """([pattern, samples]) => {
                const input = Object.assign(document.createElement("input"), { pattern });
                new RegExp(pattern, "v"); // a browser ignores one that is none
                const takes = (text) => { input.value = text; return !input.validity.patternMismatch; };
                return samples.filter(takes);
            }""",
            [said, SAMPLES],
        )
        assert taken == [text for text in SAMPLES if re.search(pattern, text)], pattern


def test_a_browser_takes_no_half_written_date_for_none(page):
    page.click("#p-day")
    page.keyboard.press("Backspace")
    create(page)
    assert page.inner_text("#p-day-error") == "Enter a date."


def test_without_a_script_moments_are_in_utc_and_everything_is_sent(chromium, address, services):
    publish_every_kind(services)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/tasks/new/every_kind")
    page.fill("#p-start", "2026-06-01T08:30")
    page.locator("[name=then][value=task]").click()
    page.wait_for_url(TASK, wait_until="commit")
    context.close()
    kept = only(services).params
    assert (kept["start"], kept["patience"], kept["share"]) == ("2026-06-01T08:30:00+00:00", "PT1H30M", 0.3)


def test_axe_finds_nothing_on_the_form_and_when_something_is_wrong_in_it(page):
    assert found_on(page) == []
    page.fill("#p-options", "{")
    create(page)
    page.wait_for_selector("[data-summary]:focus")
    assert found_on(page) == []
