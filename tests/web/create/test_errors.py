"""Create Task when something is wrong: said beside its field, and nothing typed is lost."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.web.create.creating import Sent, nothing_was_created, only, upload


class TestErrors:
    def test_everything_typed_is_kept_and_said_beside_its_field(self, browser, services):
        typed = {
            "p-rows": "many",
            "p-ratio": "0",
            "p-case": "lower",
            "p-format": "parquet",
            "p-columns": "iata\nname",
            "p-label": "x" * 21,
            "p-note": "\n<script>alert(1)</script>\ntwo",
            "title": "Mine",
            "tags": "a, b",
            "priority": "low",
            "max_attempts": "0",
            "timeout_s": "soon",
            "run_at": "yesterday",
        }
        form = browser.open()
        form.update(typed)
        for name, text in typed.items():
            form.setlist(name, [text])
        form.poplist("p-trim")
        form.setlist("p-checks", ["double"])
        answer = browser.send(form)
        again = Sent(answer.text)
        assert answer.status_code == 422
        assert {name: again.values[name] for name in typed} == typed
        assert "p-trim" not in again.values
        assert again.values.getlist("p-checks") == ["double"]
        assert again.values["submission_key"] == form["submission_key"]
        assert again.errors == {
            "p-source": "Please choose a file.",
            "p-rows": "Enter a whole number from 1 to 100, such as 3.",
            "p-ratio": "Enter more than 0.",
            "p-label": "Use 20 characters or fewer.",
            "max_attempts": "Enter a whole number from 1 to 100.",
            "timeout_s": "Enter a whole number from 1 to 604,800.",
            "run_at": "Enter a date and a time, for example 2030-12-31T08:30.",
        }
        assert all(f'href="#{name}"' in answer.text for name in again.errors)
        assert "<script>alert(1)" not in answer.text
        assert nothing_was_created(services)

    @pytest.mark.parametrize("priority", ["", "0", "HIGH", "urgent", None])
    def test_no_priority(self, browser, services, priority):
        answer = browser.send(browser.open(), p_source=upload(), priority=priority)
        assert (answer.status_code, Sent(answer.text).errors) == (
            422,
            {"priority": "Please choose high, medium or low."},
        )
        assert nothing_was_created(services)

    @pytest.mark.parametrize("sent", ["-1", "2020-01-01T00:00", "9999-12-31T23:59", "2030-02-30T10:00"])
    def test_no_moment_to_run_at(self, browser, services, sent):
        answer = browser.send(browser.open(), p_source=upload(), run_at=sent, run_at_zone="-14:00")
        assert (answer.status_code, list(Sent(answer.text).errors)) == (422, ["run_at"])
        assert nothing_was_created(services)

    def test_a_time_that_occurs_twice_is_chosen_on_the_page(self, browser, services):
        twice = {"run_at": "2031-10-26T02:30", "run_at_zone": "Europe/Berlin"}
        answer = browser.send(browser.open(), p_source=upload(), **twice)
        assert (answer.status_code, list(Sent(answer.text).errors)) == (422, ["run_at"])
        assert 'name="run_at_offset" value="+02:00"' in answer.text
        browser.send(browser.open(), p_source=upload(), **twice, run_at_offset="+01:00")
        assert only(services).run_at == datetime(2031, 10, 26, 1, 30, tzinfo=timezone.utc)

    @pytest.mark.parametrize("tags", [",".join(str(n) for n in range(11)), "x" * 41])
    def test_too_many_or_too_long_tags(self, browser, tags):
        assert list(Sent(browser.send(browser.open(), p_source=upload(), tags=tags).text).errors) == ["tags"]

    @pytest.mark.parametrize("address", ["/tasks/new/nothing", "/tasks/new/nothing?from=1"])
    def test_an_unknown_type(self, browser, address):
        answer = browser.client.get(address)
        assert (answer.status_code, "no task type “nothing”" in answer.text) == (404, True)

    def test_a_form_for_a_type_that_is_gone(self, browser, services):
        form = browser.open()
        services.db.task_types.delete_many({})
        assert browser.send(form, p_source=upload()).status_code == 404
        assert nothing_was_created(services)
