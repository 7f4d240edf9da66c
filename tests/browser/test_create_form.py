"""The script of Create Task in a browser: files sent when chosen, the form sent in place, one task."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.browser.conftest import TASK, unbroken
from tests.core.params.schemas import schema_of
from tests.web.create.creating import only, publish

pytestmark = pytest.mark.browser

SLOW = {"offline": False, "latency": 50, "downloadThroughput": -1, "uploadThroughput": 2_000_000}


@pytest.fixture
def page(chromium, address, services):
    """The form, opened; an error in a script fails the test."""
    publish(services)
    context = chromium.new_context(timezone_id="Asia/Kolkata")
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{address}/tasks/new/clean_table")
    yield page
    context.close()
    assert broken == []


def choose(page, name: str = "airports.csv", content: bytes = b"a,b\n1,2\n") -> None:
    page.set_input_files("#p-source", {"name": name, "mimeType": "text/csv", "buffer": content})


def click_create(page, times: int = 1) -> None:
    page.evaluate(f"for (let i = 0; i < {times}; i++) document.querySelector('[name=then]').click()")


def test_a_form_sent_twenty_times_while_its_file_is_on_its_way_is_one_task(page, services):
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    choose(page, content=b"a,b\n" * 250_000)
    click_create(page, 20)
    page.wait_for_url(TASK, wait_until="commit")
    task = only(services)
    assert page.url.endswith(str(task.id))
    assert task.title == "Clean a table: airports.csv"
    assert [file.size for file in services.files.of_task(task.id)] == [1_000_000]
    assert services.db["files.files"].count_documents({}) == 1


def test_what_is_wrong_is_shown_in_place_and_the_file_stays(page, services):
    choose(page)
    page.fill("#p-rows", "0")
    page.fill("#p-note", "kept")
    click_create(page)
    page.wait_for_selector("[data-summary]:focus")
    assert page.inner_text("#p-rows-error") == "Enter 1 or more."
    assert page.input_value("#p-note") == "kept"
    assert "airports.csv, 8 bytes, uploaded" in page.inner_text(".dropzone >> nth=0")
    page.fill("#p-rows", "7")
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    assert only(services).params["rows"] == 7


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.exe", b"x", "x.exe isn't an accepted file type"),
        ("huge.csv", None, "is 300 MB; the limit is 256 MB."),
    ],
)
def test_a_file_that_is_not_taken_is_not_sent(page, services, name, content, sentence):
    if content is None:
        page.evaluate("Object.defineProperty(File.prototype, 'size', { get: () => 300 * 2 ** 20 })")
    choose(page, name, content or b"x")
    assert sentence in page.inner_text("#p-source-error")
    assert services.db["files.files"].count_documents({}) == 0


def test_the_form_as_commands_is_shown_in_place_and_nothing_is_created(page, services):
    choose(page)
    page.fill("#p-note", "kept")
    page.click("button[value=commands]")
    page.wait_for_selector("[data-summary]:focus")
    assert "note=kept" in page.inner_text("pre[aria-label=dtq]")
    assert page.locator(".command .copy:visible").count() == 3
    assert services.db.tasks.count_documents({}) == 0
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    assert only(services).params["note"] == "kept"


def test_a_server_that_is_away_loses_nothing(page, services):
    choose(page)
    page.wait_for_selector("text=uploaded")
    page.fill("#p-note", "kept")
    page.route("**/tasks/new/clean_table", lambda route: route.abort())
    click_create(page)
    page.wait_for_selector("[data-failed]:not([hidden])")
    assert "did not answer" in page.inner_text("[data-failed]")
    assert page.input_value("#p-note") == "kept"
    page.unroute("**/tasks/new/clean_table")
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    assert only(services).params["note"] == "kept"


def test_a_time_is_in_the_zone_of_the_browser(page, services):
    choose(page)
    page.click("main summary")
    page.fill("#run_at", "2031-05-06T12:38")
    assert "Asia/Calcutta" in page.inner_text("#run_at-help") or "Asia/Kolkata" in page.inner_text(
        "#run_at-help"
    )
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    assert only(services).run_at == datetime(2031, 5, 6, 7, 8, tzinfo=timezone.utc)


def test_a_time_that_clocks_skip_is_refused_and_one_that_comes_twice_is_asked(chromium, address, services):
    publish(services, "count", schema=schema_of(steps=(int, 3)))
    context = chromium.new_context(timezone_id="Europe/Berlin")
    with unbroken(context) as page:
        page.goto(f"{address}/tasks/new/count")
        page.click("main summary")
        page.fill("#run_at", "2031-03-30T02:30")
        click_create(page)
        page.wait_for_selector("#run_at-error:visible")
        assert "02:30 on 2031-03-30 does not exist in Europe/Berlin" in page.inner_text("#run_at-error")
        page.fill("#run_at", "2031-10-26T02:30")
        click_create(page)
        page.wait_for_selector("[name=run_at_offset]")
        assert services.db.tasks.count_documents({}) == 0
        page.get_by_label("Second (UTC+01:00)").check()
        click_create(page)
        page.wait_for_url(TASK, wait_until="commit")
        assert only(services).run_at == datetime(2031, 10, 26, 1, 30, tzinfo=timezone.utc)


def test_a_required_list_that_is_empty_is_refused_beside_its_field(page, services, address):
    publish(services, "mail", schema=schema_of(to=(list[str], ...)))
    page.goto(f"{address}/tasks/new/mail")
    click_create(page)
    page.wait_for_selector("#p-to-error:visible")
    assert page.inner_text("#p-to-error")
    assert services.db.tasks.count_documents({}) == 0


def test_a_number_that_is_none_is_not_taken_for_nothing(page, services):
    choose(page)
    page.click("#p-rows")
    page.keyboard.type("-e")
    click_create(page)
    assert page.inner_text("#p-rows-error") == "Enter a number."
    assert services.db.tasks.count_documents({}) == 0


def test_cards_are_narrowed_while_one_types(page, services, address):
    for number in range(8):
        publish(services, f"job_{number}", title=f"Job {number}", category="Mail")
    page.goto(f"{address}/tasks/new")
    page.fill("#type-search", "mail 5")
    assert page.locator("[data-words]:visible").all_inner_texts()[0].startswith("Job 5")
    assert page.locator("[data-words]:visible").count() == 1
    page.fill("#type-search", "nothing at all")
    assert page.inner_text("[data-none]").strip() == "No matching task types. Show all"
