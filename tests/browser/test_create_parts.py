"""Rows, models and several files in a browser: by keyboard and by dropping, with a script and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from tests.browser.conftest import TASK
from tests.browser.test_accessibility import found_on
from tests.core.params.models import INVITE
from tests.web.create.creating import only, publish

pytestmark = pytest.mark.browser


def opened(chromium: Any, address: str, services: Services, script: bool) -> Iterator[Any]:
    publish(services, "invite", schema=INVITE, title="Invite people")
    context = chromium.new_context(java_script_enabled=script, reduced_motion="reduce")
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{address}/tasks/new/invite")
    yield page
    context.close()
    assert broken == []


@pytest.fixture
def page(chromium: Any, address: str, services: Services) -> Iterator[Any]:
    yield from opened(chromium, address, services, script=True)


@pytest.fixture
def plain(chromium: Any, address: str, services: Services) -> Iterator[Any]:
    """A browser that runs no script."""
    yield from opened(chromium, address, services, script=False)


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def drop(page: Any, folder: Path, *names: str) -> None:
    """Files that the input is given, as a browser does with what is dropped onto it.

    A drag by the browser's own protocol may never be answered, and then the test never ends.
    """
    for name in names:
        (folder / name).write_text("a,b")
    page.set_input_files("#p-files", [folder / name for name in names])


def sent(page: Any, number: int) -> None:
    """Wait until as many files are there."""
    there = page.locator(".files-now [data-id]:not([value=''])")
    there.nth(number - 1).wait_for(state="attached")


def create(page: Any) -> None:
    page.get_by_role("button", name="Create", exact=True).click()


def numbers(page: Any) -> list[str]:
    return list(page.locator("#p-people > [data-list] > [data-row] > legend").all_inner_texts())


def test_rows_come_and_go_by_keyboard(page: Any, services: Services, tmp_path: Path) -> None:
    page.focus("#p-people > [data-add]")
    page.keyboard.press("Enter")
    assert focused(page) == "p-people.1.name"
    page.keyboard.type("Grace")
    assert page.inner_text("#p-people > [data-said]") == "Row 2 added."
    page.focus("#p-people > [data-list] > [data-row] >> nth=0 >> [data-remove-row]")
    page.keyboard.press("Space")
    assert focused(page) == "p-people.1"
    assert numbers(page) == ["Row 1"]
    drop(page, tmp_path, "a.csv")
    page.fill("#p-address\\.street", "x")
    page.focus("#p-people\\.1\\.name")
    page.keyboard.press("Enter")
    page.wait_for_url(TASK, wait_until="commit")
    assert [each["name"] for each in only(services).params["people"]] == ["Grace"]


def test_no_more_rows_than_are_taken_also_within_rows(page: Any) -> None:
    for _ in range(3):
        page.click("#p-people > [data-add]")
    assert numbers(page) == ["Row 1", "Row 2", "Row 3", "Row 4"]
    assert page.locator("#p-people > [data-add]").is_hidden()
    page.click("#p-people\\.2\\.phones > [data-add]")
    assert focused(page) == "p-people.2.phones.0.number"
    page.click("[id='p-people.3'] > [data-remove-row]")
    assert page.locator("#p-people > [data-add]").is_visible()


def test_several_files_are_dropped_sent_and_removed(page: Any, services: Services, tmp_path: Path) -> None:
    drop(page, tmp_path, "a.csv", "b.csv", "no.exe")
    sent(page, 2)
    assert "no.exe isn't an accepted file type" in page.inner_text("#p-files-error")
    page.get_by_role("button", name="Remove a.csv").press("Enter")
    assert page.evaluate("document.activeElement.textContent").split() == ["Remove", "b.csv"]
    drop(page, tmp_path, "c.csv", "d.csv", "e.csv")
    sent(page, 3)
    assert page.inner_text("#p-files-error") == "Choose 3 files or fewer."
    page.fill("#p-people\\.0\\.name", "Ada")
    page.set_input_files("#p-people\\.0\\.photo", tmp_path / "a.csv")
    create(page)
    page.wait_for_selector("#p-files:focus")  # what could not be sent holds the form back once
    create(page)
    page.wait_for_url(TASK, wait_until="commit")
    task = only(services)
    names = {str(file.id): file.name for file in services.files.of_task(task.id)}
    assert [names[one] for one in task.params["files"]] == ["b.csv", "c.csv", "d.csv"]
    assert names[task.params["people"][0]["photo"]] == "a.csv"


def test_one_of_several_that_failed_is_sent_again_alone(
    page: Any, services: Services, tmp_path: Path
) -> None:
    page.route("**/files?name=b.csv*", lambda route: route.fulfill(status=500, json={"detail": "It broke."}))
    drop(page, tmp_path, "a.csv", "b.csv")
    page.wait_for_selector("[data-again]:visible")
    sent(page, 1)
    assert page.inner_text("#p-files-error") == "b.csv: It broke."
    create(page)
    page.wait_for_selector("[data-again]:focus")  # it was tried again, and the form does not go without it
    assert services.db.tasks.count_documents({}) == 0
    page.unroute("**/files?name=b.csv*")
    page.click("[data-again]:visible")
    sent(page, 2)
    assert page.inner_text("#p-files-error") == ""
    assert services.db["files.files"].count_documents({}) == 2


def test_a_model_that_is_not_given_is_not_in_the_way(page: Any) -> None:
    assert page.locator("#p-billing\\.street").is_hidden()
    page.focus("#p-billing-given")
    page.keyboard.press("Space")
    assert page.locator("#p-billing\\.street").is_visible()


def test_without_a_script_a_row_is_asked_from_the_server(plain: Any, services: Services) -> None:
    plain.set_input_files("#p-files", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"1"})
    plain.fill("#p-people\\.0\\.name", "Ada")
    plain.click("#p-people > [data-add]")
    assert plain.locator("[id='p-people.1']:focus").count() == 1
    plain.fill("#p-people\\.1\\.name", "Grace")
    plain.check("#p-billing-given")
    plain.fill("#p-billing\\.street", "Away 3")
    plain.focus("#p-people\\.1\\.name")
    plain.keyboard.press("Enter")
    plain.wait_for_url(TASK, wait_until="commit")
    task = only(services)
    assert [each["name"] for each in task.params["people"]] == ["Ada", "Grace"]
    assert task.params["billing"]["street"] == "Away 3"
    assert [file.name for file in services.files.of_task(task.id)] == ["a.csv"]


def test_axe_finds_nothing_with_rows_files_and_errors(page: Any, tmp_path: Path) -> None:
    drop(page, tmp_path, "a.csv", "b.csv")
    sent(page, 2)
    page.click("#p-people\\.0\\.phones > [data-add]")
    page.click("#p-billing-given")
    assert found_on(page) == []
    page.fill("#p-people\\.0\\.name", "x" * 21)
    create(page)
    page.wait_for_selector("[data-summary]:focus")
    assert found_on(page) == []
