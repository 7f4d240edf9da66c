"""Everything that can go wrong has its status and a sentence that says what to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from bson import ObjectId
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import IterUnreader
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from app.core.errors import Conflict, Invalid
from app.web.platform.errors import problem_of
from tests.web.looking import succeed

NOBODY = ObjectId("0123456789abcdef01234567")  # the same in each process that collects these tests


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/nothing", 404, "There is no page at this address."),
        ("/tasks/zzz", 404, "“zzz” isn't a valid task ID. Task IDs are 24 characters (0–9, a–f)."),
        (f"/tasks/{NOBODY}", 404, f"Task {NOBODY} doesn't exist. It may have been deleted"),
        (f"/tasks/{NOBODY}/result.json", 404, f"Task {NOBODY} doesn't exist"),
        (f"/tasks/{NOBODY}/log", 404, f"Task {NOBODY} doesn't exist"),
        (f"/tasks/{NOBODY}/files/x", 404, "doesn't exist"),
        ("/tasks?color=red", 400, "There is no filter “color”."),
        (
            "/tasks?per_page=1000000",
            400,
            "“1000000” isn't a valid page size. Use one of: 25, 50, 100, 200.",
        ),
        ("/tasks?sort=owner", 400, "“owner” isn't a valid sort."),
        ("/tasks?status=lost", 400, "“lost” isn't a valid status."),
        ("/tasks?priority=low&priority=high", 400, "may be given once"),
        ("/tasks?after=1", 400, "Start again from the first page"),
        ("/tasks/rows?ids=1.2", 400, "task IDs"),
        ("/tasks/rows", 400, "task IDs"),
        ("/?failures=1y", 400, "“failures” is one of: 1h, 24h, 7d."),
        ("/?x=1", 400, "“x” is not understood here."),
    ],
)
def test_bad_addresses(alice, address, status, sentence):
    assert sentence in alice.read(address, status)


@pytest.mark.parametrize("attempt", ["0", "2", "-1", "x", "9" * 40, "²"])
def test_an_attempt_that_there_is_not(alice, services, new_task, attempt):
    task = succeed(services, new_task())
    assert "it had 1 so far" in alice.read(f"/tasks/{task.id}?attempt={attempt}", 400)


def test_a_program_gets_json(client):
    answer = client.get("/tasks?color=red", headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 400
    assert answer.json["detail"].startswith("There is no filter “color”.")


def test_mongodb_away_is_503(alice, services, monkeypatch):
    def away(*_):
        raise ServerSelectionTimeoutError("10.0.0.7:27017 refused")

    monkeypatch.setattr(services.listing, "page", away)
    page = alice.read("/tasks", 503)
    assert "The database (MongoDB) did not answer in time. Please try again" in page
    assert "10.0.0.7" not in page


def test_what_was_not_foreseen_gives_nothing_away_and_is_logged(client, services, monkeypatch, caplog):
    def broken(*_):
        raise OperationFailure("the password of admin is wrong")

    monkeypatch.setattr(services.listing, "page", broken)
    answer = client.get("/tasks")
    assert answer.status_code == 500
    assert "password" not in answer.text
    assert "GET /tasks failed" in caplog.text


def test_too_large(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 10)
    answer = client.post(f"/tasks/{NOBODY}/cancel", data={"csrf_token": "x" * 100})
    assert answer.status_code == 413
    assert "smaller file" in answer.text


def test_a_wrong_method_names_the_right_one(client):
    answer = client.delete("/tasks")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_an_error_page_asks_no_store(alice, services, monkeypatch):
    monkeypatch.setattr(services.stats, "queues", lambda: pytest.fail("asked"))
    assert "Not found" in alice.read("/nothing", 404)


def test_words_and_fields_come_from_the_core():
    assert problem_of(Conflict("Too late.")).status == 409
    assert problem_of(Invalid("Look again.", {"rows": "One or more."})).fields == {"rows": "One or more."}


CHUNKS = [b"zz\r\nab\r\n", b"5\r\nab", b"2\r\nabXX", b"-1\r\n", b"2;a=\x00\r\nab\r\n0\r\n\r\n"]


@pytest.mark.parametrize("body", CHUNKS)
def test_a_body_in_malformed_chunks_is_a_bad_request(client, body):
    chunks = Body(ChunkedReader(SimpleNamespace(trailers=[]), IterUnreader([body])))
    answer = client.post(
        "/sign-in",
        environ_overrides={"wsgi.input": chunks, "wsgi.input_terminated": True},
        headers={"Transfer-Encoding": "chunked"},
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 400
