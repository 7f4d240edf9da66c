"""IDs of requests and the log line of each request."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, g

from app import create_app
from app.core.log_lines import request_id
from app.core.people.person import Origin, Person
from app.core.people.roles import Role, grants_of
from app.core.services import Services
from app.web.platform import permissions
from app.web.platform.permissions import requires
from app.web.request_log.addresses import loggable
from app.web.request_log.middleware import RequestLog
from app.web.request_log.origin import current_origin
from config import load

ID = re.compile("[0-9a-f]{16}")
LOCAL = {"ENVIRONMENT": "local", "SECRET_KEY": "tests-only"}
TOKEN = "A1-_" * 10 + "xyz"


def made(services: Services, **env: str) -> Flask:
    return create_app(load({**LOCAL, **env}), services)


def line(caplog: pytest.LogCaptureFixture) -> Any:
    (found,) = [record for record in caplog.records if record.name == "app.access"]
    return found


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "app.access")


def test_each_request_has_an_id_of_its_own(client):
    first, second = (client.get("/tasks").headers["X-Request-Id"] for _ in range(2))
    assert ID.fullmatch(first) and ID.fullmatch(second) and first != second


@pytest.mark.parametrize("given", ["7c1f-4a2b.x_9", "a" * 64])
def test_the_id_of_a_trusted_proxy_is_used(given, services):
    answer = made(services, WEB_PROXIES="1").test_client().get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given",
    ["short", "a" * 65, "a b c d e f", "12345678\x1b[2K", "<script>8", "12345678,12345678", "é1234567"],
)
def test_an_id_that_is_not_plain_is_not_used(given, services):
    answer = made(services, WEB_PROXIES="1").test_client().get("/healthz", headers={"X-Request-Id": given})
    assert ID.fullmatch(answer.headers["X-Request-Id"])


def test_nobody_else_chooses_an_id(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "7c1f4a2b7c1f4a2b"})
    assert answer.headers["X-Request-Id"] != "7c1f4a2b7c1f4a2b"


def test_an_error_page_says_the_id(client):
    answer = client.get("/nowhere")
    assert f"<code>{answer.headers['X-Request-Id']}</code>" in answer.text


def test_a_problem_in_json_says_the_id(client):
    answer = client.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_an_answer_in_text_says_the_id(services):
    answer = made(services, WEB_HOSTS="tasks.example").test_client().get("/tasks", base_url="http://x y")
    assert answer.headers["X-Request-Id"] in answer.text


def test_lines_in_a_request_have_its_id(app, monkeypatch):
    seen = []
    monkeypatch.setitem(
        app.view_functions, "tasks.index", requires("public")(lambda: seen.append(request_id()) or "")
    )
    answer = app.test_client().get("/tasks", buffered=True)
    assert seen == [answer.headers["X-Request-Id"]]
    assert request_id() == ""


def test_an_unforeseen_error_is_logged_with_the_id_and_without_secrets(app, monkeypatch, caplog):
    @requires("public")
    def broken(task_id: str) -> str:
        raise ValueError("a defect")

    monkeypatch.setitem(app.view_functions, "tasks.detail", broken)
    answer = app.test_client().get(f"/tasks/{TOKEN}")
    assert answer.status_code == 500 and answer.headers["X-Request-Id"] in answer.text
    assert "/tasks/… failed" in caplog.text and TOKEN not in caplog.text


def test_a_line_says_what_was_asked_and_how_it_was_answered(client, caplog):
    answer = client.get("/tasks?status=failed&q=a+secret", buffered=True)
    found = line(caplog)
    assert (found.method, found.path, found.status) == ("GET", "/tasks?status=failed&…", 200)
    assert found.bytes == len(answer.data) and 0 < found.duration_ms < 60_000
    assert (found.address, found.person, found.person_name) == ("127.0.0.1", "local", "local")
    assert (found.levelno, found.name) == (logging.INFO, "app.access")
    assert "GET /tasks?status=failed&… 200" in found.getMessage()


def test_the_address_is_that_behind_the_proxies(services, caplog):
    client = made(services, WEB_PROXIES="1").test_client()
    client.get("/tasks", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}, buffered=True)
    assert line(caplog).address == "198.51.100.7"


def test_what_is_no_address_forges_none(services, caplog):
    client = made(services, WEB_PROXIES="1").test_client()
    client.get("/tasks", headers={"X-Forwarded-For": "1.2.3.4 by bob (b1)"}, buffered=True)
    assert line(caplog).address == ""
    assert "bob" not in line(caplog).getMessage()


@pytest.mark.parametrize("address", ["/healthz", "/static/platform/app.css"])
def test_static_files_and_health_are_of_level_debug(address, client, caplog):
    client.get(address, buffered=True)
    assert line(caplog).levelno == logging.DEBUG


def test_the_lines_can_be_off(services, caplog):
    client = made(services, ACCESS_LOG="off").test_client()
    answer = client.get("/tasks", buffered=True)
    assert answer.headers["X-Request-Id"]
    assert [record for record in caplog.records if record.name == "app.access"] == []


def test_a_refusal_has_a_line_with_who_was_refused(app, client, caplog, monkeypatch):
    bob = Person("b1", "Bob", Role.VIEWER, grants=grants_of(Role.VIEWER))
    monkeypatch.setattr(permissions, "current_person", lambda: bob)
    assert client.get("/tasks/new", buffered=True).status_code == 403
    assert (line(caplog).status, line(caplog).person_name) == (403, "Bob")


def test_an_answer_that_is_streamed_counts_whole(app, monkeypatch, caplog):
    def pieces() -> Iterator[bytes]:
        yield b"x" * 10
        assert request_id()
        yield b"y" * 5

    monkeypatch.setitem(app.view_functions, "tasks.index", requires("public")(lambda: Response(pieces())))
    app.test_client().get("/tasks", buffered=True)
    assert line(caplog).bytes == 15


def test_a_defect_of_the_application_itself_has_a_line(services, caplog):
    app = create_app(load(LOCAL), services)

    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    outer: Any = app.wsgi_app
    while not isinstance(outer, RequestLog):
        outer = inspect.getclosurevars(outer).nonlocals["application"]
    outer._application = broken
    with pytest.raises(RuntimeError):
        app.test_client().get("/tasks")
    assert line(caplog).status == 500


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        ("/tasks", "", "/tasks"),
        (f"/sign-in/link/{TOKEN}", "", "/sign-in/link/…"),
        (f"/a/{TOKEN}{TOKEN}/b", "", "/a/…/b"),
        ("/x\r\n2026 INFO", "", "/x%0D%0A2026%20INFO"),
        (b"/\xff\x1b[2K", "", "/%EF%BF%BD%1B%5B2K"),
        ("/ä 200", "", "/%C3%A4%20200"),
        ("/tasks", "status=failed&priority=high", "/tasks?status=failed&priority=high"),
        ("/tasks", "q=secret&tag=a&token=b", "/tasks?…"),
        ("/tasks", "secret", "/tasks?…"),
        ("/tasks", "status=a%20b&sort=created", "/tasks?…&sort=created"),
        ("/tasks", "status=" + "x" * 61, "/tasks?…"),
        ("/" + "x/" * 500, "", ("/" + "x/" * 500)[:500]),
    ],
)
def test_nothing_secret_or_forged_is_in_an_address(path, query, shown):
    assert loggable(path, query) == shown


def test_the_origin_of_a_request(app):
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": "::1"}):
        assert current_origin() == Origin("::1", "", "session")
        g.via = "token"
        assert current_origin().via == "token"
    assert current_origin() == Origin()


def test_the_origin_has_the_id(app, monkeypatch):
    seen = []
    look = requires("public")(lambda: seen.append(current_origin()) or "")
    monkeypatch.setitem(app.view_functions, "tasks.index", look)
    answer = app.test_client().get("/tasks")
    assert seen == [Origin("127.0.0.1", answer.headers["X-Request-Id"], "session")]
