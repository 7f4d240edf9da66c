"""Models and rows in a form: added and removed without a script, wrong beside their part, shown, cloned."""

from __future__ import annotations

import re

import pytest

from tests.core.params.models import INVITE
from tests.web.create.creating import Sent, nothing_was_created, only, publish, upload

FORM = "/tasks/new/invite"
ADDRESS = {"p-address.street": "Via Roma 2", "p-people.0.name": "Ada"}


@pytest.fixture(autouse=True)
def invite(services):
    publish(services, "invite", schema=INVITE, title="Invite people")


def send(browser, form, **changes):
    changes = {"p-files": upload(), **changes}
    return browser.send(form, "invite", **changes)


class TestForm:
    def test_a_new_one_has_a_row_and_the_default_of_the_model(self, browser):
        form = browser.open(FORM)
        assert (form["p-address.street"], form["p-address.city"], form["p-people.0.age"]) == (
            "Via Roma 1", "Rome", "30",
        )  # fmt: skip
        assert form.getlist("p-people") == ["0"]
        assert "p-billing" not in form
        assert form["p-billing.city"] == "Rome"

    def test_a_whole_form_becomes_the_parameters(self, browser, services):
        form = browser.open(FORM)
        form["p-people"] = "7"
        answer = send(
            browser,
            form,
            **ADDRESS,
            **{
                "p-address.lift": None,
                "p-people.0.photo": upload(name="ada.csv"),
                "p-people.0.phones.3.number": "12",
                "p-people.0.phones.3.kind": "home",
                "p-people.7.name": "Grace",
                "p-people.7.age": "40",
                "p-billing": "1",
                "p-billing.street": "Away 3",
            },
        )
        task = only(services)
        names = {str(file.id): file.name for file in services.files.of_task(task.id)}
        assert answer.status_code == 303, Sent(answer.text).errors
        assert [names[one] for one in task.params.pop("files")] == ["airports.csv"]
        assert names[task.params["people"][0].pop("photo")] == "ada.csv"
        assert task.params == {
            "address": {"street": "Via Roma 2", "city": "Rome", "lift": False},
            "people": [
                {
                    "name": "Ada",
                    "age": 30,
                    "member": True,
                    "phones": [{"number": "12", "kind": "home"}],
                },
                {"name": "Grace", "age": 40, "member": False, "photo": None, "phones": []},
            ],
            "billing": {"street": "Away 3", "city": "Rome", "lift": True},
            "subject": "Hello",
        }

    def test_rows_that_nobody_filled_in_are_left_out_but_not_those_with_a_change(self, browser, services):
        form = browser.open(FORM)
        for _ in range(2):
            form = Sent(browser.send(form, "invite", row="add:people").text).values
        assert form.getlist("p-people") == ["0", "1", "2"]
        wrong = send(browser, form, **{"p-people.1.name": "Ada", "p-people.2.age": "31"})
        assert Sent(wrong.text).errors == {"p-people.1.name": "This field is required."}
        assert Sent(wrong.text).values.getlist("p-people") == ["0", "1"]
        assert send(browser, form, **{"p-people.1.name": "Ada"}).status_code == 303
        assert [each["name"] for each in only(services).params["people"]] == ["Ada"]


class TestErrors:
    def test_each_stands_beside_its_part_and_the_summary_leads_there(self, browser, services):
        form = browser.open(FORM)
        answer = send(
            browser,
            form,
            **{
                "p-address.street": "",
                "p-people.5.name": "x" * 21,
                "p-people.5.age": "old",
                "p-billing": "1",
                "p-people.5.phones.0.kind": "work",
            },
        )
        sent = Sent(answer.text)
        assert answer.status_code == 422
        assert sent.errors == {
            "p-address.street": "This field is required.",
            "p-people.0.name": "Use 20 characters or fewer.",
            "p-people.0.age": "Enter a whole number from 0 to 120, such as 3.",
            "p-people.0.phones.0.number": "This field is required.",
            "p-billing.street": "This field is required.",
        }
        assert '<a href="#p-people.0.phones.0.number">People, row 1, Phones, row 1, Number</a>' in answer.text
        assert (sent.values["p-people.0.name"], sent.values["p-people.0.age"]) == ("x" * 21, "old")
        assert nothing_was_created(services)

    @pytest.mark.parametrize(
        "name",
        ["p-address.owner", "p-people.0.root", "p-people.x.name", "p-people.-1.name", "p-people.9999999.name",
         "p-address.street.0", "drop-people.0.name", "p-people.~row1~.name"],
    )  # fmt: skip
    def test_a_name_that_is_no_part_is_refused(self, browser, services, name):
        answer = send(browser, browser.open(FORM), **ADDRESS, **{name: "1"})
        assert answer.status_code == 422
        assert f"no field “{name}”" in answer.text
        assert nothing_was_created(services)

    def test_a_part_sent_twice_is_refused(self, browser, services):
        answer = send(browser, browser.open(FORM), **{**ADDRESS, "p-people.0.name": ["a", "b"]})
        assert Sent(answer.text).errors == {"p-people.0.name": "Enter one value; several were sent."}
        assert nothing_was_created(services)

    def test_more_rows_than_are_taken_are_said_and_kept(self, browser, services):
        many = {f"p-people.{number}.name": f"n{number}" for number in range(5)}
        ages = {f"p-people.{number}.age": "3" for number in range(5)}
        answer = send(browser, browser.open(FORM), **many, **ages)
        assert Sent(answer.text).errors == {"p-people": "Use 4 rows or fewer."}
        assert Sent(answer.text).values["p-people.4.name"] == "n4"
        hundreds = {f"p-people.{number}.name": "x" for number in range(200)}
        answer = send(browser, browser.open(FORM), **hundreds)
        assert Sent(answer.text).errors["p-people"].startswith("A form takes at most 100 rows; 200 were sent")
        assert nothing_was_created(services)


