"""The whole path in a browser: create, watch, download; and what the figures say against our own count."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from app.core.tasks.task import parse_task_id
from tests.browser.conftest import TASK, Site

pytestmark = [pytest.mark.browser, pytest.mark.long]

MISSING = {"", "n/a", "nan", "null"}
"""Everywhere, by default; NA, none and - are missing among numbers only."""


@pytest.fixture(scope="module")
def airports() -> Path:
    """A public file that nobody here wrote: 3,376 airports, from the package vega_datasets."""
    import vega_datasets

    return Path(vega_datasets.__file__).parent / "_data" / "airports.csv"


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def tidied(cell: str) -> str:
    text = " ".join(cell.split())
    return "" if text.lower() in MISSING else text


def test_a_file_is_cleaned_from_the_form_to_the_download(
    page: Any, site: Site, airports: Path, tmp_path: Path
) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create Task").first.click()
    page.get_by_role("link", name="Clean a table").first.click()
    page.set_input_files("#p-source", str(airports))
    page.check("input[name=priority][value=high]")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(TASK)
    page.get_by_role("link", name="Download airports-clean.csv").wait_for(timeout=30_000)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download airports-clean.csv").click()
    waiting.value.save_as(tmp_path / "clean.csv")

    header, *rows = rows_of(airports.read_text(encoding="utf-8"))
    clean_header, *clean_rows = rows_of((tmp_path / "clean.csv").read_text(encoding="utf-8"))
    expected = list(dict.fromkeys(tuple(tidied(cell) for cell in row) for row in rows))
    assert clean_header == header
    assert [row[:5] for row in clean_rows] == [list(row[:5]) for row in expected]

    task = site.services.tasks.get(parse_task_id(page.url[-24:]))
    report = task.result
    assert (report["rows_in"], report["rows_out"]) == (len(rows), len(clean_rows)) == (3376, len(expected))
    changed = {
        name: sum(row[at] != clean[at] for row, clean in zip(rows, clean_rows, strict=True))
        for at, name in enumerate(header)
    }
    assert {column["name"]: column["cells_changed"] for column in report["columns"]} == changed
    assert sum(changed.values()) > 0
    missing = {name: sum(not clean[at] for clean in clean_rows) for at, name in enumerate(header)}
    assert {column["name"]: column["missing"] for column in report["columns"]} == missing


def test_a_page_says_what_mongodb_says(page: Any, site: Site) -> None:
    task = site.ended(site.submit("count_slowly", params={"seconds": 0.2, "steps": 2}))
    page.goto(f"/tasks/{task.id}")

    shown = page.locator("main").inner_text()
    assert "Succeeded" in shown and task.history[-1]["worker"] in shown
    assert "Step 2 of 2" in shown


def test_a_failure_is_watched_and_retried(page: Any, site: Site) -> None:
    page.goto("/tasks/new/count_slowly")
    page.fill("#p-seconds", "0.5")
    page.fill("#p-steps", "3")
    page.fill("#p-fail_at_step", "2")
    page.get_by_text("Advanced: title").click()
    page.fill("#max_attempts", "1")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("Step 2 failed, as you asked.").first.wait_for(timeout=20_000)

    page.get_by_role("button", name="Retry").click()
    page.get_by_text("Task queued for retry.").wait_for()

    task = site.services.tasks.get(parse_task_id(page.url[-24:]))
    again = site.ended(task)
    assert (again.attempt, again.max_attempts, len(again.history)) == (2, 2, 2)


def test_a_running_task_moves_without_a_reload_and_is_canceled(page: Any, site: Site) -> None:
    task = site.submit("count_slowly", params={"seconds": 60, "steps": 600})
    site.running(task)
    page.goto(f"/tasks/{task.id}")
    page.get_by_text("Step 10 of 600").first.wait_for(timeout=15_000)

    page.get_by_role("button", name="Cancel").click()

    page.get_by_text("Canceled").first.wait_for(timeout=15_000)
    assert site.ended(task).status == "canceled"


def test_the_list_finds_by_word_status_and_id(page: Any, site: Site) -> None:
    task = site.ended(site.submit("count_slowly", params={"seconds": 0, "steps": 1}))
    page.goto("/tasks?q=count&status=succeeded")
    assert page.locator(f"a[href='/tasks/{task.id}']").count() >= 1

    page.goto(f"/tasks?q={task.id}")
    assert page.url.endswith(f"/tasks/{task.id}")


def test_without_scripts_every_step_works(chromium: Any, site: Site) -> None:
    context = chromium.new_context(base_url=site.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/tasks/new/count_slowly")
    page.fill("[name=p-seconds]", "0")
    page.get_by_role("button", name="Create", exact=True).click()
    task = site.ended(site.services.tasks.get(parse_task_id(page.url[-24:])))
    page.goto(f"/tasks/{task.id}")

    assert "Succeeded" in page.locator("main").inner_text()
    page.goto("/tasks")
    assert page.locator(f"a[href='/tasks/{task.id}']").count() >= 1
    context.close()
