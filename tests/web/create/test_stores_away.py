"""Create Task when a store is away, and the files that come with a form."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from redis.exceptions import ConnectionError as RedisAway

from app import create_app
from app.core.errors import QueueUnavailable
from app.core.services import assemble
from app.core.tasks.states import Status
from app.web.platform.security import MOST_PARTS
from tests.signing_in import signed_in
from tests.web.create.creating import Browser, Sent, publish, upload

MB = 2**20


def stored(services):
    return services.db["files.files"].count_documents({})


def tasks(services):
    return list(services.db.tasks.find())


class TestStores:
    @pytest.mark.parametrize("then", ["task", "another"])
    def test_redis_away_the_task_is_kept_and_starts_later(self, browser, services, monkeypatch, then):
        form = browser.open()

        def away(*args):
            raise QueueUnavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(services.queues, "push", away)
            answer = browser.send(form, p_source=upload(), then=then)
        assert answer.status_code == 303
        assert [task["status"] for task in tasks(services)] == [Status.QUEUED.value]
        with browser.client.session_transaction() as session:
            assert "Saved. The queue is not answering" in str(session["flashes"])
        assert sum(services.queues.depths().values()) == 0
        services.recovery.push_due()
        assert sum(services.queues.depths().values()) == 1

    def test_redis_away_the_form_opens_without_waits(self, browser, services, monkeypatch):
        def away(*args, **kwargs):
            raise RedisAway("away")

        monkeypatch.setattr(services.queues.redis, "pipeline", away)
        page = browser.client.get("/tasks/new/clean_table")
        assert page.status_code == 200
        assert "ahead" not in page.text

    @pytest.mark.parametrize("where", ["catalog", "tasks"])
    def test_mongodb_away_nothing_is_accepted_and_the_page_says_what_to_do(
        self, browser, services, monkeypatch, where
    ):
        form = browser.open()

        def away(*args, **kwargs):
            raise ServerSelectionTimeoutError("away")

        with monkeypatch.context() as patched:
            patched.setattr(
                *{"catalog": (services.catalog, "get"), "tasks": (services.tasks, "insert")}[where], away
            )
            answer = browser.send(form, p_source=upload())
            headers = {"X-Requested-With": "fetch", "Accept": "application/json"}
            in_place = browser.send(form, p_source=upload(), headers=headers)
        assert answer.status_code == in_place.status_code == 503
        assert "nothing was created. Go back: the form is as you left it." in answer.text
        assert "nothing was created. Please try again" in in_place.json["detail"]
        assert tasks(services) == []
        assert sum(services.queues.depths().values()) == 0
        assert browser.send(form, p_source=upload()).status_code == 303
        assert len(tasks(services)) == 1

    def test_mongodb_without_room_nothing_is_accepted_and_the_page_says_whom_to_tell(
        self, browser, services, monkeypatch
    ):
        form = browser.open()

        def full(*args, **kwargs):
            raise OperationFailure("no space left", 14031)

        with monkeypatch.context() as patched:
            patched.setattr(services.tasks, "insert", full)
            answer = browser.send(form, p_source=upload())
            patched.setattr(services.listing, "page", full)
            page = browser.client.get("/tasks")
        assert answer.status_code == page.status_code == 503
        assert "may be out of disk space. Contact your administrator." in answer.text
        assert "may be out of disk space. Contact your administrator." in page.text
        assert tasks(services) == []


class TestFiles:
    def test_an_upload_is_kept_when_something_else_is_wrong(self, browser, services):
        answer = browser.send(browser.open(), p_source=upload(), p_rows="0")
        again = Sent(answer.text)
        assert answer.status_code == 422
        assert "airports.csv" in answer.text
        assert "8 bytes, uploaded" in answer.text
        assert again.errors.keys() == {"p-rows"}
        assert browser.send(again.values, p_rows="1").status_code == 303
        assert tasks(services)[0]["params"]["source"] == again.values["p-source"]
        assert stored(services) == 1

    def test_another_file_takes_its_place(self, browser, services):
        form = Sent(browser.send(browser.open(), p_source=upload(), p_rows="0").text).values
        form.setlist("p-source", [form["p-source"], upload(b"x", "other.csv")])
        browser.send(form, p_rows="1")
        assert tasks(services)[0]["title"] == "Clean a table: other.csv"

    def test_a_file_may_be_taken_out_again(self, browser, services):
        form = Sent(browser.send(browser.open(), p_source=upload(), p_extra=upload(), p_rows="0").text).values
        form["drop-extra"] = "1"
        assert browser.send(form, p_rows="1").status_code == 303
        assert tasks(services)[0]["params"]["extra"] is None

    def test_an_empty_choice_is_no_file(self, browser):
        answer = browser.send(browser.open(), p_source=upload(b"", ""))
        assert Sent(answer.text).errors == {"p-source": "Please choose a file."}

    @pytest.mark.parametrize("file_id", ["0" * 24, "not an id", "12-byte-text", "$ne", "x" * 500])
    def test_an_unknown_id(self, browser, services, file_id):
        answer = browser.send(browser.open(), p_source=file_id)
        assert answer.status_code == 422
        assert Sent(answer.text).errors == {
            "p-source": "This file is no longer here. Please choose it again."
        }
        assert tasks(services) == []

    def test_somebody_elses_file(self, browser, services):
        import io

        theirs = services.files.save(io.BytesIO(b"secret"), "theirs.csv", "text/csv", "charlie", role="input")
        answer = browser.send(browser.open(), p_source=str(theirs.id))
        assert answer.status_code == 422
        assert "theirs.csv" not in answer.text
        assert str(theirs.id) not in answer.text
        assert tasks(services) == []

    @pytest.mark.parametrize("name", ["evil.exe", "table.csv.exe", "csv"])
    def test_a_kind_that_is_not_taken(self, browser, services, name):
        answer = browser.send(browser.open(), p_source=upload(name=name, kind="text/csv"))
        assert "isn't an accepted file type. Accepted: .csv, .tsv." in Sent(answer.text).errors["p-source"]
        assert stored(services) == 0

    def test_its_name_is_never_a_path(self, browser, services):
        browser.send(browser.open(), p_source=upload(name="../../etc/<b>x</b>.csv"))
        browser.send(browser.open(), p_source=upload(name="C:/tmp/AIRPORTS.CSV"))
        assert [file["filename"] for file in services.db["files.files"].find()] == ["b>.csv", "AIRPORTS.CSV"]

    def test_two_for_one(self, browser, services):
        answer = browser.send(browser.open(), p_source=[upload(), upload()])
        assert Sent(answer.text).errors == {"p-source": "Choose one file."}
        assert stored(services) == 0


class TestTooLarge:
    @pytest.fixture
    def small(self, settings, services):
        """The same stores under a limit of one megabyte."""
        from dataclasses import replace

        small = replace(settings, upload_max_mb=1)
        publish(services)
        app = create_app(small, assemble(small, services.db, services.queues.redis))
        return Browser(signed_in(app.test_client(), services))

    def test_a_file_above_the_limit_is_said_beside_its_field(self, small, services):
        answer = small.send(small.open(), p_source=upload(b"x" * (MB + 1)), p_label="kept")
        assert answer.status_code == 422
        assert Sent(answer.text).errors == {"p-source": "airports.csv is larger than 1 MB, the limit here."}
        assert Sent(answer.text).values["p-label"] == "kept"
        assert (stored(services), services.db["files.chunks"].count_documents({})) == (0, 0)

    def test_a_request_far_above_the_limit_is_not_read(self, small, services):
        answer = small.send(small.open(), p_source=upload(b"x" * (3 * MB)))
        assert answer.status_code == 413
        assert "Too large" in answer.text
        assert (stored(services), tasks(services)) == (0, [])

    def test_text_without_end_is_not_read(self, browser, services):
        assert browser.send(browser.open(), p_note="x" * (5 * MB)).status_code == 413
        assert tasks(services) == []

    def test_parts_without_end_are_not_read(self, browser, services):
        """But a hundred rows of twenty fields are."""
        form = browser.open()
        form.update({f"p-row.{number}": "x" for number in range(2_100)})
        answer = browser.send(form)
        assert answer.status_code == 422
        assert "It has none of 2,080 other fields that came, either." in answer.text
        form.setlist("p-checks", ["empty"] * MOST_PARTS)
        assert "shorter texts or fewer rows" in browser.send(form).text
        assert tasks(services) == []

    def test_an_upload_is_spooled_to_disk_and_not_held(self, browser, monkeypatch):
        kinds = []
        original = type(browser.client.application.extensions["services"].files).save

        def spy(self, source, *args, **kwargs):
            kinds.append(getattr(source, "_rolled", True))
            return original(self, source, *args, **kwargs)

        monkeypatch.setattr("app.core.files.store.Files.save", spy)
        browser.send(browser.open(), p_source=upload(b"x" * (2 * MB)))
        assert kinds == [True]


class TestSentAsSoonAsChosen:
    def send(self, browser, file, address="/tasks/new/clean_table/source"):
        token = browser.open()["csrf_token"]
        return browser.post(
            address, {"file": file}, headers={"X-CSRFToken": token, "Accept": "application/json"}
        )

    def test_it_is_stored_and_its_id_makes_a_task(self, browser, services):
        answer = self.send(browser, upload())
        assert (answer.status_code, answer.json["name"], answer.json["size"]) == (
            201,
            "airports.csv",
            "8 bytes",
        )
        assert browser.send(browser.open(), p_source=answer.json["id"]).status_code == 303
        assert tasks(services)[0]["params"]["source"] == answer.json["id"]
        assert stored(services) == 1

    def test_what_is_refused_comes_as_a_sentence(self, browser, services):
        answer = self.send(browser, upload(name="x.exe"))
        assert (answer.status_code, answer.json["detail"]) == (
            422,
            "x.exe isn't an accepted file type. Accepted: .csv, .tsv.",
        )
        assert stored(services) == 0

    @pytest.mark.parametrize("address", ["clean_table/rows", "clean_table/nothing", "nothing/source"])
    def test_no_such_place(self, browser, services, address):
        assert self.send(browser, upload(), f"/tasks/new/{address}").status_code == 404
        assert stored(services) == 0

    def test_not_without_a_token(self, browser, services):
        answer = browser.post("/tasks/new/clean_table/source", {"file": upload()})
        assert (answer.status_code, stored(services)) == (400, 0)
