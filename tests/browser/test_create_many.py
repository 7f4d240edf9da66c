"""Create many in a browser: rows pasted and uploaded, problems by row and field, the batch to its end.

Without scripts, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from app.core.services import Services
from app.core.tasks.task import Task
from tests.browser.conftest import unbroken
from tests.browser.test_accessibility import found_on
from tests.core.params.schemas import schema_of
from tests.web.create.creating import publish
from tests.web.looking import fail, succeed, worker

pytestmark = pytest.mark.browser

BATCH = "**/batches/*"


@pytest.fixture(autouse=True)
def greet(services: Services) -> None:
    schema = schema_of(
        name=(Annotated[str, Field(title="Name", max_length=20)], ...),
        age=(Annotated[int, Field(ge=0)], ...),
        color=(Literal["red", "blue"], "red"),
    )
    publish(services, "greet", title="Greet", schema=schema, max_attempts=1)
    worker(services, types=("greet",))


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(request: Any, chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(base_url=address, java_script_enabled=request.param)
    with unbroken(context) as opened:
        opened.scripts = request.param
        yield opened


def tasks(services: Services) -> list[Task]:
    found = services.db.tasks.find({}, {"_id": 1}).sort([("_id", 1)])
    return [services.tasks.get(task["_id"]) for task in found]


def said(page: Any, selector: str) -> str:
    return " ".join(page.locator(selector).inner_text().split())


def goes_on(page: Any, wanted: str) -> None:
    """Wait until the page of the batch says so: by itself, or when it is asked for again."""
    until = time.monotonic() + 20
    while not page.scripts and not page.get_by_text(wanted).count() and time.monotonic() < until:
        page.wait_for_timeout(500)  # The server keeps its figures for two seconds.
        page.get_by_role("link", name="Refresh").click()
    page.get_by_text(wanted).wait_for()


def test_pasted_rows_are_mended_created_and_seen_to_their_end(page: Any, services: Services) -> None:
    page.goto("/tasks/new/greet")
    page.get_by_role("link", name="Create many").click()
    page.get_by_label("Or paste one").fill("who\tage\nAnn\t3\nBob\tx\n\t-1")
    page.get_by_role("button", name="Continue").click()

    page.get_by_role("heading", name="Create 3 tasks").wait_for()
    assert "Row 3 Age: Enter a whole number" in said(page, ".wrong-list")
    page.get_by_role("button", name="Create 1 task, skip 2 rows").wait_for()
    page.get_by_label("Column who is used for").select_option(label="Name")
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("2 of 3 rows can't be tasks").wait_for()
    problems = said(page, ".wrong-list")
    assert "Row 3 Age: Enter a whole number" in problems and "Row 4 Age: Enter 0 or more." in problems
    assert tasks(services) == []

    page.get_by_role("link", name="Another table").click()
    page.get_by_label("Or paste one").fill("name\tage\nAnn\t3\nBob\t4\nZoe\t5")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("All 3 rows are valid.").wait_for()
    page.get_by_role("button", name="Create 3 tasks").click()

    page.wait_for_url(BATCH)
    page.get_by_text("0 of 3 tasks have ended").wait_for()
    made = tasks(services)
    assert [(task.params["name"], task.params["age"]) for task in made] == [
        ("Ann", 3),
        ("Bob", 4),
        ("Zoe", 5),
    ]
    succeed(services, made[0], {"greeting": "Hello"})
    fail(services, made[1], "Bob is not at home.")
    goes_on(page, "2 of 3 tasks have ended")
    succeed(services, made[2])
    goes_on(page, "3 of 3 tasks have ended")
    assert "Bob is not at home." in said(page, ".batch-reasons")
    page.get_by_role("link", name="Failed 1").click()
    page.wait_for_url("**/tasks?*batch=*")
    assert page.locator(".tasks tbody tr").count() == 1


def test_an_uploaded_table_is_one_batch_and_what_failed_is_retried(page: Any, services: Services) -> None:
    page.goto("/batches/new/greet")
    rows = "".join(f"P{number},{number},blue\n" for number in range(30)).encode()
    table = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"Name,age,shoe size\n" + rows}
    page.set_input_files("#table", table)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("All 30 rows are valid.").wait_for()
    assert page.get_by_label("Column shoe size is used for").input_value() == ""
    page.get_by_role("button", name="Create 30 tasks").click()

    page.wait_for_url(BATCH)
    assert page.get_by_role("heading", name="Greet: people.csv").count() == 1
    page.go_back()
    page.goto(page.url)
    page.get_by_text("This batch was already created").wait_for()
    page.get_by_role("link", name="Show the batch").click()
    assert len(tasks(services)) == 30
    fail(services, tasks(services)[0], "It broke.")
    goes_on(page, "1 of 30 tasks have ended")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 31 and "parameters.name" in lines[0]

    page.get_by_role("button", name="Retry the failed").click()
    page.get_by_role("button", name="Retry 1 task").click()
    page.wait_for_url("**/bulk/*")
    page.get_by_text("1 task queued for retry").wait_for()
    assert tasks(services)[0].status.value in ("queued", "scheduled")


def test_its_pages_are_accessible(chromium: Any, address: str, services: Services) -> None:
    with unbroken(chromium.new_context(base_url=address, reduced_motion="reduce")) as page:
        page.goto("/batches/new/greet")
        assert found_on(page) == []
        page.get_by_label("Or paste one").fill("name,age,empty\nAnn,3,\n" + "x" * 200 + ",x,\n")
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("1 of 2 rows").wait_for()
        assert found_on(page) == []
        page.goto("/batches/new/greet")
        page.get_by_label("Or paste one").fill("name,age\nAnn,3\nBob,4")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Create 2 tasks").click()
        page.wait_for_url(BATCH)
        fail(services, tasks(services)[0], "It broke.")
        page.reload()
        assert found_on(page) == []
        page.goto("/batches")
        assert found_on(page) == []
