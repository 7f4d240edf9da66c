"""Create Task: one form is one task, nothing typed is lost, and nothing else can be set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from app.core.clock import utcnow
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import parse_task_id
from tests.web.create.creating import Sent, nothing_was_created, only, upload


class TestCreating:
    def test_a_whole_form_becomes_a_task_and_a_hint(self, browser, services):
        answer = browser.send(
            browser.open(),
            p_source=upload(),
            p_rows="7",
            p_trim=None,
            p_checks=["empty", "double"],
            p_columns="iata\r\nname\r\n",
            p_note="one\r\ntwo",
            priority="high",
            title=" My\ttitle ",
            tags="Nightly, sales,nightly",
            max_attempts="5",
            timeout_s="60",
        )
        task = only(services)
        assert (answer.status_code, answer.location) == (303, f"/tasks/{task.id}")
        file = services.files.of_task(task.id)[0]
        assert task.params == {
            "source": str(file.id),
            "rows": 7,
            "ratio": 0.5,
            "trim": False,
            "case": "keep",
            "format": "csv",
            "checks": ["empty", "double"],
            "columns": ["iata", "name"],
            "label": "",
            "note": "one\ntwo",
            "extra": None,
        }
        assert (task.title, task.tags, task.priority) == ("My title", ("nightly", "sales"), Priority.HIGH)
        assert (task.max_attempts, task.timeout_s, task.owner, task.status) == (5, 60, "local", Status.QUEUED)
        assert (file.name, file.owner, file.role) == ("airports.csv", "local", "input")
        assert b"".join(services.files.chunks(file.id)) == b"a,b\n1,2\n"
        assert services.queues.depths() == {Priority.HIGH: 1, Priority.MEDIUM: 0, Priority.LOW: 0}

    def test_a_form_sent_as_it_was_opened_takes_what_the_type_says(self, browser, services):
        browser.send(browser.open(), p_source=upload())
        task = only(services)
        assert (task.priority, task.max_attempts, task.timeout_s, task.run_at) == (
            Priority.MEDIUM,
            3,
            600,
            None,
        )
        assert task.title == "Clean a table: airports.csv"
        assert task.params["trim"] is True

    @pytest.mark.parametrize("word", ["high", "medium", "low"])
    def test_the_priority_chosen_is_the_lane(self, browser, services, word):
        browser.send(browser.open(), p_source=upload(), priority=word)
        assert only(services).priority is Priority.from_word(word)
        assert services.queues.depths()[Priority.from_word(word)] == 1

    def test_add_another_leads_to_a_new_form_that_names_the_task(self, browser, services):
        answer = browser.send(browser.open(), p_source=upload(), title="<b>First</b>", then="another")
        assert (answer.status_code, answer.location) == (303, "/tasks/new/clean_table")
        page = browser.client.get(answer.location).text
        assert f"/tasks/{only(services).id}" in page
        assert "&lt;b&gt;First&lt;/b&gt;" in page
        assert "<b>First</b>" not in page

    def test_the_script_of_the_form_is_told_where_to_go(self, browser, services):
        answer = browser.send(browser.open(), p_source=upload(), headers={"X-Requested-With": "fetch"})
        assert (answer.status_code, answer.location) == (201, f"/tasks/{only(services).id}")

    def test_later(self, browser, services):
        tomorrow = (utcnow() + timedelta(days=1)).replace(second=0, microsecond=0)
        local = (tomorrow + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
        browser.send(browser.open(), p_source=upload(), run_at=local, run_at_zone="+02:00")
        task = only(services)
        assert (task.status, task.run_at) == (Status.SCHEDULED, tomorrow)
        assert sum(services.queues.depths().values()) == 0


class TestOneFormIsOneTask:
    def test_twenty_clicks(self, browser, services):
        form = browser.open()
        answers = [browser.send(form, p_source=upload()) for _ in range(20)]
        task = only(services)
        assert {answer.location for answer in answers} == {f"/tasks/{task.id}"}
        assert sum(services.queues.depths().values()) == 1
        assert services.db["files.files"].count_documents({}) == 1
        assert [str(file.id) for file in services.files.of_task(task.id)] == [task.params["source"]]

    def test_twenty_clicks_with_a_file_that_is_there_already(self, browser, services):
        form = browser.open()
        form["p-source"] = Sent(browser.send(form, p_source=upload(), p_rows="0").text).values["p-source"]
        for _ in range(20):
            browser.send(form)
        assert [str(file.id) for file in services.files.of_task(only(services).id)] == [form["p-source"]]

    def test_changes_after_the_task_was_made_are_not_passed_over_in_silence(self, browser, services):
        form = browser.open()
        browser.send(form, p_source=upload(), p_rows="5")
        answer = browser.send(form, p_source=upload(), p_rows="6")
        assert only(services).params["rows"] == 5
        assert answer.location == f"/tasks/{only(services).id}"
        with browser.client.session_transaction() as session:
            assert "so your later edits weren't used" in str(session["flashes"])

    def test_two_forms_are_two_tasks(self, browser, services):
        for form in (browser.open(), browser.open()):
            browser.send(form, p_source=upload())
        assert services.db.tasks.count_documents({}) == 2

    @pytest.mark.parametrize("key", ["", "short", "x" * 65, "a key with spaces", None])
    def test_a_form_without_its_key_makes_nothing_and_gets_a_new_one(self, browser, services, key):
        answer = browser.send(browser.open(), p_source=upload(), submission_key=key)
        assert answer.status_code == 422
        assert "Please send it again" in answer.text
        assert nothing_was_created(services)
        assert browser.send(Sent(answer.text).values).status_code == 303


class TestNothingElseCanBeSet:
    @pytest.mark.parametrize(
        "name",
        [
            "status",
            "owner",
            "attempt",
            "_id",
            "lease",
            "files",
            "type",
            "p-status",
            "p-",
            "params",
            "drop-rows",
            "$set",
        ],
    )
    def test_an_unknown_name_is_refused(self, browser, services, name):
        form = browser.open()
        form[name] = "succeeded"
        answer = browser.send(form, p_source=upload(), p_label="kept")
        assert answer.status_code == 422
        assert f"no field “{name}”" in answer.text
        assert Sent(answer.text).values["p-label"] == "kept"
        assert nothing_was_created(services)

    @pytest.mark.parametrize("name", ["priority", "title", "submission_key", "parent"])
    def test_a_name_sent_twice_is_refused(self, browser, services, name):
        form = browser.open()
        form.setlist(name, ["high", "low"])
        answer = browser.send(form, p_source=upload())
        assert answer.status_code == 422
        assert f"“{name}” was sent twice" in answer.text
        assert nothing_was_created(services)

    def test_a_file_where_text_belongs_is_refused(self, browser, services):
        answer = browser.send(browser.open(), p_source=upload(), p_label=upload())
        assert answer.status_code == 422
        assert nothing_was_created(services)

    def test_without_its_token_nothing_is_read(self, browser, services):
        answer = browser.send(browser.open(), p_source=upload(), csrf_token=None)
        assert answer.status_code == 400
        assert nothing_was_created(services)
        assert services.db["files.files"].count_documents({}) == 0


class TestWaits:
    def test_each_priority_says_what_is_ahead(self, browser, new_task):
        for priority, count in (("high", 2), ("medium", 1)):
            for _ in range(count):
                new_task(priority=priority)
        page = " ".join(browser.client.get("/tasks/new/clean_table").text.split())
        for label, words in (("High", "2 ahead"), ("Medium", "3 ahead"), ("Low", "3 ahead")):
            assert f"{label}</span> <small>{words}</small>" in page

    @pytest.mark.parametrize("served", [True, False])
    def test_how_long_where_durations_are_known(self, browser, services, new_task, monkeypatch, served):
        monkeypatch.setattr(services.stats, "durations_s", lambda kind: [5.0])
        if not served:
            services.db.workers.update_many({}, {"$set": {"types": ["another"]}})
        for _ in range(4):
            new_task(priority="high")
        page = browser.client.get("/tasks/new/clean_table").text
        assert ("<small>4 ahead, about 20 s</small>" in page) is served
        assert ("<small>4 ahead</small>" in page) is not served

    def test_nothing_ahead(self, browser):
        assert browser.client.get("/tasks/new/clean_table").text.count("<small>No wait</small>") == 3


class TestPastRuns:
    def test_its_inputs_are_filled_in_and_it_becomes_the_parent(self, browser, services):
        browser.send(browser.open(), p_source=upload(), p_rows="9", priority="low", tags="a", title="Mine")
        first = only(services)
        form = browser.open(f"/tasks/new/clean_table?from={first.id}")
        assert (form["p-rows"], form["priority"], form["tags"], form["title"]) == ("9", "low", "a", "Mine")
        assert browser.send(form, p_rows="10").status_code == 303
        second = services.queries.find({"parent": first.id}, [("_id", 1)], 2)
        assert [task.params["rows"] for task in second] == [10]
        assert second[0].params["source"] == first.params["source"]
        assert len(services.files.of_task(first.id)) == len(services.files.of_task(second[0].id)) == 1

    @pytest.mark.parametrize(
        "title", ["", "Clean a table for the March board", "Clean a table: airports.csv!"]
    )
    def test_what_was_chosen_is_taken_over_and_nothing_else(self, browser, services, title):
        browser.send(browser.open(), p_source=upload(), title=title, max_attempts="7", timeout_s="50")
        first = only(services)
        services.db.tasks.update_one({"_id": first.id}, {"$set": {"max_attempts": 9}})  # by retries
        form = browser.open(f"/tasks/new/clean_table?from={first.id}")
        assert [form[name] for name in ("title", "max_attempts", "timeout_s")] == [title, "7", "50"]

    def test_a_file_that_is_gone_is_said(self, browser, services, new_task):
        past = new_task(type="clean_table", params={"source": "0" * 24, "rows": 9, "old": 1})
        answer = browser.client.get(f"/tasks/new/clean_table?from={past.id}")
        assert Sent(answer.text).errors == {
            "p-source": "This file is no longer here. Please choose it again."
        }

    def test_a_past_run_deleted_meanwhile_does_not_stand_in_the_way(self, browser, services):
        browser.send(browser.open(), p_source=upload(), parent="0" * 24)
        assert only(services).parent is None

    @pytest.mark.parametrize(("text", "status"), [("0" * 24, 404), ("../x", 404), ("", 200)])
    def test_no_such_past_run(self, browser, text, status):
        assert browser.client.get("/tasks/new/clean_table", query_string={"from": text}).status_code == status

    def test_a_past_run_of_another_type(self, browser, new_task):
        assert browser.client.get(f"/tasks/new/clean_table?from={new_task().id}").status_code == 400


def test_times_are_utc_without_a_script(browser, services):
    browser.send(browser.open(), p_source=upload(), run_at="2031-05-06T07:08")
    assert only(services).run_at == datetime(2031, 5, 6, 7, 8, tzinfo=timezone.utc)


def test_the_task_page_of_the_redirect_is_the_task(browser, services):
    answer = browser.send(browser.open(), p_source=upload())
    assert parse_task_id(answer.location.rsplit("/", 1)[1]) == only(services).id
