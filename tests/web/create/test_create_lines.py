"""Create Task with lines that follow rules: judged when the form is sent, with and without a worker."""

from __future__ import annotations

import io

import pytest

from dtq._types.task_type import registered
from dtq_library.tables.check.task import check_table
from dtq_library.text.tasks import clean_text
from tests.web.create.creating import Sent, publish

RULES = "id unique\n\n# who\nname nope\nage > x\n"


@pytest.mark.parametrize("served", [True, False])
def test_wrong_rules_are_named_by_line_and_create_nothing(browser, services, served):
    publish(services, "check_table", served=served, schema=registered(check_table).document()["schema"])
    source = str(stored(services))
    form = browser.open("/tasks/new/check_table")

    answer = browser.send(form, "check_table", p_source=source, p_rules=RULES)

    assert answer.status_code == 422
    lines = Sent(answer.text).errors["p-rules"].split("\n")
    assert [line.partition(":")[0] for line in lines] == ["Line 4", "Line 5"]
    assert Sent(answer.text).values["p-rules"] == RULES
    assert services.db.tasks.count_documents({}) == 0

    right = browser.send(Sent(answer.text).values, "check_table", p_rules="id unique")
    assert right.status_code == 303
    assert services.db.tasks.find_one()["params"]["rules"] == ["id unique"]


def test_no_rules(browser, services):
    publish(services, "check_table", schema=registered(check_table).document()["schema"])
    form = browser.open("/tasks/new/check_table")

    answer = browser.send(form, "check_table", p_source=str(stored(services)), p_rules=" \n")

    assert answer.status_code == 422
    assert Sent(answer.text).errors == {"p-rules": "add at least one rule, for example: id unique."}


def test_a_browser_without_a_script_insists_on_a_rule(browser, services):
    publish(services, "check_table", schema=registered(check_table).document()["schema"])
    page = browser.client.get("/tasks/new/check_table").text
    area = page[page.index('<textarea class="form-control" id="p-rules"') :]
    assert " required" in area[: area.index(">")]


def test_what_two_fields_say_together_stands_beside_one(browser, services):
    publish(services, "clean_text", schema=registered(clean_text).document()["schema"])
    form = browser.open("/tasks/new/clean_text")

    answer = browser.send(form, "clean_text")

    assert answer.status_code == 422
    assert Sent(answer.text).errors == {"p-text": "Type a text or choose a file."}
    assert browser.send(form, "clean_text", p_text="a").status_code == 303


def test_it_is_not_said_while_one_of_them_could_not_be_read(browser, services):
    publish(services, "clean_text", schema=registered(clean_text).document()["schema"])
    form = browser.open("/tasks/new/clean_text")

    answer = browser.send(form, "clean_text", p_text="a\x00b")

    assert list(Sent(answer.text).errors) == ["p-text"]
    assert "NUL" in Sent(answer.text).errors["p-text"]


def stored(services):
    """A table of the person who sends the forms."""
    return services.files.save(io.BytesIO(b"id\n1\n"), "a.csv", "text/csv", "local", role="input").id
