"""A file on its way: sent again by itself, sent again by a click, and nothing else of the form is touched."""

from __future__ import annotations

import pytest

from tests.browser.conftest import TASK
from tests.browser.test_create_form import choose, click_create, page
from tests.web.create.creating import only

pytestmark = pytest.mark.browser
__all__ = ["page"]

UPLOAD = "**/tasks/new/clean_table/source?*"


class Line:
    """What happens to the uploads of a page: each is cut off, or refused, until ``mended``."""

    def __init__(self, page, status: int = 0) -> None:
        self.seen = 0
        self.status = status
        self._page = page
        page.route(UPLOAD, self._fail)

    def _fail(self, route) -> None:
        self.seen += 1
        if self.status:
            route.fulfill(
                status=self.status, json={"detail": "The database (MongoDB) did not answer in time."}
            )
        else:
            route.abort("connectionreset")

    def mend(self) -> None:
        self._page.unroute(UPLOAD)


def fill(page) -> None:
    page.fill("#p-note", "kept")
    choose(page)


def was_sent(page) -> None:
    page.wait_for_selector("text=airports.csv, 8 bytes, uploaded")


@pytest.mark.parametrize("status", [0, 503])
def test_what_may_pass_is_tried_again_without_a_click(page, services, status):
    line = Line(page, status)
    fill(page)
    page.wait_for_selector("text=Retrying in 1 s.")
    line.mend()
    was_sent(page)
    assert line.seen == 1
    assert page.inner_text("#p-source-error") == ""
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    assert only(services).params["note"] == "kept"


def test_after_a_few_times_there_is_a_button_beside_the_file(page, services):
    page.clock.install()
    line = Line(page)
    fill(page)
    for seconds in (1, 3, 9):
        page.wait_for_selector(f"text=Retrying in {seconds} s.")
        page.clock.run_for(1000 * seconds)
    page.wait_for_selector("[data-again]:visible")
    assert line.seen == 4
    assert "The server did not answer while the file was sent." in page.inner_text("#p-source-error")
    assert "airports.csv, 8 bytes, not uploaded" in page.inner_text(".dropzone >> nth=0")
    line.mend()
    page.click("[data-again]:visible")
    was_sent(page)
    assert page.locator("[data-again]:visible").count() == 0
    assert (page.input_value("#p-note"), page.inner_text("#p-source-error")) == ("kept", "")


def test_what_will_not_pass_is_not_tried_again(page):
    line = Line(page, 413)
    fill(page)
    page.wait_for_selector("[data-again]:visible")
    assert line.seen == 1
    assert "did not answer in time" in page.inner_text("#p-source-error")


def test_the_form_sends_it_again_and_does_not_go_without_it(page, services):
    line = Line(page, 500)
    fill(page)
    page.wait_for_selector("[data-again]:visible")
    click_create(page)
    page.wait_for_selector("[data-again]:focus")
    assert (line.seen, services.db.tasks.count_documents({})) == (2, 0)
    line.mend()
    click_create(page)
    page.wait_for_url(TASK, wait_until="commit")
    task = only(services)
    assert [file.name for file in services.files.of_task(task.id)] == ["airports.csv"]


def test_a_file_that_was_removed_is_not_sent_again(page):
    line = Line(page, 500)
    fill(page)
    page.wait_for_selector("[data-again]:visible")
    page.click("[data-remove]:visible")
    assert page.locator("[data-again]:visible").count() == 0
    click_create(page)
    page.wait_for_selector("[data-summary]:focus")
    assert line.seen == 1


def test_progress_has_a_rate_and_the_time_that_is_left(page):
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    choose(page, content=b"a,b\n" * 500_000)
    page.wait_for_selector(r"text=/\d+ %, \d[\d.]* [KM]B\/s, \d+ s left/")
