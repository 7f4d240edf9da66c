"""Fields that are rarely needed are folded away, unless something about them has to be seen."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import Field

from app.core.params.fields import describe
from app.web.create import form_fields
from tests.core.params.schemas import one, schema_of
from tests.web.create.creating import Browser, Sent, only, publish

RARE: dict[str, Any] = {"json_schema_extra": {"advanced": True}}
SCHEMA = schema_of(
    name=(str, "x"),
    rows=(Annotated[int, Field(ge=1, **RARE)], 10),
    lines=(Annotated[list[str], Field(**RARE)], ["a", "b"]),
    trim=(Annotated[bool, Field(**RARE)], True),
)


@pytest.fixture
def browser(client, services):
    publish(services, schema=SCHEMA)
    return Browser(client)


def folded(page: str) -> str:
    """The part of the form that is folded away, from its first tag."""
    return re.findall(r"<details class=\"create-more create-options.*?</details>", page, re.DOTALL)[0]


def is_open(page: str) -> bool:
    return " open>" in folded(page).split("\n")[0]


def test_they_are_folded_and_named(browser):
    page = browser.client.get("/tasks/new/clean_table").text
    assert "More options: Rows, Lines, Trim" in folded(page)
    assert re.findall(r'id="(p-\w+)"', folded(page)) == ["p-rows", "p-lines", "p-trim"]
    assert not is_open(page)


def test_a_type_without_them_folds_nothing(client, services):
    publish(services)
    assert "create-options" not in client.get("/tasks/new/clean_table").text


def test_they_are_sent_like_any_other(browser, services):
    browser.send(browser.open(), p_rows="7", p_trim=None)
    assert only(services).params == {"name": "x", "rows": 7, "lines": ["a", "b"], "trim": False}


def test_one_that_is_wrong_is_seen(browser):
    answer = browser.send(browser.open(), p_rows="0")
    assert answer.status_code == 422
    assert Sent(answer.text).errors == {"p-rows": "Enter 1 or more."}
    assert is_open(answer.text)


def test_what_is_wrong_is_listed_in_the_order_of_the_page(client, services):
    rows, name = SCHEMA["properties"]["rows"], SCHEMA["properties"]["name"]
    schema = {**SCHEMA, "properties": {"rows": rows, "name": {**name, "maxLength": 3}}}
    publish(services, schema=schema)
    browser = Browser(client)
    page = browser.send(browser.open(), p_rows="0", p_name="long", priority="").text
    assert re.findall(r'<li>\s*<a href="#([\w-]+)"', page) == ["p-name", "p-rows", "priority"]


def test_another_that_is_wrong_opens_nothing(browser):
    assert not is_open(browser.send(browser.open(), priority="").text)


@pytest.mark.parametrize(("params", "opened"), [({}, False), ({"rows": 10}, False), ({"rows": 11}, True)])
def test_one_that_a_past_run_had_otherwise_is_seen(browser, new_task, params, opened):
    past = new_task(type="clean_table", params={"name": "y", **params})
    assert is_open(browser.client.get(f"/tasks/new/clean_table?from={past.id}").text) is opened


@pytest.mark.parametrize(
    ("annotation", "default", "texts", "differs"),
    [
        (bool, True, ("1",), False),
        (bool, False, (), False),
        (bool, True, (), True),
        (bool | None, None, ("",), False),
        (bool | None, None, ("0",), True),
        (list[str], ["a", "b"], ("a\r\nb\r\n",), False),
        (list[str], [], ("a",), True),
        (float, 2.0, ("2",), False),
        (int | None, None, ("",), False),
        (str, "", ("x",), True),
    ],
)
def test_what_a_browser_sends_for_a_default_is_the_default(annotation, default, texts, differs):
    shown = form_fields.Input(describe(one(annotation, default))[0], texts)
    assert shown.stands_out is differs
