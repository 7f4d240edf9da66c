"""A result worked on further: an output as the next input, rules judged in the form; scripts on and off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.tasks.states import Status
from app.core.tasks.task import Task, parse_task_id
from tests.browser.conftest import TASK, Site, unbroken

pytestmark = pytest.mark.browser

TABLE = "id,name\n1,  Ann \n2,Bob\n2,Cy\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


def shown_task(page: Any, site: Site) -> Task:
    page.wait_for_url(TASK)
    task_id = parse_task_id(page.url[-24:])
    assert task_id
    return site.services.tasks.get(task_id)


@pytest.mark.parametrize("scripts", [True, False])
def test_from_one_task_to_the_next(chromium: Any, site: Site, table: Path, scripts: bool) -> None:
    context = chromium.new_context(base_url=site.address, java_script_enabled=scripts)
    with unbroken(context) as page:
        page.goto("/tasks/new/clean_table")
        page.set_input_files("#p-source", str(table))
        page.get_by_role("button", name="Create", exact=True).click()
        first = site.ended(shown_task(page, site))
        page.goto(f"/tasks/{first.id}")

        page.get_by_role("link", name="Use as input").click()
        page.get_by_role("link", name="Check a table").first.click()
        assert page.locator(".file-now b").first.inner_text() == "people-clean.csv"

        before = site.services.db.tasks.count_documents({})
        page.get_by_label("Rules").fill("id unique\n\nname nope")
        page.get_by_role("button", name="Create", exact=True).click()
        page.locator("#p-rules-error").get_by_text("Line 3: after the column").wait_for()
        assert site.services.db.tasks.count_documents({}) == before

        page.get_by_label("Rules").fill("id unique\nname not missing")
        page.get_by_role("button", name="Create", exact=True).click()
        second = site.ended(shown_task(page, site))

        assert second.status is Status.SUCCEEDED
        assert second.params["source"] == first.result["file"]["file_id"]
        assert (second.result["rows"], second.result["rows_broken"]) == (3, 1)