class TestWithoutAScript:
    def test_a_row_more_keeps_everything_and_creates_nothing(self, browser, services):
        form = browser.open(FORM)
        answer = send(
            browser,
            form,
            **{**ADDRESS, "p-people.0.age": "old", "p-people.0.photo": upload(name="ada.csv")},
            title="Mine",
            row="add:people",
        )
        again = Sent(answer.text)
        assert answer.status_code == 200
        assert again.values.getlist("p-people") == ["0", "1"]
        assert (again.values["p-people.0.age"], again.values["title"]) == ("old", "Mine")
        assert (again.values["p-people.1.age"], again.values["p-people.1.member"]) == ("30", "1")
        assert 'id="p-people.1" tabindex="-1" data-row autofocus' in answer.text
        assert "airports.csv" in answer.text
        assert "ada.csv" in answer.text
        assert again.errors == {}
        assert nothing_was_created(services)
        done = send(browser, again.values, **{"p-files": None, "p-people.0.age": "3"})
        assert done.status_code == 422
        assert Sent(done.text).errors == {"p-files": "Please choose a file."}
        assert browser.send(again.values, "invite", **{"p-people.0.age": "3"}).status_code == 303
        names = [file.name for file in services.files.of_task(only(services).id)]
        assert sorted(names) == ["ada.csv", "airports.csv"]

    def test_rows_within_rows(self, browser):
        form = Sent(browser.send(browser.open(FORM), "invite", row="add:people.0.phones").text).values
        assert form["p-people.0.phones.0.kind"] == "home"
        answer = browser.send(form, "invite", row="remove:people.0.phones.0")
        assert "p-people.0.phones.0.number" not in Sent(answer.text).values

    def test_a_row_less_closes_the_gap(self, browser):
        form = browser.open(FORM)
        for number in (1, 2):
            form[f"p-people.{number}.name"] = f"n{number}"
        answer = browser.send(form, "invite", row="remove:people.1")
        again = Sent(answer.text)
        assert again.values.getlist("p-people") == ["0", "1"]
        assert again.values["p-people.1.name"] == "n2"
        assert 'id="p-people.1" tabindex="-1" data-row autofocus' in answer.text

    def test_no_more_than_are_taken(self, browser):
        form = browser.open(FORM)
        for _ in range(6):
            answer = browser.send(form, "invite", row="add:people")
            form = Sent(answer.text).values
        assert form.getlist("p-people") == ["0", "1", "2", "3"]
        assert re.search(r'value="add:people"[^>]* hidden', answer.text)

    @pytest.mark.parametrize(
        "wish", ["add:address", "add:nothing", "remove:people.x", "drop", "remove:address.0"]
    )
    def test_a_wish_that_cannot_be_is_refused(self, browser, services, wish):
        assert browser.send(browser.open(FORM), "invite", row=wish).status_code == 400
        assert nothing_was_created(services)

    def test_enter_creates_and_adds_no_row(self, browser):
        page = browser.client.get(FORM).text
        first = re.search(r"<button[^>]*>", page.split("data-create")[1])
        assert first and 'name="then" value="task"' in first[0]


class TestAfterwards:
    def test_the_page_of_the_task_shows_it_and_a_clone_is_the_same_form(self, browser, services, alice):
        form = browser.open(FORM)
        send(
            browser,
            form,
            **{**ADDRESS, "p-people.0.phones.0.number": "12", "p-people.0.phones.0.kind": "work",
               "p-people.0.photo": upload(name="ada.csv")},
        )  # fmt: skip
        task = only(services)
        page = alice.read(f"/tasks/{task.id}")
        assert "Address Street Via Roma 2 City Rome Lift yes" in page
        assert "Photo ada.csv 8 bytes" in page
        assert "Number Kind 12 work" in page
        clone = browser.open(f"{FORM}?from={task.id}")
        assert clone["p-people.0.phones.0.number"] == "12"
        assert browser.send(clone, "invite").status_code == 303
        second = services.queries.find({"parent": task.id}, [("_id", 1)], 2)[0]
        assert second.params == task.params

    def test_values_of_another_shape_break_no_page(self, browser, new_task, alice):
        odd = {"files": "x", "address": [1], "people": {"a": 1}, "billing": 3}
        task = new_task(type="invite", params=odd)
        assert "Parameters" in alice.read(f"/tasks/{task.id}")
        form = browser.client.get(f"{FORM}?from={task.id}")
        assert form.status_code == 200
        assert Sent(form.text).errors == {"p-files": "This file is no longer here. Please choose it again."}
